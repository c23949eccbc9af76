"""Records that the server refuses as they are: kept with its reason, shown, sent again or discarded by a person.

A record is here, durably, before its frame counts as delivered, and once: a kill in between brings the frame again, and the
id is known, also when it has left meanwhile. Sent again, it goes through the spool like a new record (with a new id), exactly once whenever a kill comes.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from services.clock import Clock
from services.errors import NotFound, StorageFull
from services.log_store.elasticsearch.bulk import ItemError
from services.log_store.elasticsearch.dead_letters_file import DeadLetterFile
from services.log_store.interface import Appended, Idempotency, UploadProgress
from services.model import LOG_SCHEMA, LogBatch

MAX_BYTES = 256 << 20
"""Of one organisation. Beyond, its delivery waits for somebody to look: nothing is dropped."""

_SHORTEN_BYTES = 4 << 20
_REDRIVE_RECORDS = 1_000

Append = Callable[[str, LogBatch, Idempotency | None, UploadProgress | None], Appended]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeadLetter:
    """One record that was refused.

    at        when it came here, aware UTC
    status, type, reason  of the server's error
    attempts  how often it had been sent
    record    the columns of `LOG_SCHEMA`, `timestamp` in µs since 1970
    """

    id: str
    at: datetime
    status: int
    type: str
    reason: str
    attempts: int
    record: dict[str, Any]


class DeadLetters:
    """All organisations' dead letters, a file each in `folder`. Safe to use from any thread of one process."""

    def __init__(self, folder: Path, clock: Clock, max_bytes: int = MAX_BYTES):
        self._folder = folder
        self._clock = clock
        self._max_bytes = max_bytes
        self._lock = threading.RLock()
        folder.mkdir(parents=True, exist_ok=True)
        self._files = {path.stem: DeadLetterFile(path) for path in sorted(folder.glob("*.jsonl"))}

    def add(
        self, organisation_id: str, batch: LogBatch, ids: Sequence[str], errors: Sequence[ItemError], attempts: int
    ) -> int:
        """Keep refused records, durably; says how many were not there before.

        Raises `StorageFull` where the organisation has too many already or the disk is full; none of them is kept then.
        """
        with self._lock:
            file = self._file(organisation_id)
            rows = zip(ids, errors, _rows(batch), strict=True)
            entries = [self._entry(each, attempts) for each in rows if not file.knows(each[0])]
            if not entries:
                return 0
            if file.live_bytes + sum(len(orjson.dumps(entry)) for entry in entries) > self._max_bytes:
                raise StorageFull(f"{organisation_id} has too many refused records: send them again or discard them.")
            self._write(file, entries)
            return len(entries)

    def newest(self, organisation_id: str, limit: int = 50, *, offset: int = 0) -> list[DeadLetter]:
        """The newest dead letters first."""
        with self._lock:
            file = self._files.get(organisation_id)
            if file is None:
                return []
            wanted = list(reversed(file.places))[offset : offset + limit]
            return [_letter(entry) for entry in map(file.read, wanted) if entry is not None]

    def counts(self) -> dict[str, int]:
        """organisation -> number of its dead letters; without those that have none."""
        with self._lock:
            return {name: len(file.places) for name, file in self._files.items() if file.places}

    def count(self, organisation_id: str) -> int:
        """How many dead letters it has."""
        return self.counts().get(organisation_id, 0)

    def unreadable(self) -> int:
        """Lines that the disk damaged, over all organisations."""
        with self._lock:
            return sum(file.unreadable for file in self._files.values())

    def discard(self, organisation_id: str, ids: Collection[str] | None = None) -> int:
        """Forget dead letters for good (None: all); says how many. Raises `NotFound` for an id that is not there."""
        with self._lock:
            file = self._file(organisation_id)
            chosen = self._chosen(file, ids)
            if chosen:
                self._gone(file, chosen)
            return len(chosen)

    def redrive(self, organisation_id: str, append: Append, ids: Collection[str] | None = None) -> int:
        """Send dead letters again (None: all) through `append`, the spool's; says how many.

        Raises what `append` raises: what had gone by then is gone, the rest still there. `NotFound` as in `discard`.
        """
        with self._lock:
            file = self._file(organisation_id)
            chosen = self._chosen(file, ids)
            sent = set(self._finish_open(organisation_id, file, append))
            left = [identity for identity in chosen if identity not in sent]
            for at in range(0, len(left), _REDRIVE_RECORDS):
                part = left[at : at + _REDRIVE_RECORDS]
                key = f"elkvision-redrive:{uuid.uuid4().hex}"
                self._write(file, [{"op": "redrive", "key": key, "ids": part}])
                self._send(organisation_id, file, key, part, append)
            return len(sent & set(chosen)) + len(left)

    def resume(self, append: Append) -> int:
        """Finish what a kill interrupted in `redrive`; says how many records that were."""
        with self._lock:
            return sum(len(self._finish_open(name, file, append)) for name, file in list(self._files.items()))

    def _finish_open(self, organisation_id: str, file: DeadLetterFile, append: Append) -> list[str]:
        sent: list[str] = []
        for key, ids in list(file.open.items()):
            self._send(organisation_id, file, key, ids, append)
            sent += ids
        return sent

    def _send(self, organisation_id: str, file: DeadLetterFile, key: str, ids: Sequence[str], append: Append) -> None:
        entries = [(identity, file.read(identity)) for identity in ids]
        readable = [entry for _, entry in entries if entry is not None]
        if len(readable) < len(ids):
            log.error("%d refused records of %s can no longer be read", len(ids) - len(readable), organisation_id)
        if readable:
            batch = pa.Table.from_pylist([_row(entry["record"]) for entry in readable], schema=LOG_SCHEMA)
            # The key alone says that it is the same: some of the ids may be discarded or damaged by the second time.
            append(organisation_id, batch, Idempotency(key, key), None)
        self._gone(file, ids)

    def _gone(self, file: DeadLetterFile, ids: Sequence[str]) -> None:
        self._write(file, [{"op": "gone", "ids": list(ids), "at": self._clock.now().isoformat()}])
        if not file.places or file.size_bytes - file.live_bytes > max(_SHORTEN_BYTES, file.live_bytes):
            try:
                file.shorten(self._clock.now())
            except OSError as error:  # it is only longer than it need be
                log.warning("%s cannot be shortened: %s", file.path.name, error)

    def _write(self, file: DeadLetterFile, entries: Sequence[dict[str, Any]]) -> None:
        try:
            file.append([*entries])
        except OSError as error:
            raise StorageFull(f"Refused records cannot be kept: {error.strerror}.") from error

    def _file(self, organisation_id: str) -> DeadLetterFile:
        if organisation_id not in self._files:
            self._files[organisation_id] = DeadLetterFile(self._folder / f"{organisation_id}.jsonl")
        return self._files[organisation_id]

    def _chosen(self, file: DeadLetterFile, ids: Collection[str] | None) -> Sequence[str]:
        if ids is None:
            return [*file.places]
        unknown = [identity for identity in ids if identity not in file.places]
        if unknown:
            raise NotFound("There is no such refused record.")
        return [*dict.fromkeys(ids)]

    def _entry(self, each: tuple[str, ItemError, dict[str, Any]], attempts: int) -> dict[str, Any]:
        identity, error, record = each
        return {
            "op": "add",
            "id": identity,
            "at": self._clock.now().isoformat(),
            "status": error.status,
            "type": error.type,
            "reason": error.reason,
            "attempts": attempts,
            "record": record,
        }


def _rows(batch: LogBatch) -> Iterator[dict[str, Any]]:
    """Each record as JSON takes it; columns without a value are left out."""
    plain = batch.select(LOG_SCHEMA.names)
    at = plain.schema.get_field_index("timestamp")
    plain = plain.set_column(at, "timestamp", plain["timestamp"].cast(pa.int64()))
    for row in plain.to_pylist():
        yield {name: value for name, value in row.items() if value is not None}


def _row(record: dict[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(LOG_SCHEMA.names) | record


def _letter(entry: dict[str, Any]) -> DeadLetter:
    return DeadLetter(
        entry["id"],
        datetime.fromisoformat(entry["at"]),
        entry["status"],
        entry["type"],
        entry["reason"],
        entry["attempts"],
        entry["record"],
    )
