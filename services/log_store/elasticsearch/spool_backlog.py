"""The frames that are durable and not delivered: handed out in order, forgotten when they are done.

Recent frames are handed out from memory, as long as a budget allows; the others are read back from their segments and
checked. No list of frames is kept: the place in the segment that is read is enough, so hours of an outage cost no
memory.
"""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from services.log_store.elasticsearch.frame import Frame
from services.log_store.elasticsearch.segment import HEADER_BYTES
from services.log_store.elasticsearch.segment_scan import Hole
from services.log_store.elasticsearch.spool_damage import Damages
from services.log_store.elasticsearch.spool_owed import Owed, Pending
from services.log_store.elasticsearch.spool_reading import read_back
from services.log_store.elasticsearch.spool_tally import Tally, Waiting

log = logging.getLogger(__name__)


class Backlog:
    """Safe to use from any thread; `take` serves one caller at a time."""

    def __init__(self, tallies: Iterable[Tally], last_seqs: dict[str, int], damages: Damages, memory_bytes: int):
        """`tallies` are the segments of earlier processes, oldest first; `last_seqs` by organisation."""
        self._tallies = {tally.segment.number: tally for tally in tallies}
        self._owed = Owed(last_seqs)
        for tally in self._tallies.values():
            for organisation_id, waiting in tally.waiting.items():
                self._owed.add(organisation_id, waiting.records, waiting.size_bytes)
        self._damages = damages
        self._memory_bytes = memory_bytes
        self._recent: dict[tuple[int, int], Frame] = {}
        self._recent_bytes = 0
        self._at = (0, HEADER_BYTES)
        self._passed_at: datetime | None = None
        self._changed = threading.Condition()
        self._taking = threading.Lock()
        self._reading: Tally | None = None
        self._closed = False

    # -- the writer's side ---------------------------------------------------------------------------------------

    def begin_segment(self, tally: Tally) -> None:
        """Frames go to a new segment from now on."""
        with self._changed:
            self._tallies[tally.segment.number] = tally
            self._forget_finished()

    def add(self, segment: int, frames: Sequence[Frame], end: int) -> None:
        """Frames of a segment are durable, and it holds up to `end`."""
        with self._changed:
            tally = self._tallies[segment]
            for frame in frames:
                tally.add(frame.header)
                tally.unsettled += len(frame.header.members)
                if frame.rows:
                    self._owed.stored(frame.header)
                    self._remember(frame)
            tally.end = end
            self._changed.notify_all()

    def settled(self, segment: int) -> None:
        """What one member of a frame in this segment brought is in the database."""
        with self._changed:
            self._tallies[segment].unsettled -= 1
            self._forget_finished()

    @property
    def is_newest_done(self) -> bool:
        """The newest segment has frames, and none of them is needed any more."""
        with self._changed:
            newest = self._newest()
            return newest is not None and newest.is_finished and newest.end > HEADER_BYTES

    @property
    def disk_bytes(self) -> int:
        """What all segments take."""
        with self._changed:
            return sum(tally.end for tally in self._tallies.values())

    # -- the reader's side ---------------------------------------------------------------------------------------

    def take(self, max_bytes: int, wait_s: float) -> list[Frame]:
        """The next frames, up to `max_bytes` of them or a single larger one; [] after `wait_s`, or when closed."""
        with self._taking:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._place() is not None, wait_s)
            taken: list[Frame] = []
            size = 0
            while (frame := self._next()) is not None and (not taken or size + frame.size_bytes <= max_bytes):
                self._pass(frame)
                taken.append(frame)
                size += frame.size_bytes
            return taken

    def done(self, frames: Sequence[Frame]) -> None:
        """Forget frames that were taken: there is a definite answer for each record. Nothing when closed."""
        with self._changed:
            if self._closed:
                return  # the files are another's now, perhaps: these frames come again
            mine = [frame for frame in frames if self._owed.done(frame)]
            for number, group in groupby(sorted(mine, key=_number), key=_number):
                tally = self._tallies[number]
                offsets = [frame.offset for frame in group]
                tally.live -= len(offsets)
                tally.acks.add(offsets)
            self._forget_finished()

    def sync_done(self) -> None:
        """Make durable which frames are done. Raises `OSError`."""
        with self._changed:
            for tally in self._tallies.values():
                tally.acks.sync()

    def pending(self, organisation_id: str | None) -> Pending:
        """What is not done, of one organisation or of all."""
        with self._changed:
            since = [waiting.since for waiting in self._waiting(organisation_id)]
            passed_at = self._passed_at
            return self._owed.pending(organisation_id, (max(each, passed_at or each) for each in since))

    def segments(self) -> int:
        """Number of files."""
        with self._changed:
            return len(self._tallies)

    def close(self) -> None:
        """Give the files back. `take` ends at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        with self._taking, self._changed:
            for tally in self._tallies.values():
                tally.acks.close()
                tally.segment.close()

    # -- places --------------------------------------------------------------------------------------------------

    def _next(self) -> Frame | None:
        """The frame at the present place, which stays where it is; None where nothing waits."""
        while True:
            with self._changed:
                place = None if self._closed else self._place()
                if place is None:
                    return None
                tally, offset = place
                if frame := self._recent.get((tally.segment.number, offset)):
                    return frame
                self._reading = tally
            frame = self._read(tally, offset)
            with self._changed:
                self._reading = None
                self._forget_finished()
            if frame is not None:
                return frame

    def _place(self) -> tuple[Tally, int] | None:
        """The first segment from the present place on that holds more, and where."""
        for tally in self._from_here():
            offset = self._at[1] if tally.segment.number == self._at[0] else HEADER_BYTES
            while offset in tally.holes:
                offset = tally.holes[offset]
            self._at = (tally.segment.number, offset)
            if offset < tally.end:
                return tally, offset
            self._reconcile(tally)
        return None

    def _from_here(self) -> Iterator[Tally]:
        at = self._at[0]
        return (tally for number, tally in self._tallies.items() if number >= at)

    def _read(self, tally: Tally, offset: int) -> Frame | None:
        """A frame from the disk; None where there is none to be delivered at this place, which then moves on."""
        try:
            found = read_back(tally, offset)
        except OSError as error:
            log.error("spool: %s cannot be read at %d: %s", tally.segment.path.name, offset, error)
            with self._changed:
                tally.is_kept = True
                self._at = (tally.segment.number, tally.end)
            return None
        with self._changed:
            if isinstance(found, Frame):
                self._recent[found.place] = found
                self._recent_bytes += found.size_bytes
                return found
            self._at = (tally.segment.number, found.end)
            if isinstance(found, Hole):
                self._skip(tally, found)
        return None

    def _skip(self, tally: Tally, hole: Hole) -> None:
        if not self._damages.note(tally.segment, hole):
            tally.is_kept = True
        if hole.header is not None:  # else it is counted when the segment has been read to its end
            header = hole.header
            tally.take(header)
            tally.live -= 1
            self._owed.remove(header.organisation_id, header.rows, header.size_bytes)
            tally.acks.add([hole.offset])

    def _reconcile(self, tally: Tally) -> None:
        """A segment that is written no more was read to its end: what still counts as waiting was not found in it."""
        if tally is self._newest() or not tally.waiting:
            return
        for organisation_id, waiting in tally.waiting.items():
            self._damages.lose(waiting.records, organisation_id, tally.segment)
            self._owed.remove(organisation_id, waiting.records, waiting.size_bytes)
        tally.waiting.clear()
        tally.live = self._owed.taken_of(tally.segment.number)

    def _remember(self, frame: Frame) -> None:
        if self._recent_bytes + frame.size_bytes <= self._memory_bytes:
            self._recent[frame.place] = frame
            self._recent_bytes += frame.size_bytes

    def _pass(self, frame: Frame) -> None:
        """A frame is handed out."""
        with self._changed:
            if self._recent.pop(frame.place, None) is not None:
                self._recent_bytes -= frame.size_bytes
            self._tallies[frame.segment].take(frame.header)
            self._owed.take(frame)
            self._at = (frame.segment, frame.offset + frame.length)
            self._passed_at = frame.header.stored_at

    # -- counts --------------------------------------------------------------------------------------------------

    def _newest(self) -> Tally | None:
        return next(reversed(self._tallies.values()), None)

    def _waiting(self, organisation_id: str | None) -> list[Waiting]:
        tallies = self._tallies.values()
        if organisation_id is None:
            return [waiting for tally in tallies for waiting in tally.waiting.values()]
        return [tally.waiting[organisation_id] for tally in tallies if organisation_id in tally.waiting]

    def _forget_finished(self) -> None:
        """Delete the segments of which nothing is needed, but the newest: it is written, and says the last seq."""
        needed = (self._newest(), self._reading)
        for tally in [each for each in self._tallies.values() if each.is_finished and each not in needed]:
            try:
                tally.segment.remove()
                tally.acks.remove()
            except OSError as error:
                log.warning("spool: %s could not be deleted: %s", tally.segment.path.name, error)
            del self._tallies[tally.segment.number]


def _number(frame: Frame) -> int:
    return frame.segment
