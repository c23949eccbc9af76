"""From the words of a user to what a store is asked: query text, filters, times and page of a request."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.errors import InvalidQuery
from services.log_store.interface import LogQuery
from services.model import LEVELS
from services.query.dates import range_end, range_start, resolve_times, zone_of
from services.query.fields import canonical_level
from services.query.language import And, Field, MatchAll, Or, Query, parse

MAX_HITS_BY_PAGE = 10_000
"""Page numbers end here; a cursor goes on without end."""
MAX_PAGE_SIZE = 1_000


@dataclass(frozen=True)
class SearchRequest:
    """One search in the words of a user.

    start, end  RFC 3339, a bare date (an end includes its whole day), epoch, `now-15m`, `now-1d/d`; None is open
    timezone    IANA name for dates and times without an offset, and for `/d`; also those within the query
    levels …    values of one filter are alternatives; different filters must all hold
    page        from 1; ignored with a cursor
    total_bound counting may end there: a total beyond it is told as at least so many
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
    total_bound: int | None = None

    @property
    def names_records(self) -> bool:
        """Whether it says anything at all about which records are meant."""
        filters = (self.levels, self.sources, self.services, self.environments, self.hosts, self.upload_id)
        return bool(self.query.strip() or self.start or self.end or any(filters))


@dataclass(frozen=True)
class Asked:
    """The records that a request means: a tree without relative times, and half-open [start, end), aware UTC."""

    query: Query
    start: datetime | None
    end: datetime | None
    zone: ZoneInfo


def asked_of(request: SearchRequest, now: datetime) -> Asked:
    """What `request` means at `now`. Raises `InvalidQuery`."""
    zone = zone_of(request.timezone)
    start, end = range_start(request.start, zone, now), range_end(request.end, zone, now)
    if start is not None and end is not None and start >= end:
        raise InvalidQuery("The time range ends before it begins.", expected="a start before the end")
    return Asked(resolve_times(query_of(request), zone, now), start, end, zone)


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
    return all_of(*filters)


def all_of(*queries: Query) -> Query:
    """The records that match every one of `queries`."""
    parts = tuple(part for part in queries if not isinstance(part, MatchAll))
    return parts[0] if len(parts) == 1 else And(parts) if parts else MatchAll()


def page_of(request: SearchRequest, asked: Asked) -> LogQuery:
    """The page that is asked for. Raises `InvalidQuery` where none is served."""
    return LogQuery(
        query=asked.query,
        start=asked.start,
        end=asked.end,
        newest_first=request.newest_first,
        limit=_page_size(request),
        offset=0 if request.cursor else _offset(request),
        cursor=request.cursor or None,
        total_bound=_total_bound(request),
    )


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


def _total_bound(request: SearchRequest) -> int | None:
    if request.total_bound is not None and request.total_bound < 1:
        raise InvalidQuery("A total is bounded by 1 or more.", expected="total_bound of 1 or more")
    return request.total_bound


def _offset(request: SearchRequest) -> int:
    if request.page < 1:
        raise InvalidQuery("Pages count from 1.", expected="a page of 1 or more")
    if request.page * request.page_size > MAX_HITS_BY_PAGE:
        raise InvalidQuery(
            f"Page numbers end at {MAX_HITS_BY_PAGE:,} records. Go on with `cursor`, the `next_cursor` of a page.",
            expected="cursor",
        )
    return (request.page - 1) * request.page_size
