"""Where log records live: one interface, one contract suite (`tests/contracts/test_log_store.py`).

Promises:
- `append` returns when the batch is durable: it survives kill -9 and power loss from then on. A batch is stored
  whole or not at all.
- A read finds what the same process appended before it began. A store on a server waits for that, for a moment and where
  not too much is on its way; `settle` waits longer and says whether it is so.
- Records are ordered by (timestamp, seq). `seq` grows with commit order inside an organisation and survives a clock
  that steps back. A cursor is a position in that order, so paging never repeats or skips a record that was there
  when it began; records that arrive meanwhile may or may not be seen.
- Totals and counts are exact, unless an answer says that it is partial, or at least so many.
- Every call names the organisation; there is no way to ask without one.
Not promised: the order of batches that are appended concurrently.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa

from services.errors import Cancelled
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
    total_bound  lets the store stop counting there: `LogPage.total_is_at_least` then says that it did
    """

    query: Query = field(default_factory=MatchAll)
    start: datetime | None = None
    end: datetime | None = None
    newest_first: bool = True
    limit: int = 50
    offset: int = 0
    cursor: str | None = None
    with_total: bool = True
    total_bound: int | None = None


LogRecord = dict[str, Any]
"""One record for the edge: id, timestamp (aware datetime), the columns of LOG_SCHEMA without `shape`, `attributes` as
JSON text (byte-faithful), `tags` a list, absent values None."""


@dataclass(frozen=True)
class LogPage:
    """One page of records. `total` is exact, or None where it was not asked for.

    total_is_at_least  counting ended at `LogQuery.total_bound`: there may be more
    is_partial         not all records could be looked at: `total` counts those that were, the rest may hold more
    scanned_rows is about how many records were looked at: those that no index had shut out.
    A page of very large records ends early, with at least one: as long as there are more, `next_cursor` is not None.
    """

    records: list[LogRecord]
    total: int | None
    next_cursor: str | None
    took_ms: float
    scanned_rows: int
    total_is_at_least: bool = False
    is_partial: bool = False


Metric = Literal["count", "distinct", "sum", "avg", "min", "max", "p50", "p95", "p99"]
"""What is computed of each group. All but count need a field; all but count and distinct look at its numbers only."""

Calendar = Literal["day", "week", "month", "quarter", "year"]
"""Time buckets that follow the calendar of a time zone; a week begins on Monday."""


@dataclass(frozen=True)
class Aggregation:
    """One number for each group of the records that match.

    by         at most one "time" and two fields: a column or an attribute path, in the order of the result's columns. A
               record whose field holds a list counts once for each different value of it.
    interval_s width of a time bucket in seconds; buckets begin at multiples of it since 1970, UTC
    calendar   time buckets of the calendar of `zone` (IANA name) instead
    limit      keeps the largest groups (by number of records) of each field
    with_other everything beyond `limit` becomes one more group of that field, its metric computed over its records
    metric     of `field`, over the values that are numbers (see `services.query.language`), each element of a list one
               value; `distinct` over all values. Percentiles lie between two values in proportion. Both are exact in
               the embedded store; on Elasticsearch distinct is exact (but for a rare collision of hashes) up to 40,000
               values and percentiles up to 200,000 numbers, both less where an answer has many groups; beyond, close.

    Names are those of the query tree (no backslashes). Texts, times, ids and patterns are no groups; answers of more than
    100,000 rows and limits beyond 1,000 are refused: `InvalidQuery`.
    """

    by: tuple[str, ...] = ()
    interval_s: int | None = None
    limit: int = 20
    metric: Metric = "count"
    field: str | None = None
    calendar: Calendar | None = None
    zone: str = "UTC"
    with_other: bool = False


@dataclass(frozen=True)
class AggregateResult:
    """`table` has one column per entry of `by` ("time" as timestamp[us, UTC], bucket start) and `count` (int64: records).

    A metric other than count adds `value` (double, NULL for a group without a number; `distinct` is then 0). `with_other` adds one bool column
    `<field>.other` per field: true in the group of all the rest, where the field itself is NULL.
    Time rows come oldest first, other rows by falling count; empty buckets are left out.
    is_partial says that only some of the records could be looked at.
    """

    table: pa.Table
    took_ms: float
    scanned_rows: int
    is_partial: bool = False


@dataclass(frozen=True)
class LogContext:
    """The records around one: `before` and `after` oldest first, nearest to `record` at the inner ends.

    has_more_before, has_more_after say whether there are more of the same kind beyond.
    """

    before: list[LogRecord]
    record: LogRecord
    after: list[LogRecord]
    has_more_before: bool
    has_more_after: bool
    took_ms: float


SAME_STREAM = ("source", "service", "host")
"""Columns in which the records of one stream agree."""

FieldType = Literal["text", "keyword", "level", "time", "number", "boolean", "list", "object"]


