"""Searching log records: what pages, REST and exports ask, in the words of a request.

The service reads dates, filters and page numbers, checks the caller's right, and hands the store what it understands.
"""

import threading
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pyarrow as pa

from services.clock import Clock
from services.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    InvalidInput,
    InvalidQuery,
    NotFound,
    QuotaExceeded,
)
from services.log_store.interface import SAME_STREAM, Aggregation, Handle, LogContext, LogPage, LogRecord, LogStore
from services.model import LEVELS
from services.principal import Principal, Right, require
from services.query.language import MatchAll, parse
from services.search.buckets import DEFAULT_BUCKETS, floor, interval_for, span
from services.search.completeness import FRESH_WAIT_S, NOT_FRESH
from services.search.notices import Notice, attributes_in, notices
from services.search.requests import Asked, SearchRequest, asked_of, page_of

FACETS = ("source", "service", "environment", "host")
FACET_VALUES = 20
MAX_CONTEXT = 200
"""Records on each side of one."""
MAX_WAITING = 4
"""Questions that may wait for what is on its way at the same time: each holds a thread of the server."""


@dataclass(frozen=True)
class HistogramRow:
    """Records of one level in one bucket. `bucket` is its start, aware UTC."""

    bucket: datetime
    level: str
    count: int


@dataclass(frozen=True)
class Histogram:
    """Counts over time. Buckets without records are left out; start and end are what the buckets span, aware UTC.

    is_partial says that not all records could be looked at.
    """

    interval_s: int
    start: datetime
    end: datetime
    rows: list[HistogramRow]
    took_ms: float = 0.0
    is_partial: bool = False


@dataclass(frozen=True)
class Stats:
    """Exact counts of everything that matches; with `is_partial`, of the records that could be looked at.

    by_level has every level that occurs, gravest first; the others at most `FACET_VALUES` values, most frequent first,
    None for records without one.
    """

    total: int
    by_level: list[tuple[str, int]]
    by_source: list[tuple[str | None, int]]
    by_service: list[tuple[str | None, int]]
    by_environment: list[tuple[str | None, int]]
    by_host: list[tuple[str | None, int]]
    over_time: list[HistogramRow] = field(default_factory=list)
    interval_s: int = 1
    start: datetime | None = None
    end: datetime | None = None
    took_ms: float = 0.0
    is_partial: bool = False


@dataclass(frozen=True)
class Deletion:
    """How many records were deleted, or would be. `is_partial`: there may be more, not all could be looked at."""

    matched: int
    is_partial: bool = False


