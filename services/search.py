"""Searching log records: what pages, REST and exports ask, in the words of a request.

The service reads dates, filters and page numbers, checks the caller's right, and hands the store one `LogQuery`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from services.clock import Clock
from services.errors import InvalidQuery
from services.log_store.interface import Aggregation, LogPage, LogQuery, LogRecord, LogStore
from services.model import LEVELS
from services.principal import Principal, Right, require
from services.query.dates import range_end, range_start, zone_of
from services.query.fields import canonical_level
from services.query.language import And, Field, MatchAll, Or, Query, parse

MAX_HITS_BY_PAGE = 10_000
"""Page numbers end here; a cursor goes on without end."""
MAX_PAGE_SIZE = 1_000
FACETS = ("source", "service", "environment", "host")
FACET_VALUES = 20
DEFAULT_BUCKETS = 60

_LATEST = datetime.max.replace(tzinfo=UTC)

WIDTHS_S: tuple[int, ...] = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * width for width in (1, 2, 5, 10, 15, 30)),
    *(3_600 * width for width in (1, 2, 3, 6, 12)),
    *(86_400 * width for width in (1, 2, 7, 14, 30, 90, 180, 365, 730, 1_825, 3_650)),
)
"""Round widths of a time bucket, in seconds."""


@dataclass(frozen=True)
class SearchRequest:
    """One search in the words of a user.

    start, end  RFC 3339, a bare date (an end includes its whole day), epoch, `now-15m`, `now-1d/d`; None is open
    timezone    IANA name for dates and times without an offset, and for `/d`
    levels …    values of one filter are alternatives; different filters must all hold
    page        from 1; ignored with a cursor
    """

    query: str = ""
    levels: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    timezone: str = "UTC"
    page: int = 1
    page_size: int = 50
    cursor: str | None = None
    newest_first: bool = True
    upload_id: str | None = None


@dataclass(frozen=True)
class HistogramRow:
    """Records of one level in one bucket. `bucket` is its start, aware UTC."""

    bucket: datetime
    level: str
    count: int


@dataclass(frozen=True)
class Histogram:
    """Counts over time. Buckets without records are left out; start and end are what the buckets span, aware UTC."""

    interval_s: int
    start: datetime
    end: datetime
    rows: list[HistogramRow]
    took_ms: float = 0.0


@dataclass(frozen=True)
class Stats:
    """Exact counts of everything that matches.

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


class Search:
    """Every question about stored records. All calls raise `Forbidden`, `InvalidQuery` and the store's errors."""

    def __init__(self, store: LogStore, clock: Clock):
        self._store = store
        self._clock = clock

    def search(self, principal: Principal, request: SearchRequest) -> LogPage:
        """One page of records and the exact total."""
        require(principal, Right.READ_LOGS)
        start, end = self.resolve_range(request)
        query = LogQuery(
            query=query_of(request),
            start=start,
            end=end,
            newest_first=request.newest_first,
            limit=_page_size(request),
            offset=0 if request.cursor else _offset(request),
            cursor=request.cursor or None,
        )
        return self._store.search(principal.organisation_id, query)

    def get(self, principal: Principal, record_id: str) -> LogRecord:
        """The record with that id. Raises `NotFound`."""
        require(principal, Right.READ_LOGS)
        return self._store.get(principal.organisation_id, record_id)

    def histogram(self, principal: Principal, request: SearchRequest, *, buckets: int = DEFAULT_BUCKETS) -> Histogram:
        """Counts by time and level, in at most about `buckets` buckets of a round width."""
        require(principal, Right.READ_LOGS)
        if buckets < 1:
            raise InvalidQuery("A histogram has at least one bucket.", expected="buckets of 1 or more")
        start, end = self.resolve_range(request)
        first, last, width = self._buckets(principal.organisation_id, start, end, buckets)
        aggregation = _over_time(width)
        found = self._store.aggregate(principal.organisation_id, query_of(request), aggregation, start=start, end=end)
        return Histogram(width, first, last, _histogram_rows(found.table), found.took_ms)

    def _buckets(
        self, organisation_id: str, start: datetime | None, end: datetime | None, buckets: int
    ) -> tuple[datetime, datetime, int]:
        """(start of the first bucket, end of the range, width in seconds)."""
        first, last = self._span(organisation_id, start, end)
        width = interval_for(first, last, buckets)
        return _floor(first, width), last, width

    def _span(self, organisation_id: str, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
        """The asked range; an open side ends where the organisation's records end."""
        if start is not None and end is not None:
            return start, end
        usage = self._store.usage(organisation_id)
        now = self._clock.now()
        first = start or usage.oldest or (end or now) - timedelta(hours=1)
        last = end or min(usage.newest or now, _LATEST - timedelta(microseconds=1)) + timedelta(microseconds=1)
        return first, max(first, last)

    def stats(self, principal: Principal, request: SearchRequest) -> Stats:
        """Exact totals by level, source, service, environment, host and over time."""
        require(principal, Right.READ_LOGS)
        start, end = self.resolve_range(request)
        organisation_id = principal.organisation_id
        first, last, width = self._buckets(organisation_id, start, end, DEFAULT_BUCKETS)
        counts = [_over_time(width), *(Aggregation(by=(name,), limit=FACET_VALUES) for name in FACETS)]
        found = self._store.aggregate_all(organisation_id, query_of(request), counts, start=start, end=end)
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
        )

    def delete(self, principal: Principal, request: SearchRequest) -> int:
        """Remove everything that matches; says how many records that were."""
        require(principal, Right.DELETE_LOGS)
        start, end = self.resolve_range(request)
        return self._store.delete(principal.organisation_id, query_of(request), start=start, end=end)

    def resolve_range(self, request: SearchRequest) -> tuple[datetime | None, datetime | None]:
        """The asked range as half-open [start, end), aware UTC; None is open."""
        zone, now = zone_of(request.timezone), self._clock.now()
        start = range_start(request.start, zone, now)
        end = range_end(request.end, zone, now)
        if start is not None and end is not None and start >= end:
            raise InvalidQuery("The time range ends before it begins.", expected="a start before the end")
        return start, end