@dataclass(frozen=True)
class FieldInfo:
    """A field of the records that match.

    name    a column, or the dotted path of an attribute as a query writes it
    types   what its values are, most frequent first; a mixed field has several
    count   records among those read that have it
    is_promoted  whether an attribute has a column of its own (fast to filter and count by)
    """

    name: str
    types: tuple[FieldType, ...]
    count: int
    is_promoted: bool = False


@dataclass(frozen=True)
class FieldsResult:
    """Fields by falling count, columns before attributes. `count / read_records` is a field's coverage.

    All records are read where they are at most a bound; else `read_records` of them, spread evenly over the matches.
    `has_more` where there are more paths than are told; `is_partial` where `total` counts only records looked at.
    """

    fields: list[FieldInfo]
    total: int
    read_records: int
    has_more: bool
    took_ms: float
    is_partial: bool = False


@dataclass(frozen=True)
class PatternCount:
    """A pattern among the records that match. id None: the records whose texts have no pattern.

    levels      (level, records), gravest first
    first, last times of its first and last record among the matches, aware UTC
    """

    id: int | None
    template: str
    count: int
    levels: tuple[tuple[str, int], ...]
    first: datetime
    last: datetime


@dataclass(frozen=True)
class PatternsResult:
    """Patterns by falling count; the counts of all patterns sum to `total`, those beyond the limit are `other_count`.

    is_partial says that only some of the records could be looked at.
    """

    patterns: list[PatternCount]
    total: int
    pattern_count: int
    other_count: int
    took_ms: float
    is_partial: bool = False


class Handle:
    """One running question, for whoever wants to watch or stop it. Safe to use from any thread.

    A store calls `begin` with what stops the work and what tells its progress, and `end` when it is over.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._interrupt: Callable[[], None] | None = None
        self._progress: Callable[[], float | None] | None = None
        self._cancelled = False

    def begin(self, interrupt: Callable[[], None], progress: Callable[[], float | None]) -> None:
        """The work begins. Raises `Cancelled` where it was cancelled before."""
        with self._lock:
            self.go_on()
            self._interrupt, self._progress = interrupt, progress

    def end(self) -> None:
        """The work is over; nothing is stopped any more."""
        with self._lock:
            self._interrupt = self._progress = None

    def cancel(self) -> None:
        """Stop the work: the call that does it raises `Cancelled`."""
        with self._lock:
            self._cancelled = True
            if self._interrupt is not None:
                self._interrupt()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled

    def go_on(self) -> None:
        """Raises `Cancelled` where it was cancelled: to be called between two steps, when nothing can be interrupted."""
        if self._cancelled:
            raise Cancelled("The search was cancelled.")

    @property
    def progress(self) -> float | None:
        """Share of the present step that is done, 0 to 1; None where it is not known."""
        with self._lock:
            return self._progress() if self._progress is not None else None


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
        """Store `batch` and return when it is durable.

        Raises `Conflict` (idempotency), `StorageFull`, `QuotaExceeded` (too much is on its way), `BackendUnavailable`.
        """

    def settle(self, organisation_id: str, timeout_s: float) -> bool:
        """Wait until reads find all that this process appended before; False where that took longer than `timeout_s`."""
        return True

    @abstractmethod
    def upload_progress(self, organisation_id: str, upload_id: str) -> UploadProgress | None:
        """The last progress stored with a batch of that upload, or None where none was."""

    @abstractmethod
    def search(self, organisation_id: str, query: LogQuery, *, handle: Handle | None = None) -> LogPage:
        """One page. Raises `InvalidQuery`, `BackendTimeout`, `Cancelled`, `QuotaExceeded` (too many heavy searches)."""

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
        handle: Handle | None = None,
    ) -> AggregateResult:
        """One number by time and fields over the records that match. Raises like `search`."""

    def aggregate_all(
        self,
        organisation_id: str,
        query: Query,
        aggregations: Sequence[Aggregation],
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        handle: Handle | None = None,
    ) -> list[AggregateResult]:
        """Several numbers of the same records, in the order asked; a store may read the records once for all of them."""
        return [
            self.aggregate(organisation_id, query, each, start=start, end=end, handle=handle) for each in aggregations
        ]

    @abstractmethod
    def context(
        self,
        organisation_id: str,
        record_id: str,
        *,
        before: int = 10,
        after: int = 10,
        same: Collection[str] = SAME_STREAM,
        handle: Handle | None = None,
    ) -> LogContext:
        """The up to 200 records before and after one, of those that agree with it in the columns `same` (NULL like NULL).

        `same` names some of source, service, host, environment, upload_id, trace_id, or none: then all are neighbours.
        Very large records leave out the farthest. Raises `NotFound`, `InvalidQuery`, `BackendTimeout`, `Cancelled`.
        """

    @abstractmethod
    def fields(
        self,
        organisation_id: str,
        query: Query,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        handle: Handle | None = None,
    ) -> FieldsResult:
        """The fields of the records that match, at most 1,000 paths besides the columns. Raises like `search`."""

    @abstractmethod
    def patterns(
        self,
        organisation_id: str,
        query: Query,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 50,
    ) -> PatternsResult:
        """The most frequent patterns among the records that match, counted exactly. Raises like `search`."""

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
