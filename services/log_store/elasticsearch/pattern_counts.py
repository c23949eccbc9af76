"""Patterns among the records that match: how many records each has, of which levels, its first and its last.

Documents carry the number of their shape; which pattern that belongs to, the dictionary of shapes says.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from services.log_store.elasticsearch.aggregate import Residual
from services.log_store.elasticsearch.aggregation_fields import Clause
from services.log_store.elasticsearch.aggregation_moment import at_one_moment
from services.log_store.elasticsearch.aggregation_ranking import Ask
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.client_errors import is_removed
from services.log_store.interface import PatternCount, PatternsResult
from services.model import LEVEL_NUMBER, LEVELS
from services.query.elastic_fields import LEVEL, SHAPE, TIME

_PAGE = 10_000
_PATTERNS_AT_ONCE = 100
_MOST_TERMS = 60_000
"""Of one query; the server takes 65,536. The times of a pattern of more shapes are told to the millisecond."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

PatternsOfShapes = Mapping[int, tuple[int, str]]
"""Number of a shape → (number of its pattern, the pattern's template)."""


@dataclass(frozen=True)
class _Counted:
    """Records of one shape (None: without) and one level; first and last in µs since 1970, or their ms as µs."""

    shape: int | None
    level: str
    records: int
    first: int
    last: int


@dataclass
class _Pattern:
    id: int | None
    template: str = ""
    levels: Counter[str] = field(default_factory=Counter)
    shapes: set[int | None] = field(default_factory=set)
    first: int = 1 << 63
    last: int = 0

    @property
    def records(self) -> int:
        return self.levels.total()

    def add(self, counted: _Counted) -> None:
        self.levels[counted.level] += counted.records
        self.shapes.add(counted.shape)
        self.first, self.last = min(self.first, counted.first), max(self.last, counted.last)

    def told(self) -> PatternCount:
        levels = sorted(self.levels.items(), key=lambda pair: -LEVEL_NUMBER.get(pair[0], 0))
        return PatternCount(
            self.id, self.template, self.records, tuple(levels), _moment(self.first), _moment(self.last)
        )


def count_patterns(
    question: Question,
    scope: Mapping[str, Any],
    patterns: PatternsOfShapes,
    limit: int,
    residual: Residual,
    *,
    is_exact: bool,
) -> PatternsResult:
    """The most frequent patterns among the records of `scope`; `patterns` knows every shape that was grouped.

    is_exact  whether `scope` finds the records that match and no others; otherwise `residual` has them
    Raises like `Question.search` and `ResidualEngine.table`.
    """
    began = time.perf_counter()
    if is_exact:
        found = question.twice(lambda: _found_there(question, scope, patterns, limit), is_removed)
        return _result(found, limit, began, is_partial=False)
    with residual(()) as records:
        sql = f"""SELECT shape_id, level, count(*), epoch_us(min(timestamp)), epoch_us(max(timestamp))
            FROM {records.table} GROUP BY shape_id, level"""
        rows = records.cursor.execute(sql).fetchall()
        counted = (_Counted(shape, LEVELS[level], *numbers) for shape, level, *numbers in rows)
        return _result(_grouped(counted, patterns), limit, began, is_partial=records.is_partial)


def _found_there(
    question: Question, scope: Mapping[str, Any], patterns: PatternsOfShapes, limit: int
) -> list[_Pattern]:
    with at_one_moment(question, scope) as ask:
        found = _grouped(_counted_there(ask), patterns)
        told = [pattern for pattern in found[:limit] if len(pattern.shapes) <= _MOST_TERMS]
        for some in _portions(told, _PATTERNS_AT_ONCE):
            _sharpen(some, ask)
    return found


def _counted_there(ask: Ask) -> Iterator[_Counted]:
    """Every shape and level, page by page; times to the millisecond, as the server's aggregations tell them."""
    sources = [
        {"shape": {"terms": {"field": SHAPE, "missing_bucket": True}}},
        {"level": {"terms": {"field": LEVEL}}},
    ]
    times: Clause = {"first": {"min": {"field": TIME}}, "last": {"max": {"field": TIME}}}
    composite: Clause = {"size": _PAGE, "sources": sources}
    while True:
        page = ask({"size": 0, "aggs": {"c": {"composite": composite, "aggs": times}}})["aggregations"]["c"]
        for bucket in page["buckets"]:
            key, first, last = bucket["key"], bucket["first"]["value"], bucket["last"]["value"]
            yield _Counted(key["shape"], key["level"], bucket["doc_count"], int(first) * 1000, int(last) * 1000)
        if len(page["buckets"]) < _PAGE:
            return
        composite = {**composite, "after": page["after_key"]}


def _grouped(counted: Iterable[_Counted], patterns: PatternsOfShapes) -> list[_Pattern]:
    """By falling count, then by id; the records without a pattern after others of the same count."""
    found: dict[int | None, _Pattern] = {}
    for each in counted:
        number, template = patterns.get(-1 if each.shape is None else each.shape, (None, ""))
        found.setdefault(number, _Pattern(number, template)).add(each)
    return sorted(found.values(), key=lambda pattern: (-pattern.records, pattern.id is None, pattern.id or 0))


def _sharpen(patterns: Sequence[_Pattern], ask: Ask) -> None:
    """Make first and last, which are known to the millisecond, exact: by the records of that millisecond."""
    ends = {f"{at} {order}": (pattern, order) for at, pattern in enumerate(patterns) for order in ("asc", "desc")}
    filters = {name: _at_end(pattern, order) for name, (pattern, order) in ends.items()}
    aggs = {name: {"filter": filters[name], "aggs": {"h": _first(order)}} for name, (_, order) in ends.items()}
    answer = ask({"size": 0, "query": {"bool": {"should": list(filters.values())}}, "aggs": aggs})["aggregations"]
    for name, (pattern, order) in ends.items():
        moment = answer[name]["h"]["hits"]["hits"][0]["sort"][0] // 1000
        if order == "asc":
            pattern.first = moment
        else:
            pattern.last = moment


def _at_end(pattern: _Pattern, order: str) -> Clause:
    at_ms = (pattern.first if order == "asc" else pattern.last) // 1000
    times = {"range": {TIME: {"gte": at_ms, "lt": at_ms + 1, "format": "epoch_millis"}}}
    shapes: list[Clause] = [{"terms": {SHAPE: sorted(shape for shape in pattern.shapes if shape is not None)}}]
    if None in pattern.shapes:
        shapes.append({"bool": {"must_not": [{"exists": {"field": SHAPE}}]}})
    return {"bool": {"filter": [times, {"bool": {"should": shapes}}]}}


def _first(order: str) -> Clause:
    return {"top_hits": {"size": 1, "_source": False, "sort": [{TIME: order}]}}


def _portions(patterns: Sequence[_Pattern], size: int) -> Iterator[list[_Pattern]]:
    rest = iter(patterns)
    while some := list(islice(rest, size)):
        yield some


def _result(found: Sequence[_Pattern], limit: int, began: float, *, is_partial: bool) -> PatternsResult:
    total = sum(pattern.records for pattern in found)
    told = [pattern.told() for pattern in found[:limit]]
    others = total - sum(pattern.count for pattern in told)
    took_ms = (time.perf_counter() - began) * 1000
    return PatternsResult(told, total, len(found), others, took_ms, is_partial)


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
