"""What an earlier process left in the folder of a spool."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from services.log_store.elasticsearch.frame import FrameHeader
from services.log_store.elasticsearch.segment import HEADER_BYTES, Segment, SegmentHeader, segments_of
from services.log_store.elasticsearch.segment_scan import Found, Hole, scan
from services.log_store.elasticsearch.spool_damage import Damages
from services.log_store.elasticsearch.spool_tally import Tally

Replay = Callable[[list[FrameHeader]], None]
"""Takes the headers of frames that bring keys or uploads, in order, some at a time."""
_REPLAYED_AT_ONCE = 500
_UNKNOWN_TICKS = 1 << 24
"""Left out behind a frame that cannot be read (4 s of ticks): its records may have been delivered, with their seq."""

log = logging.getLogger(__name__)


class Recovery:
    """Reads all segments: of the newest, which may have a torn end, every byte is checked, of the others the headers.

    tallies    the segments that are there, oldest first
    last_tick  the highest tick that was ever given out; -1 where none was
    last_seqs  the last seq of each organisation that has records there
    """

    def __init__(self, folder: Path, damages: Damages, replay: Replay):
        """What `replay` raises is passed on."""
        self.tallies: list[Tally] = []
        self.last_tick = -1
        self.last_seqs: dict[str, int] = {}
        self._damages = damages
        self._replay = replay
        self._unreplayed: list[FrameHeader] = []
        segments = [(segment, segment.header()) for segment in segments_of(folder)]
        ends = {header.previous: header.previous_end for _, header in segments if header is not None}
        for segment, header in segments:
            if header is None and segment.size() <= HEADER_BYTES:
                segment.remove()  # it was being created
            else:
                self.tallies.append(self._tally(segment, header, ends.get(segment.number)))
                self._read(self.tallies[-1], is_newest=segment is segments[-1][0])
                segment.close()
        self._replay_rest()
        for marks in folder.glob("*.done"):
            if not marks.with_suffix(".spool").exists():  # it was killed between the two deletions
                marks.unlink()

    def _tally(self, segment: Segment, header: SegmentHeader | None, end: int | None) -> Tally:
        if header is None:
            self._damages.note_header(segment)
        else:
            self.last_tick = max(self.last_tick, header.last_tick)
        size = segment.size()
        if end is not None and size < end:
            self._damages.note_end(segment, end - size)
        tally = Tally.of(segment, size if end is None else min(size, end))
        tally.in_doubt = True
        tally.done = tally.acks.read()
        return tally

    def _read(self, tally: Tally, *, is_newest: bool) -> None:
        try:
            for piece in scan(tally.segment, tally.end, with_payloads=is_newest):
                if isinstance(piece, Found):
                    self._count(tally, piece)
                else:
                    self._leave_out(tally, piece if is_newest else replace(piece, is_torn=False), is_newest)
        except OSError as error:
            log.error("spool: %s cannot be read: %s", tally.segment.path.name, error)
            tally.is_kept = True

    def _count(self, tally: Tally, found: Found) -> None:
        self._see(found.header)
        if found.offset not in tally.done:
            tally.add(found.header)
        if found.header.members:
            self._unreplayed.append(found.header)
        if len(self._unreplayed) >= _REPLAYED_AT_ONCE:
            self._replay_rest()

    def _leave_out(self, tally: Tally, hole: Hole, is_newest: bool) -> None:
        if hole.header is not None:
            self.last_tick = max(self.last_tick, hole.header.first_tick + hole.header.rows - 1)
        else:
            self.last_tick += _UNKNOWN_TICKS
        if hole.offset in tally.done:
            pass  # it was delivered before it was damaged
        elif not self._damages.note(tally.segment, hole):
            tally.is_kept = True
        elif hole.is_tail and is_newest:
            tally.segment.cut(hole.offset)
        if hole.is_tail:
            tally.end = hole.offset
        else:
            tally.holes[hole.offset] = hole.end

    def _see(self, header: FrameHeader) -> None:
        self.last_tick = max(self.last_tick, header.first_tick + header.rows - 1)
        if header.rows:
            self.last_seqs[header.organisation_id] = header.last_seq

    def _replay_rest(self) -> None:
        if self._unreplayed:
            self._replay(self._unreplayed)
        self._unreplayed = []