class Search:
    """Every question about single records. All calls raise `Forbidden`, `InvalidQuery` and the store's errors.

    With a `handle` whoever holds it can watch and stop the call: `Cancelled`.
    """

    def __init__(self, store: LogStore, clock: Clock):
        self._store = store
        self._clock = clock
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)

    def settle(self, principal: Principal) -> bool:
        """Wait until what was acknowledged before can be found; False where that takes longer than `FRESH_WAIT_S`.

        Also False, soon, where too many wait already.
        """
        require(principal, Right.READ_LOGS)
        if not self._waiting.acquire(timeout=1):
            return False
        try:
            return self._store.settle(principal.organisation_id, FRESH_WAIT_S)
        finally:
            self._waiting.release()

    def search(self, principal: Principal, request: SearchRequest, *, handle: Handle | None = None) -> LogPage:
        """One page of records and the exact total, or with `request.total_bound` at most that."""
        require(principal, Right.READ_LOGS)
        page = self._store.search(principal.organisation_id, page_of(request, self._asked(request)), handle=handle)
        return _bounded(page, request.total_bound)

    def notices(self, principal: Principal, request: SearchRequest) -> list[Notice]:
        """Why the query may have found nothing: fields in it that no record of the organisation has."""
        require(principal, Right.READ_LOGS)
        names = attributes_in(parse(request.query))
        if not names:
            return []
        try:
            there = self._store.fields(principal.organisation_id, MatchAll(), start=None, end=None)
        except (BackendError, QuotaExceeded):  # the search itself was answered; a remark is not worth an error
            return []
        return notices(request.query, names, there) if there.total else []

    def get(self, principal: Principal, record_id: str, *, fresh: bool = False) -> LogRecord:
        """The record with that id. Raises `NotFound`.

        With `fresh` one that was just acknowledged is waited for; raises `BackendTimeout` where it may still come.
        """
        require(principal, Right.READ_LOGS)
        try:
            return self._store.get(principal.organisation_id, record_id)
        except NotFound:
            if not fresh:
                raise
        if not self.settle(principal):
            raise BackendTimeout(f"No record of this id is here yet. {NOT_FRESH}")
        return self._store.get(principal.organisation_id, record_id)

    def context(
        self,
        principal: Principal,
        record_id: str,
        *,
        before: int = 10,
        after: int = 10,
        same: Collection[str] = SAME_STREAM,
        handle: Handle | None = None,
    ) -> LogContext:
        """The records around one that agree with it in the columns `same`. Raises `NotFound`, `InvalidInput`."""
        require(principal, Right.READ_LOGS)
        for name, number in (("before", before), ("after", after)):
            if not 0 <= number <= MAX_CONTEXT:
                raise InvalidInput(f"{name} is 0 to {MAX_CONTEXT}.", field=name)
        return self._store.context(
            principal.organisation_id, record_id, before=before, after=after, same=same, handle=handle
        )

    def histogram(
        self,
        principal: Principal,
        request: SearchRequest,
        *,
        buckets: int = DEFAULT_BUCKETS,
        handle: Handle | None = None,
    ) -> Histogram:
        """Counts by time and level, in at most about `buckets` buckets of a round width."""
        require(principal, Right.READ_LOGS)
        if buckets < 1:
            raise InvalidQuery("A histogram has at least one bucket.", expected="buckets of 1 or more")
        asked = self._asked(request)
        first, last, width = self._buckets(principal.organisation_id, asked, buckets)
        found = self._store.aggregate(
            principal.organisation_id, asked.query, _over_time(width), start=asked.start, end=asked.end, handle=handle
        )
        return Histogram(width, first, last, _histogram_rows(found.table), found.took_ms, found.is_partial)

    def stats(self, principal: Principal, request: SearchRequest, *, handle: Handle | None = None) -> Stats:
        """Exact totals by level, source, service, environment, host and over time."""
        require(principal, Right.READ_LOGS)
        asked, organisation_id = self._asked(request), principal.organisation_id
        first, last, width = self._buckets(organisation_id, asked, DEFAULT_BUCKETS)
        counts = [_over_time(width), *(Aggregation(by=(name,), limit=FACET_VALUES) for name in FACETS)]
        found = self._store.aggregate_all(
            organisation_id, asked.query, counts, start=asked.start, end=asked.end, handle=handle
        )
        over_time = _histogram_rows(found[0].table)
        by_level = dict.fromkeys(reversed(LEVELS), 0)
        for row in over_time:
            by_level[row.level] += row.count
        facets = {name: _values(name, result.table) for name, result in zip(FACETS, found[1:], strict=True)}
        return Stats(
            total=sum(by_level.values()),
            by_level=[(level, count) for level, count in by_level.items() if count],
            by_source=facets["source"],
            by_service=facets["service"],
            by_environment=facets["environment"],
            by_host=facets["host"],
            over_time=over_time,
            interval_s=width,
            start=first,
            end=last,
            took_ms=sum(result.took_ms for result in found),
            is_partial=any(result.is_partial for result in found),
        )

    def delete(self, principal: Principal, request: SearchRequest, *, dry_run: bool = False) -> Deletion:
        """Remove everything that matches; says how many records that were, or with `dry_run` would be.

        What was just acknowledged is waited for; raises `BackendUnavailable` where it does not arrive.
        Raises `InvalidInput` where the request says nothing about the records: everything is `query="*"`.
        """
        require(principal, Right.DELETE_LOGS)
        if not request.names_records:
            raise InvalidInput(
                "Say which records to delete: a query, a filter or a time range. `query=*` deletes all.", field="query"
            )
        asked = self._asked(request)
        if not dry_run:
            return Deletion(
                self._store.delete(principal.organisation_id, asked.query, start=asked.start, end=asked.end)
            )
        if not self.settle(principal):
            raise BackendUnavailable("Records are still on their way, and cannot be counted yet. Try again.")
        found = self._store.aggregate(
            principal.organisation_id, asked.query, Aggregation(), start=asked.start, end=asked.end
        )
        return Deletion(found.table["count"][0].as_py(), found.is_partial)

    def _asked(self, request: SearchRequest) -> Asked:
        return asked_of(request, self._clock.now())

    def _buckets(self, organisation_id: str, asked: Asked, buckets: int) -> tuple[datetime, datetime, int]:
        """(start of the first bucket, end of the range, width in seconds)."""
        first, last = span(self._store, organisation_id, asked, self._clock)
        width = interval_for(first, last, buckets)
        return floor(first, width), last, width


def _bounded(page: LogPage, bound: int | None) -> LogPage:
    """What a store counted beyond the bound is not told: an answer is the same whatever store gives it."""
    if bound is None or page.total is None or page.total <= bound:
        return page
    return replace(page, total=bound, total_is_at_least=True)


def _over_time(width_s: int) -> Aggregation:
    return Aggregation(by=("time", "level"), interval_s=width_s, limit=len(LEVELS))


def _histogram_rows(table: pa.Table) -> list[HistogramRow]:
    rows = [HistogramRow(row["time"].astimezone(UTC), row["level"], row["count"]) for row in table.to_pylist()]
    return sorted(rows, key=lambda row: (row.bucket, LEVELS.index(row.level)))


def _values(name: str, table: pa.Table) -> list[tuple[str | None, int]]:
    return [(row[name], row["count"]) for row in table.to_pylist()]
