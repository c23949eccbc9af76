"""Where log records live: one interface, one contract suite (`tests/contracts/test_log_store.py`).

Promises:
- `append` returns when the batch is durable: it survives kill -9 and power loss from then on. A batch is stored
  whole or not at all. What was appended is found by a `search` that starts after `append` returned.
- Records are ordered by (timestamp, seq). `seq` grows with commit order inside an organisation and survives a clock
  that steps back. A cursor is a position in that order, so paging never repeats or skips a record that was there
  when it began; records that arrive meanwhile may or may not be seen.
- Totals are exact.
- Every call names the organisation; there is no way to ask without one.
Not promised: the order of batches that are appended concurrently.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from services.model import LogBatch
from services.query.language import MatchAll, Query

PREFERRED_BATCH_ROWS = 122_880
"""Appends of a multiple of this many records are the fastest: DuckDB writes whole row groups (of 30,720) straight to
the file, without its log."""


@dataclass(frozen=True)
class Idempotency:
    """Marks a write that may be sent twice: the same key with the same hash is stored once.

    `append` raises `Conflict` where the key came before with another `payload_hash`. Kept for 24 hours.
    """

    key: str
    payload_hash: str


@dataclass(frozen=True)
class UploadProgress:
    """How far an upload is done once this batch is durable: stored in the batch's own transaction.

    position counts from the start of the unpacked content and is opaque to the store.
    """

    upload_id: str
    position: int
    rows: int
    problems: int


@dataclass(frozen=True)
class Appended:
    """What `append` stored: ids in the order of the batch's rows. `replayed` where an idempotency key was seen before."""

    count: int
    first_seq: int
    ids: Sequence[str]
    replayed: bool = False


@dataclass(frozen=True)
class LogQuery:
    """One search. Times are aware UTC and half-open [start, end); None leaves that side open.

    `cursor` is an id from an earlier page's `next_cursor`; `offset` is for page numbers and at most 10,000.
    """

    query: Query = field(default_factory=MatchAll)
    start: datetime | None = None
    end: datetime | None = None
    newest_first: bool = True
    limit: int = 50
    offset: int = 0
    cursor: str | None = None
    with_total: bool = True


LogRecord = dict[str, Any]
"""One record for the edge: id, timestamp (aware datetime), the columns of LOG_SCHEMA without `shape`, `attributes` as
JSON text (byte-faithful), `tags` a list, absent values None."""


@dataclass(frozen=True)
class LogPage:
    """One page of records. `total` is exact, or None where it was not asked for.

    A page of very large records ends early, with at least one: as long as there are more, `next_cursor` is not None.
    """

    records: list[LogRecord]
    total: int | None
    next_cursor: str | None
    took_ms: float
    scanned_rows: int


@dataclass(frozen=True)
class Aggregation:
    """Counts of records by up to two of: "time", or a column name (level, source, service, environment, host, upload_id).

    `interval_s` is the width of a time bucket (buckets begin at multiples of it since 1970, UTC); `limit` keeps the
    largest groups of each field other than time.
    """

    by: tuple[str, ...] = ()
    interval_s: int | None = None
    limit: int = 20


@dataclass(frozen=True)
class AggregateResult:
    """`table` has one column per entry of `by` ("time" as timestamp[us, UTC], bucket start) and `count` (int64).

    Time rows come oldest first, other rows by falling count; empty buckets are left out.
    """

    table: pa.Table
    took_ms: float
    scanned_rows: int


@dataclass(frozen=True)
class Usage:
    """What an organisation's records take. `oldest` and `newest` are None when there are none."""

    records: int
    size_bytes: int
    oldest: datetime | None
    newest: datetime | None


class LogStore(ABC):
    """See the top of this file."""

    @abstractmethod
    def append(
        self,
        organisation_id: str,
        batch: LogBatch,
        *,
        idempotency: Idempotency | None = None,
        upload: UploadProgress | None = None,
    ) -> Appended:
        """Store `batch` and return when it is durable and can be found.

        Raises `Conflict` (idempotency), `StorageFull`, `BackendUnavailable`.
        """

    @abstractmethod
    def upload_progress(self, organisation_id: str, upload_id: str) -> UploadProgress | None:
        """The last progress stored with a batch of that upload, or None where none was."""

    @abstractmethod
    def search(self, organisation_id: str, query: LogQuery) -> LogPage:
        """One page. Raises `InvalidQuery`, `BackendTimeout`, `QuotaExceeded` (too many heavy searches at once)."""

    @abstractmethod
    def get(self, organisation_id: str, record_id: str) -> LogRecord:
        """The record with that id. Raises `NotFound`."""

    @abstractmethod
    def aggregate(
        self,
        organisation_id: str,
        query: Query,
        aggregation: Aggregation,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> AggregateResult:
        """Counts by time and fields over the records that match. Raises like `search`."""

    def aggregate_all(
        self,
        organisation_id: str,
        query: Query,
        aggregations: Sequence[Aggregation],
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[AggregateResult]:
        """Several counts of the same records, in the order asked; a store may read the records once for all of them."""
        return [self.aggregate(organisation_id, query, each, start=start, end=end) for each in aggregations]

    @abstractmethod
    def delete(
        self, organisation_id: str, query: Query, *, start: datetime | None = None, end: datetime | None = None
    ) -> int:
        """Remove the records that match, durably; says how many."""

    @abstractmethod
    def usage(self, organisation_id: str) -> Usage:
        """Records, bytes on disk, oldest and newest."""

    @abstractmethod
    def check(self) -> None:
        """Return quietly when the store can serve; raises `BackendUnavailable` or `StorageFull` with the reason."""

    @abstractmethod
    def close(self) -> None:
        """Finish what was accepted, then release files and threads. Later calls raise `BackendUnavailable`."""
