"""One aggregation as a tree of the server's: times, then each field's groups, then the metric.

A field has up to three branches: `v` its kept values, `n` records without a value, `r` the rest, which are records with a
value that is not kept. Under each stands the next field.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.log_store.elasticsearch.aggregation_fields import Clause, GroupField
from services.log_store.elasticsearch.aggregation_metrics import MetricField
from services.log_store.elasticsearch.aggregation_times import Times

Group = tuple[str | None, bool]
"""The value of a field, and whether the group is the rest."""


@dataclass(frozen=True)
class Row:
    """A row of the answer. `time_us` is the begin of its bucket."""

    time_us: int | None
    groups: tuple[Group, ...]
    count: int
    value: float | None


@dataclass(frozen=True)
class Kept:
    """The groups of one field that an answer has.

    keeps_absent  the records without a value are one of them
    rest          clauses one of which fits every record of the rest; none where there is no such group
    """

    field: GroupField
    values: tuple[str, ...]
    keeps_absent: bool
    rest: tuple[Clause, ...] = ()

    @property
    def width(self) -> int:
        """How many groups there are at most."""
        return len(self.values) + self.keeps_absent + bool(self.rest)

    def cut(self, size: int) -> Iterator["Kept"]:
        """The same groups in parts of at most `size`."""
        for start in range(0, len(self.values), size):
            yield Kept(self.field, self.values[start : start + size], keeps_absent=False)
        if self.keeps_absent or self.rest:
            yield replace(self, values=())


@dataclass(frozen=True)
class Tree:
    """An aggregation, or a part of its groups."""

    times: Times | None
    fields: tuple[Kept, ...]
    metric: MetricField | None

    @property
    def width(self) -> int:
        """How many buckets each time has at most, those inside others too."""
        buckets, inside = 0, 1
        for kept in self.fields:
            inside *= kept.width
            buckets += inside
        return max(1, buckets)

    def most_buckets(self, records: int) -> int:
        """How many buckets the answer has at most, where so many records match."""
        if self.times is None:
            return self.width
        return self.width * (min(len(self.times), records) if self.times.is_sparse else len(self.times))

    def clauses(self, records: int, numbers: int) -> Clause:
        """The aggregations of the top of a request, over so many records with at most so many numbers each field."""
        inner: Clause = {}
        if self.metric is not None and (clause := self.metric.clause(self.most_buckets(records), numbers)) is not None:
            inner = {"m": clause}
        for kept in reversed(self.fields):
            inner = _branches(kept, inner)
        if self.times is not None:
            return {"t": {**self.times.clause(), "aggs": inner}}
        return inner if self.fields else {"a": {"filter": {"match_all": {}}, "aggs": inner}}

    def rows(self, answer: Any) -> Iterator[Row]:
        """The rows in the server's answer to `clauses`."""
        if self.times is None:
            yield from self._rows(answer if self.fields else answer["a"], None, ())
            return
        for bucket in answer["t"]["buckets"]:
            if bucket["doc_count"]:
                yield from self._rows(bucket, self.times.start_us(bucket), ())

    def _rows(self, answer: Any, time_us: int | None, groups: tuple[Group, ...]) -> Iterator[Row]:
        if len(groups) == len(self.fields):
            value = self.metric.read(answer.get("m")) if self.metric is not None else None
            yield Row(time_us, groups, answer["doc_count"], value)
            return
        for group, inside in _read(answer):
            if inside["doc_count"]:
                yield from self._rows(inside, time_us, (*groups, group))


def _branches(kept: Kept, inner: Clause) -> Clause:
    found: Clause = {}
    if kept.values:
        found["v"] = {"terms": _terms(kept.field.path, kept.values)}
    if kept.keeps_absent:
        found["n"] = {"missing": {"field": kept.field.path}}
    if kept.rest:
        found["r"] = {"filter": {"bool": {"should": list(kept.rest)}}}
    return {name: {**each, "aggs": inner} if inner else each for name, each in found.items()}


def _terms(path: str, values: Sequence[str]) -> Clause:
    return {"field": path, "include": list(values), "size": len(values), "shard_size": len(values)}


def _read(answer: Any) -> Iterator[tuple[Group, Any]]:
    if "v" in answer:
        yield from (((bucket["key"], False), bucket) for bucket in answer["v"]["buckets"])
    if "n" in answer:
        yield (None, False), answer["n"]
    if "r" in answer:
        yield (None, True), answer["r"]
