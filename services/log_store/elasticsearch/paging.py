"""Records in their order, (@timestamp, event.sequence), by pages.

A cursor is a place in that order. Places never change and no two records share one, so `search_after` alone neither
repeats nor skips a record that was there when paging began: no point in time is held open on the server between pages.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.log_store.checks import PAGE_BYTES
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.interface import LogQuery
from services.model import EARLIEST, LATEST, parse_record_id
from services.query.elastic import Compiled, between_moments, filtered
from services.query.elastic_fields import SEQUENCE
from services.query.elastic_queries import NONE

MAX_WINDOW = 10_000
"""The server's own bound for `from` + `size` (`index.max_result_window`)."""

FIRST_HITS = 101
"""Records of the first request of a page: what they weigh says how many the next may bring."""

WITHOUT_REST = {"excludes": ["elkvision.rest.*"]}
"""The record but for what lies beyond the first 32,768 characters of its texts: `elkvision.rest` is then empty."""

_LAST_US = (LATEST - EARLIEST) // timedelta(microseconds=1)

Position = tuple[int, int]
"""(timestamp_us, seq) of a record."""


@dataclass(slots=True)
class Hit:
    """A record that was found: its place in the order, where it is stored, and what was read of it."""

    position: Position
    index: str
    id: str
    source: dict[str, Any]


def within(organisation_id: str, query: Mapping[str, Any]) -> dict[str, Any]:
    """The query for the organisation's records that match `query`."""
    return filtered(Compiled(dict(query), None), organisation_id, None, None)


def position_of(cursor: str | None) -> Position | None:
    """The place that a cursor is."""
    return None if cursor is None else parse_record_id(cursor)


def at_position(position: Position) -> dict[str, Any]:
    """The query for the record at one place."""
    if position[0] >= _LAST_US:
        return NONE
    at = datetime(1970, 1, 1) + timedelta(microseconds=position[0])
    moment = between_moments(at, at + timedelta(microseconds=1))
    return {"bool": {"filter": [moment, {"term": {SEQUENCE: position[1]}}]}}


def ordered(
    scope: Mapping[str, Any],
    size: int,
    *,
    newest_first: bool,
    after: Position | None = None,
    skip: int = 0,
    source: Mapping[str, Any] | bool = WITHOUT_REST,
    total: bool | int = False,
) -> dict[str, Any]:
    """The body of a search for the next `size` records behind `after`; with `skip`, which only goes without `after`.

    total  whether all are counted (True), none (False), or up to a number
    """
    order = "desc" if newest_first else "asc"
    body: dict[str, Any] = {
        "query": scope,
        "sort": [{"@timestamp": order}, {"event.sequence": order}],
        "size": size,
        "_source": source,
        "track_total_hits": total,
    }
    if after is not None:
        body["search_after"] = [min(after[0], _LAST_US) * 1000, after[1]]
    return body | ({"from": skip} if skip else {})


def hits_of(answer: Mapping[str, Any]) -> list[Hit]:
    """The hits of an answer to `ordered`."""
    return [
        Hit((each["sort"][0] // 1000, each["sort"][1]), each["_index"], each["_id"], each.get("_source", {}))
        for each in answer["hits"]["hits"]
    ]


@dataclass(frozen=True)
class Found:
    """Records in order. `is_end` where there are no more behind them; else they are as many as were asked for, or more
    than the budget of a page allows.

    total  of all that match, None where it was not asked for; `is_at_least` where counting ended at the bound
    """

    hits: list[Hit]
    is_end: bool
    total: int | None = None
    is_at_least: bool = False


def find(question: Question, scope: Mapping[str, Any], query: LogQuery) -> Found:
    """The page that `query` asks for among the records of `scope`, and one record more. Raises like `Question.search`."""
    after, skip, counted = position_of(query.cursor), query.offset, _Counted(query)
    if skip and (after is not None or skip + FIRST_HITS > MAX_WINDOW):
        after = _skipped(question, scope, query, after, counted)
        if after is None:
            return Found([], True, counted.total, counted.is_at_least)
        skip = 0
    found = nearest(
        question, scope, query.limit + 1, newest_first=query.newest_first, after=after, skip=skip, counted=counted
    )
    return Found(found.hits, found.is_end, counted.total, counted.is_at_least)


def nearest(
    question: Question,
    scope: Mapping[str, Any],
    wanted: int,
    *,
    newest_first: bool,
    after: Position | None,
    skip: int = 0,
    counted: "_Counted | None" = None,
) -> Found:
    """The first `wanted` records of `scope` behind a place. Raises like `Question.search`."""
    hits: list[Hit] = []
    for size in _sizes(wanted, hits):
        total = counted.wanted if counted else False
        answer = question.search(ordered(scope, size, newest_first=newest_first, after=after, skip=skip, total=total))
        if counted:
            counted.read(answer)
        read = hits_of(answer)
        hits += read
        if len(read) < size:
            return Found(hits, True)
        after, skip = read[-1].position, 0
    return Found(hits, False)


def _skipped(
    question: Question, scope: Mapping[str, Any], query: LogQuery, after: Position | None, counted: "_Counted"
) -> Position | None:
    """The place of the last record before the page; None where the page lies beyond the end."""
    size, skip = (query.offset, 0) if after is not None else (1, query.offset - 1)
    body = ordered(
        scope,
        size,
        newest_first=query.newest_first,
        after=after,
        skip=skip,
        source=False,
        total=counted.wanted,
    )
    answer = question.search(body)
    counted.read(answer)
    read = hits_of(answer)
    return read[-1].position if len(read) == size else None


def _sizes(wanted: int, hits: Sequence[Hit]) -> Iterator[int]:
    """How many records to ask for next, by the size of those that came: all, or as many as fill the budget of a page."""
    yield min(wanted, FIRST_HITS)
    while len(hits) < wanted:
        read_bytes = sum(size_of(hit.source) for hit in hits)
        if read_bytes > PAGE_BYTES:
            return
        fit = (PAGE_BYTES - read_bytes) * len(hits) // max(1, read_bytes) + 1
        yield min(wanted - len(hits), fit)


def size_of(source: Mapping[str, Any]) -> int:
    """Characters of the texts of a hit: never more than their bytes."""
    own, event = source.get("elkvision", {}), source.get("event", {})
    texts = (source.get("message"), event.get("original"), own.get("attributes"), own.get("problem"))
    return sum(len(text) for text in texts if text)


class _Counted:
    """The total, which is asked for once, with the first request of a page."""

    def __init__(self, query: LogQuery):
        bound = query.total_bound
        self.wanted: bool | int = query.with_total and (max(1, bound) if bound is not None else True)
        self.total: int | None = None
        self.is_at_least = False

    def read(self, answer: Mapping[str, Any]) -> None:
        if self.wanted is not False:
            total = answer["hits"]["total"]
            self.total, self.is_at_least = total["value"], total["relation"] != "eq"
            self.wanted = False
