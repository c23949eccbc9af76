"""The one writer of a spool: a thread that makes durable what callers queued, in groups over all organisations.

It never waits to make a group larger: while one group is synced the next one gathers. When a group fails its frames
are tried singly, and those of several writes once more each by itself, so a bad or a large one hurts nobody else.
"""

import errno
import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from services.clock import Clock
from services.errors import BackendUnavailable, ElkVisionError, QuotaExceeded, StorageFull
from services.log_store.elasticsearch.frame import Frame
from services.log_store.elasticsearch.segment import HEADER_BYTES, Segment, SegmentHeader, Sync
from services.log_store.elasticsearch.spool_backlog import Backlog
from services.log_store.elasticsearch.spool_group import Draft, Placed, Write, drafted, shared
from services.log_store.elasticsearch.spool_tally import Tally
from services.log_store.sequence import tick_of

GROUP_BYTES = 32 << 20
QUEUE_BYTES = 128 << 20
"""What may wait for the writer; the caller that would go beyond waits itself."""
QUEUE_WAIT_S = 30.0
_FULL = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger(__name__)


class SpoolWriter:
    """Queue and thread. The thread starts with the first write.

    on_durable(placed) and on_failed(write, error) answer the callers.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        backlog: Backlog,
        sync: Sync,
        *,
        newest: Tally | None,
        last_tick: int,
        worker: int,
        segment_bytes: int,
        max_bytes: int,
        on_durable: Callable[[list[Placed]], None],
        on_failed: Callable[[Write, ElkVisionError], None],
    ):
        self._folder = folder
        self._clock = clock
        self._backlog = backlog
        self._sync = sync
        self._last_tick = last_tick
        self._worker = worker
        self._segment_bytes = segment_bytes
        self._max_bytes = max_bytes
        self._on_durable = on_durable
        self._on_failed = on_failed
        self._before = newest
        self._number = newest.segment.number if newest else 0
        self._tally: Tally | None = None
        self._queue: deque[Write] = deque()
        self._queued_bytes = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self.failure: ElkVisionError | None = None
        """Why the last group could not be written; None where it could."""

    def submit(self, write: Write) -> None:
        """Queue a write. Raises `QuotaExceeded` where no room came free within `QUEUE_WAIT_S`, `BackendUnavailable`."""
        with self._changed:
            if not self._changed.wait_for(self._has_room, QUEUE_WAIT_S):
                raise QuotaExceeded("Too many records wait to be stored. Try again in a moment.", retry_after_s=5)
            if self._closing:
                raise BackendUnavailable("The log store is closing.")
            self._queue.append(write)
            self._queued_bytes += write.size_bytes
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self, timeout_s: float) -> None:
        """Finish what is queued; what is left after `timeout_s` is answered with an error."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)
        with self._changed:
            left = list(self._queue)
            self._queue.clear()
        for write in left:
            self._on_failed(write, BackendUnavailable("The log store closed before this was stored."))

    @property
    def last_tick(self) -> int:
        return self._last_tick

    def _has_room(self) -> bool:
        return self._closing or self._queued_bytes < QUEUE_BYTES

    def _run(self) -> None:
        while writes := self._next_group():
            try:
                self._store(writes)
            except Exception:  # the thread lives on: others wait
                log.exception("the spool's writer failed on an answer")

    def _next_group(self) -> list[Write]:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            group: list[Write] = []
            size = 0
            while self._queue and (not group or size + self._queue[0].size_bytes <= GROUP_BYTES):
                group.append(self._queue.popleft())
                size += group[-1].size_bytes
            self._queued_bytes -= size
            self._changed.notify_all()
            return group

    def _store(self, writes: list[Write]) -> None:
        frames = shared(writes)
        try:
            tally, drafts, end = self._write(frames)
        except Exception as error:  # whatever it is, every caller gets an answer
            self.failure = _as_ours(error)
            if len(writes) == 1:
                self._on_failed(writes[0], self.failure)
                return
            for part in frames if len(frames) > 1 else [[write] for write in writes]:
                self._store(part)
        else:
            self.failure = None
            self._publish(tally, drafts, end)

    def _write(self, frames: list[list[Write]]) -> tuple[Tally, list[Draft], int]:
        """Make frames durable; where, and where the next begins. Raises with none of them acknowledged."""
        tally = self._ready()
        now = self._clock.now()
        drafts: list[Draft] = []
        for writes in frames:
            first_tick = max(self._last_tick + 1, tick_of(now))
            drafts.append(drafted(writes, first_tick, self._worker, now, tally.segment.salt))
            self._last_tick = first_tick + drafts[-1].header.rows - 1
        return tally, drafts, self._append(tally, [piece for draft in drafts for piece in draft.pieces])

    def _append(self, tally: Tally, pieces: list[bytes | memoryview]) -> int:
        try:
            end = tally.segment.write(pieces, tally.end)
        except OSError:
            self._cut(tally)
            raise
        try:
            tally.segment.sync(self._sync)
        except OSError:
            self._cut(tally)
            self._abandon()  # the kernel may have dropped what it could not write, and say so only once
            raise
        return end

    def _cut(self, tally: Tally) -> None:
        try:
            tally.segment.cut(tally.end)
        except OSError as error:
            log.error("spool: %s cannot be cut: %s", tally.segment.path.name, error)
            self._abandon()  # the next segment says where this one ends

    def _abandon(self) -> None:
        if self._tally is not None:
            self._before, self._tally = self._tally, None

    def _publish(self, tally: Tally, drafts: list[Draft], end: int) -> None:
        frames: list[Frame] = []
        placed: list[Placed] = []
        offset, number = tally.end, tally.segment.number
        for draft in drafts:
            frames.append(Frame(draft.header, draft.records, False, number, offset, draft.length))
            offset += draft.length
            placed += draft.placed(number)
        self._backlog.add(number, frames, end)
        self._on_durable(placed)

    def _ready(self) -> Tally:
        """The segment to write to: a new one where there is none, it is large enough, or its space is to come free."""
        tally = self._tally
        is_full = tally is not None and tally.end >= self._segment_bytes
        if is_full or (self._backlog.is_newest_done and self._backlog.disk_bytes >= self._max_bytes):
            self._abandon()
        if self._tally is None:
            before = SegmentHeader(self._last_tick, 0, 0)
            if self._before is not None:
                before = SegmentHeader(self._last_tick, self._before.segment.number, self._before.end)
            self._number += 1
            segment = Segment.create(self._folder, self._number, before, self._sync)
            self._tally = Tally.of(segment, HEADER_BYTES)
            self._backlog.begin_segment(self._tally)
        return self._tally


def _as_ours(error: Exception) -> ElkVisionError:
    if isinstance(error, ElkVisionError):
        return error
    if isinstance(error, OSError) and error.errno in _FULL:
        return StorageFull("The disk of the log spool is full: nothing of this request was stored.")
    if isinstance(error, OSError):
        log.error("spool: a write failed: %s", error)
        return BackendUnavailable("The log spool cannot be written. Try again later.")
    log.error("the spool's writer failed", exc_info=error)
    return BackendUnavailable("The log store failed on this write.")
