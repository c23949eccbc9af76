"""Counts and metrics of the records that match, made by Elasticsearch: by time, by fields, by both.

Two steps: a survey (how many records, from when to when, the largest groups of each field), then the groups that the
answers have, as trees. What the server cannot tell exactly is counted over records that are read (`residual`): where
the query is only an upper bound of what matches, and where a metric's numbers have no field of their own.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Protocol

from services.log_store.aggregation_checks import MAX_ROWS, check_aggregation, too_many_rows
from services.log_store.duckdb.aggregate import aggregate as aggregate_rows
from services.log_store.elasticsearch.aggregation_fields import Clause, GroupField, group_field, number_field
from services.log_store.elasticsearch.aggregation_metrics import MetricField
from services.log_store.elasticsearch.aggregation_moment import at_one_moment
from services.log_store.elasticsearch.aggregation_parts import rows_of
from services.log_store.elasticsearch.aggregation_ranking import Ask
from services.log_store.elasticsearch.aggregation_survey import Survey, survey
from services.log_store.elasticsearch.aggregation_table import table_of
from services.log_store.elasticsearch.aggregation_times import Span, times_of
from services.log_store.elasticsearch.aggregation_tree import Kept, Row, Tree
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.client_errors import is_removed
from services.log_store.elasticsearch.residual import ResidualTable, columns_of_names
from services.log_store.interface import AggregateResult, Aggregation


class Residual(Protocol):
    """The records that match, read and checked: `ResidualEngine.table` for a scope and the columns that are needed."""

    def __call__(self, columns: Collection[str]) -> AbstractContextManager[ResidualTable]: ...


def check_all(aggregations: Sequence[Aggregation]) -> None:
    """Raise `InvalidQuery` for what is not served, before anything is asked."""
    for each in aggregations:
        check_aggregation(each)
        for name in (*(name for name in each.by if name != "time"), each.field):
            if name is not None:
                group_field(name)


def aggregate(
    question: Question,
    scope: Mapping[str, Any],
    aggregations: Sequence[Aggregation],
    residual: Residual,
    *,
    is_exact: bool,
) -> list[AggregateResult]:
    """The answers, in the order asked.

    scope     the query for the organisation's records that match (`paging.within`)
    is_exact  whether these are all the records that match and no others; otherwise `residual` has them
    Raises `InvalidQuery` and like `Question.search` and `ResidualEngine.table`.
    """
    check_all(aggregations)
    if not is_exact:
        return _counted_here(aggregations, residual)
    return question.twice(lambda: _counted(question, scope, aggregations, residual), is_removed)


def _counted(
    question: Question, scope: Mapping[str, Any], aggregations: Sequence[Aggregation], residual: Residual
) -> list[AggregateResult]:
    began = time.perf_counter()
    question.progress = 0.0
    with at_one_moment(question, scope) as ask:
        known = survey(aggregations, ask)
        question.progress = 0.5
        here = [
            at for at, each in enumerate(aggregations) if each.metric != "distinct" and each.field in known.elsewhere
        ]
        there = [at for at in range(len(aggregations)) if at not in here]
        results = dict(zip(there, _counted_there([aggregations[at] for at in there], known, ask), strict=True))
    if here:
        results |= dict(zip(here, _counted_here([aggregations[at] for at in here], residual), strict=True))
    took_ms = (time.perf_counter() - began) * 1000 / max(1, len(aggregations))
    return [replace(results[at], took_ms=took_ms) for at in range(len(aggregations))]


def empty_result(aggregation: Aggregation) -> AggregateResult:
    """The answer where there are no records at all. Raises `InvalidQuery`."""
    check_all([aggregation])
    return _result(aggregation, _rows_of_nothing(aggregation), Survey(0, None, {}, {}, frozenset()))


def _counted_here(aggregations: Sequence[Aggregation], residual: Residual) -> list[AggregateResult]:
    names = {name for each in aggregations for name in (*each.by, each.field) if name is not None and name != "time"}
    with residual(columns_of_names(names)) as found:
        counted = aggregate_rows(found.cursor, found.table, aggregations, found.matching, found.looked_at, promoted={})
        return [replace(each, is_partial=found.is_partial) for each in counted]


def _counted_there(aggregations: Sequence[Aggregation], known: Survey, ask: Ask) -> list[AggregateResult]:
    if known.span is None:
        return [_result(each, _rows_of_nothing(each), known) for each in aggregations]
    trees = [_tree(each, known, known.span) for each in aggregations]
    rows = [_told_rows(tree, known) for tree in trees]
    left = [at for at, found in enumerate(rows) if found is None]
    numbers = max(known.numbers.values(), default=0)
    counted = rows_of([trees[at] for at in left], known.records, numbers, ask, MAX_ROWS)
    found = dict(zip(left, counted, strict=True))
    return [_result(each, found.get(at) or rows[at] or [], known) for at, each in enumerate(aggregations)]


def _told_rows(tree: Tree, known: Survey) -> list[Row] | None:
    """The rows where the survey told them: groups of one field without more. None elsewhere."""
    if tree.times is not None or tree.metric is not None or len(tree.fields) > 1:
        return None
    if not tree.fields:
        return [Row(None, (), known.records, None)]
    (kept,) = tree.fields
    if kept.rest:
        return None
    groups = known.rankings[kept.field.name].largest(kept.width)
    return [Row(None, ((value, False),), count, None) for value, count in groups]


def _rows_of_nothing(aggregation: Aggregation) -> list[Row]:
    if aggregation.by:
        return []
    return [Row(None, (), 0, 0.0 if aggregation.metric == "distinct" else None)]


def _tree(aggregation: Aggregation, known: Survey, span: Span) -> Tree:
    times = times_of(aggregation, span) if "time" in aggregation.by else None
    fields = tuple(_kept(name, aggregation, known) for name in aggregation.by if name != "time")
    return Tree(times, fields, _metric(aggregation))


def _kept(name: str, aggregation: Aggregation, known: Survey) -> Kept:
    """The groups of one field, and what makes its rest where that is asked for and there is one."""
    ranked = known.rankings[name]
    groups = [value for value, _ in ranked.largest(aggregation.limit)]
    values, keeps_absent = [value for value in groups if value is not None], None in groups
    has_rest = ranked.has_more or len(ranked.values) > len(values)
    loses_absent = ranked.absent > 0 and not keeps_absent
    rest = _rest(ranked.field, sorted(values), has_rest, loses_absent) if aggregation.with_other else ()
    return Kept(ranked.field, tuple(values), keeps_absent, rest)


def _rest(field: GroupField, kept: list[str], has_rest: bool, loses_absent: bool) -> tuple[Clause, ...]:
    others = field.value_between(kept) if has_rest and field.is_many else []
    if has_rest and not field.is_many:
        others = [{"bool": {"filter": [field.any_value()], "must_not": [{"terms": {field.path: kept}}]}}]
    absent = [{"bool": {"must_not": [field.any_value()]}}] if loses_absent else []
    return (*others, *absent)


def _metric(aggregation: Aggregation) -> MetricField | None:
    if aggregation.metric == "count" or aggregation.field is None:
        return None
    if aggregation.metric == "distinct":
        return MetricField(aggregation.metric, values=group_field(aggregation.field))
    return MetricField(aggregation.metric, numbers=number_field(aggregation.field))


def _result(aggregation: Aggregation, rows: Sequence[Row], known: Survey) -> AggregateResult:
    if len(rows) > MAX_ROWS:
        raise too_many_rows()
    names = [name for name in aggregation.by if name != "time"]
    table = table_of(aggregation, [group_field(name) for name in names], rows)
    is_exact = all(known.rankings[name].is_exact for name in names if name in known.rankings)
    return AggregateResult(table, 0.0, known.records, is_partial=not is_exact)