def query_of(request: SearchRequest) -> Query:
    """Query text and filters of a request as one tree. Raises `InvalidQuery`."""
    filters = [
        _alternatives("level", [_level(word) for word in request.levels]),
        _alternatives("source", request.sources),
        _alternatives("service", request.services),
        _alternatives("environment", request.environments),
        _alternatives("host", request.hosts),
        _alternatives("upload_id", [request.upload_id] if request.upload_id else []),
        parse(request.query),
    ]
    parts = tuple(part for part in filters if not isinstance(part, MatchAll))
    return parts[0] if len(parts) == 1 else And(parts) if parts else MatchAll()


def interval_for(start: datetime, end: datetime, buckets: int) -> int:
    """The smallest round width in seconds that cuts the range into at most `buckets` pieces, or one more."""
    wanted = (end - start).total_seconds() / buckets
    return next((width for width in WIDTHS_S if width >= wanted), WIDTHS_S[-1])


def _over_time(width_s: int) -> Aggregation:
    return Aggregation(by=("time", "level"), interval_s=width_s, limit=len(LEVELS))


def _histogram_rows(table: pa.Table) -> list[HistogramRow]:
    rows = [HistogramRow(row["time"].astimezone(UTC), row["level"], row["count"]) for row in table.to_pylist()]
    return sorted(rows, key=lambda row: (row.bucket, LEVELS.index(row.level)))


def _values(name: str, table: pa.Table) -> list[tuple[str | None, int]]:
    return [(row[name], row["count"]) for row in table.to_pylist()]


def _alternatives(name: str, values: Iterable[Any]) -> Query:
    fields = tuple(Field(name, value, quoted=True) for value in dict.fromkeys(values))
    return MatchAll() if not fields else fields[0] if len(fields) == 1 else Or(fields)


def _level(word: str) -> str:
    level = canonical_level(word)
    if level is None:
        raise InvalidQuery(f"There is no level {word!r}.", expected="one of " + ", ".join(LEVELS))
    return level


def _page_size(request: SearchRequest) -> int:
    if not 1 <= request.page_size <= MAX_PAGE_SIZE:
        raise InvalidQuery(f"page_size must be 1 to {MAX_PAGE_SIZE:,}.", expected=f"1 to {MAX_PAGE_SIZE}")
    return request.page_size


def _offset(request: SearchRequest) -> int:
    if request.page < 1:
        raise InvalidQuery("Pages count from 1.", expected="a page of 1 or more")
    if request.page * request.page_size > MAX_HITS_BY_PAGE:
        raise InvalidQuery(
            f"Page numbers end at {MAX_HITS_BY_PAGE:,} records. Go on with `cursor`, the `next_cursor` of a page.",
            expected="cursor",
        )
    return (request.page - 1) * request.page_size


def _floor(moment: datetime, width_s: int) -> datetime:
    """The start of the bucket that `moment` lies in; the first year begins where its bucket would begin before it."""
    epoch, earliest = datetime(1970, 1, 1, tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    seconds = int((moment - epoch).total_seconds()) // width_s * width_s
    return epoch + max(timedelta(seconds=seconds), earliest - epoch)
