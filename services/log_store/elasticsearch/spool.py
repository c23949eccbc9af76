"""The disk spool: what `append` acknowledged, until it is delivered.

`append` returns when the batch is on the disk (one fsync for all that wait) and the database knows of its upload. What
was acknowledged is handed out by `take`, in order, again after a restart until `done` has been told, and at least once:
who takes it must be able to recognise a record that was delivered before (`Frame.in_doubt`).

    <folder>/lock                      held by the process that has the folder open
    <folder>/<number>-<salt>.spool     segments, see `segment.py` and `frame.py`
    <folder>/<number>-<salt>.done      which of a segment's frames are done
    <folder>/<...>-<offset>.damaged    bytes that were no frame any more, kept for whoever wants to look at them
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.clock import Clock
from services.errors import BackendUnavailable, ElkVisionError, QuotaExceeded
from services.log_store.elasticsearch.bookkeeping import Bookkeeping, KeyOf
from services.log_store.elasticsearch.frame import Frame, FrameHeader
from services.log_store.elasticsearch.segment import Sync, sync_folder
from services.log_store.elasticsearch.spool_backlog import Backlog
from services.log_store.elasticsearch.spool_damage import Damages
from services.log_store.elasticsearch.spool_group import Placed, Write
from services.log_store.elasticsearch.spool_keys import SpoolKeys
from services.log_store.elasticsearch.spool_lock import FolderLock
from services.log_store.elasticsearch.spool_owed import Pending
from services.log_store.elasticsearch.spool_recovery import Recovery
from services.log_store.elasticsearch.spool_writer import SpoolWriter
from services.log_store.interface import Appended, Idempotency, UploadProgress
from services.log_store.sequence import MAX_WORKER
from services.model import CODED_SCHEMA, LOG_SCHEMA, LogBatch

MEMORY_BYTES = 64 << 20
"""Recent frames are handed out from memory up to here."""
_RETRY_AFTER_S = 5
_CLOSE_S = 30.0
_SYNC: Sync = getattr(os, "fdatasync", os.fsync)  # not every system has the cheaper one
_NEEDED = [field.name for field in LOG_SCHEMA if not field.nullable]


@dataclass(frozen=True)
class SpoolState:
    """What the spool holds and what went wrong with it.

    disk_bytes, max_bytes  what its files take, and may take before writes are refused
    pending       of all organisations
    damaged       stretches of damaged bytes found by this process
    lost_records  records in them, as far as it is known how many
    torn_bytes    unfinished writes that were cut from the end at start
    failure       why the last write failed; "" where it did not
    """

    segments: int
    disk_bytes: int
    max_bytes: int
    pending: Pending
    damaged: int
    lost_records: int
    torn_bytes: int
    failure: str


class Spool:
    """One folder. Safe to use from any thread; `take` serves one caller at a time."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        bookkeeping: Bookkeeping,
        *,
        max_bytes: int,
        worker: int | None = 0,
        segment_bytes: int = 64 << 20,
        memory_bytes: int = MEMORY_BYTES,
        fsync: Sync = _SYNC,
    ):
        """Open the folder, make it where it is missing, repair what an earlier process left unfinished.

        worker  0 to 1023, part of every seq: different for processes that write at the same time; None for one that
                follows from the folder's identity, so that several processes need not agree on theirs
        Raises `BackendUnavailable`: the folder is held by another process or cannot be read or written, or the
        database cannot be reached.
        """
        if worker is not None and not 0 <= worker <= MAX_WORKER:
            raise ValueError(f"worker must lie between 0 and {MAX_WORKER}")
        self._folder = folder
        self._clock = clock
        self._max_bytes = max_bytes
        self._closed = False
        self._lock = _locked(folder)
        try:
            damages, recovery = self._recovered(folder, bookkeeping)
        except BaseException:
            self._lock.release()
            raise
        self._damages = damages
        self._backlog = Backlog(recovery.tallies, recovery.last_seqs, damages, memory_bytes)
        self._keys = SpoolKeys(bookkeeping, self._lock.identity, self._forward, self._backlog.settled)
        self._writer = SpoolWriter(
            folder,
            clock,
            self._backlog,
            fsync,
            newest=recovery.tallies[-1] if recovery.tallies else None,
            last_tick=recovery.last_tick,
            worker=int(self._lock.identity, 16) % (MAX_WORKER + 1) if worker is None else worker,
            segment_bytes=min(segment_bytes, max(max_bytes // 8, 1)),
            max_bytes=max_bytes,
            on_durable=self._on_durable,
            on_failed=self._on_failed,
        )

    def append(
        self,
        organisation_id: str,
        batch: LogBatch,
        idempotency: Idempotency | None = None,
        upload: UploadProgress | None = None,
    ) -> Appended:
        """Make a batch durable and say the ids of its records.

        Raises `Conflict` (idempotency), `StorageFull`, `QuotaExceeded` (too much waits for delivery),
        `BackendUnavailable`; `ValueError` for a batch that has not `LOG_SCHEMA` or `CODED_SCHEMA`.
        """
        write = Write(self._clock.now(), organisation_id, _checked(batch), _key(organisation_id, idempotency), upload)
        self._require_room()
        if write.key is not None:
            self._keys.want(write, write.key)
        else:
            self._writer.submit(write)
        return write.answer.result()

    def upload_progress(self, organisation_id: str, upload_id: str) -> UploadProgress | None:
        """The last progress that is durable with its records, of whatever process; None where there is none."""
        return self._keys.upload_progress(organisation_id, upload_id)

    def take(self, max_bytes: int, wait_s: float) -> list[Frame]:
        """The next frames that were not taken yet, in order, up to `max_bytes` of them or a single larger one.

        [] where none came within `wait_s`, and when the spool closes. Damaged frames are left out, said and counted.
        """
        return self._backlog.take(max_bytes, wait_s)

    def done(self, frames: Sequence[Frame]) -> None:
        """There is a definite answer for every record of these frames: they are never handed out again."""
        self._backlog.done(frames)

    def sync_done(self) -> None:
        """Make durable what `done` was told, which else a power cut may undo: frames then come again as in doubt.

        Raises `BackendUnavailable`.
        """
        try:
            self._backlog.sync_done()
            sync_folder(self._folder)
        except OSError as error:
            raise BackendUnavailable(f"The log spool cannot be written ({error.strerror}). Try again later.") from error

    def pending(self, organisation_id: str | None = None) -> Pending:
        """What was acknowledged and is not done, of one organisation or of all."""
        return self._backlog.pending(organisation_id)

    def state(self) -> SpoolState:
        """Figures for metrics and health."""
        failure = self._writer.failure
        return SpoolState(
            self._backlog.segments(),
            self._backlog.disk_bytes,
            self._max_bytes,
            self._backlog.pending(None),
            self._damages.stretches,
            self._damages.lost_records,
            self._damages.torn_bytes,
            str(failure) if failure is not None else "",
        )

    def close(self) -> None:
        """Finish what callers wait for and give the folder back. Frames that are not done are there at the next start."""
        if self._closed:
            return
        self._closed = True
        self._keys.finish_wanted()
        self._writer.close(_CLOSE_S)
        self._keys.close(_CLOSE_S)
        self._backlog.close()
        self._lock.release()

    def _recovered(self, folder: Path, bookkeeping: Bookkeeping) -> tuple[Damages, Recovery]:
        damages, identity = Damages(), self._lock.identity

        def replay(headers: list[FrameHeader]) -> None:
            bookkeeping.replay(identity, headers)

        try:
            recovery = Recovery(folder, damages, replay)
        except OSError as error:
            raise BackendUnavailable(f"The log spool in {folder} cannot be read ({error.strerror}).") from error
        bookkeeping.release_all(identity)
        return damages, recovery

    def _require_room(self) -> None:
        if self._closed:
            raise BackendUnavailable("The log store is closing.")
        if self._backlog.disk_bytes >= self._max_bytes and not self._backlog.is_newest_done:
            raise QuotaExceeded(
                "Too many records wait to be delivered to Elasticsearch. Try again later.", retry_after_s=_RETRY_AFTER_S
            )

    def _forward(self, write: Write) -> None:
        self._writer.submit(write)

    def _on_durable(self, placed: list[Placed]) -> None:
        self._keys.durable(placed)
        for each in placed:
            if each.write.upload is None:
                each.write.answer.set_result(each.answer)

    def _on_failed(self, write: Write, error: ElkVisionError) -> None:
        self._keys.failed(write)
        write.answer.set_exception(error)


def _locked(folder: Path) -> FolderLock:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FolderLock(folder)
    except OSError as error:
        raise BackendUnavailable(f"The log spool in {folder} cannot be written ({error.strerror}).") from error


def _key(organisation_id: str, idempotency: Idempotency | None) -> KeyOf | None:
    return KeyOf.of(organisation_id, idempotency) if idempotency is not None else None


def _checked(batch: LogBatch) -> LogBatch:
    if not (batch.schema.equals(LOG_SCHEMA) or batch.schema.equals(CODED_SCHEMA)):
        try:
            batch = batch.select(LOG_SCHEMA.names).cast(LOG_SCHEMA)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a batch of log records: {error}") from error
    missing = [name for name in _NEEDED if batch.column(name).null_count]
    if missing:
        raise ValueError(f"not a batch of log records: {', '.join(missing)} must not be NULL")
    return batch
