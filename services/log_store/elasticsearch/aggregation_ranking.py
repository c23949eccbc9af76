"""The largest groups of a field, exactly.

Each shard tells its largest groups. Where a shard has more than it tells, the sum may lack some of a group's records; the
server says by how much at most. Then, in turn, until nothing can be wrong:

1. Shards tell more groups. Whatever none of them tells is smaller than a bound; where the smallest group that is asked for
   is not, the candidates are known and are counted by name.
2. All groups are counted, page by page, up to `MAX_GROUPS` and half of the question's time. Each page reads the records
   again: 0.5 s of 400,000 (measured).

Beyond that (an id of each request, over many shards) the counts are exact and the choice is the best that is known.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from services.log_store.elasticsearch.aggregation_fields import Clause, GroupField
from services.log_store.elasticsearch.aggregation_metrics import different_values
from services.model import LEVELS

MAX_GROUPS = 100_000
_TOLD = 500
"""Groups that each shard tells at first, where fewer are asked for."""
_TOLD_MORE = 5_000
_PAGE = 10_000
_TIME_SHARE = 0.5
_ROUGHLY = 100


class Ask(Protocol):
    """Searches the records that match at one moment."""

    def __call__(self, body: Clause) -> Any:
        """The answer to one search; a query in its body narrows the records."""
        ...

    @property
    def used_share(self) -> float:
        """How much of the question's time is used, from 0 to 1."""
        ...


Counted = tuple[str, int]


@dataclass(frozen=True)
class Ranking:
    """The largest groups of a field, as many as were asked for, largest first.

    absent    records without a value
    has_more  whether there are other values
    is_exact  whether no other value can be as large as these
    """

    field: GroupField
    values: tuple[Counted, ...] = ()
    absent: int = 0
    has_more: bool = False
    is_exact: bool = True

    def largest(self, limit: int) -> list[tuple[str | None, int]]:
        """The largest `limit` groups; the records without a value are one like any other."""
        absent: list[tuple[str | None, int]] = [(None, self.absent)] if self.absent else []
        return _sorted(self.field, [*self.values, *absent])[:limit]


def first_look(asked: GroupField, limit: int) -> Clause:
    """The aggregations that `ranking` reads; their names begin with nothing else's."""
    size = max(limit, len(LEVELS)) if asked.is_level else limit  # groups of one size are in the server's order, by text
    return {"v": _terms(asked, size, told_groups(limit)), "n": {"missing": {"field": asked.path}}}


def told_groups(limit: int) -> int:
    """How many groups each shard tells at first."""
    return max(_TOLD, 2 * limit)


def ranking(asked: GroupField, limit: int, answer: Any, ask: Ask) -> Ranking:
    """The `limit` largest groups, from the answer to `first_look` where that is exact."""
    found, absent = answer["v"], answer["n"]["doc_count"]
    if found["doc_count_error_upper_bound"] == 0:
        return Ranking(asked, _counted(found), absent, has_more=found["sum_other_doc_count"] > 0)
    known = _candidates(asked, limit, ask)
    if not known.is_complete and known.roughly <= MAX_GROUPS:
        every = _EveryGroup(asked, ask)
        largest = _largest(asked, every, limit)
        if every.is_over:
            return Ranking(asked, largest, absent, known.are_more)
    values = _recounted(asked, known.values, ask)
    return Ranking(asked, _largest(asked, values, limit), absent, known.are_more, known.is_complete)


@dataclass(frozen=True)
class _Candidates:
    """Values that may be among the largest; `is_complete` where no other one can.

    are_more  there are more than were asked for
    roughly   how many values there are
    """

    values: list[str]
    is_complete: bool
    are_more: bool
    roughly: int


def _candidates(asked: GroupField, limit: int, ask: Ask) -> _Candidates:
    size = max(_TOLD_MORE, 4 * limit)
    terms = _terms(asked, size, size, show_term_doc_count_error=True)
    different = {"filter": {"match_all": {}}, "aggs": {"d": different_values(asked.path, _ROUGHLY)}}
    answer = ask({"size": 0, "aggs": {"v": terms, "d": different}})["aggregations"]
    found, buckets = answer["v"], answer["v"]["buckets"]
    are_told = found["sum_other_doc_count"] == 0
    smallest = buckets[limit - 1]["doc_count"] if len(buckets) >= limit else 0
    untold = found["doc_count_error_upper_bound"] + (buckets[-1]["doc_count"] if len(buckets) == size else 0)
    likely = [each for each in buckets if each["doc_count"] + each["doc_count_error_upper_bound"] >= smallest]
    is_complete = are_told or untold < smallest
    are_more = not are_told or len(buckets) > limit
    return _Candidates([each["key"] for each in likely], is_complete, are_more, answer["d"]["d"]["value"])


def _recounted(asked: GroupField, values: list[str], ask: Ask) -> list[Counted]:
    if not values:
        return []
    terms = _terms(asked, len(values), len(values), include=values)
    return list(_counted(ask({"size": 0, "aggs": {"v": terms}})["aggregations"]["v"]))


class _EveryGroup:
    """Every value with its records, page by page; `is_over` says afterwards whether time was enough for all."""

    def __init__(self, asked: GroupField, ask: Ask):
        self.is_over = False
        self._asked = asked
        self._ask = ask

    def __iter__(self) -> Iterator[Counted]:
        composite: Clause = {"size": _PAGE, "sources": [{"v": {"terms": {"field": self._asked.path}}}]}
        while self._ask.used_share < _TIME_SHARE:
            page = self._ask({"size": 0, "aggs": {"c": {"composite": composite}}})["aggregations"]["c"]
            yield from ((bucket["key"]["v"], bucket["doc_count"]) for bucket in page["buckets"])
            if len(page["buckets"]) < _PAGE:
                self.is_over = True
                return
            composite = {**composite, "after": page["after_key"]}


def _terms(asked: GroupField, size: int, shard_size: int, **more: Any) -> Clause:
    return {"terms": {"field": asked.path, "size": size, "shard_size": shard_size, **more}}


def _counted(found: Any) -> tuple[Counted, ...]:
    return tuple((bucket["key"], bucket["doc_count"]) for bucket in found["buckets"])


def _largest(asked: GroupField, values: Iterable[Counted], limit: int) -> tuple[Counted, ...]:
    return tuple(heapq.nsmallest(limit, values, key=lambda pair: (-pair[1], asked.rank(pair[0]))))


def _sorted(asked: GroupField, groups: list[tuple[str | None, int]]) -> list[tuple[str | None, int]]:
    return sorted(groups, key=lambda pair: (-pair[1], asked.rank(pair[0])))
