"""Counts and metrics of the records that match: by time, by fields, by both."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.log_store.aggregation_checks import MAX_ROWS, too_many_rows
from services.log_store.duckdb.aggregation_sql import Plan, plan_of
from services.log_store.duckdb.attribute_sql import ValueColumns
from services.log_store.duckdb.matching import Matching
from services.log_store.duckdb.rows import first_row
from services.log_store.duckdb.time_buckets import Span, bucket_starts
from services.log_store.interface import AggregateResult, Aggregation
from services.model import LEVELS
from services.query.fields import Kind, resolve

_NO_SPAN = (datetime(1970, 1, 1), datetime(1970, 1, 1))


def aggregate(
    cursor: duckdb.DuckDBPyConnection,
    logs: str,
    aggregations: Sequence[Aggregation],
    matching: Matching,
    scanned: int,
    promoted: Mapping[str, ValueColumns],
) -> list[AggregateResult]:
    """The answers, in the order asked; `promoted` are the attributes with columns. Raises `InvalidQuery`.

    Long texts and JSON are read once for all of them.
    """
    began = time.perf_counter()
    plans = [plan_of(aggregation, promoted) for aggregation in aggregations]
    records = _records(cursor, logs, plans, matching)
    span = _span(cursor, logs) if any(each.calendar for each in aggregations) else _NO_SPAN
    results = []
    for plan in plans:
        table = _answer(cursor, plan, records, span)
        results.append(AggregateResult(table, (time.perf_counter() - began) * 1000, scanned))
        began = time.perf_counter()
    return results


def is_costly(aggregations: Sequence[Aggregation], promoted: Mapping[str, ValueColumns]) -> bool:
    """Whether JSON is parsed for each record: as slow as reading long texts. Raises `InvalidQuery`."""
    return any(plan_of(aggregation, promoted).parsed for aggregation in aggregations)


def attribute_paths(aggregations: Sequence[Aggregation]) -> set[str]:
    """The paths into the attributes that are asked for."""
    names = {name for each in aggregations for name in (*each.by, each.field) if name is not None and name != "time"}
    return {ref.name for name in names if (ref := resolve(name)).kind is Kind.ATTRIBUTE}


def empty_result(aggregation: Aggregation) -> AggregateResult:
    """The answer where there are no records at all. Raises `InvalidQuery`."""
    plan = plan_of(aggregation, {})
    rows: list[int] = [] if aggregation.by else [0]
    columns = {name: pa.nulls(len(rows)) for name in [*plan.key("g"), *plan.marks]}
    value = pa.array(rows) if aggregation.metric == "distinct" else pa.nulls(len(rows))
    return AggregateResult(_named(pa.table({**columns, "n": pa.array(rows), "value": value}), plan), 0.0, 0)


@dataclass(frozen=True)
class _Records:
    """The records that match: read where they lie, or once before into a narrow table."""

    logs: str
    matching: Matching
    kept: dict[str, str] | None = None

    def select(self, columns: dict[str, str]) -> tuple[str, list[Any]]:
        """SQL that gives `columns` (name -> expression over `logs`), and its values."""
        if self.kept is None:
            return self.matching.select(_list(columns), self.logs)
        kept = {name: self.kept.get(expression, expression) for name, expression in columns.items()}
        return f"SELECT {_list(kept)} FROM temp.matched", []


def _records(cursor: duckdb.DuckDBPyConnection, logs: str, plans: Sequence[Plan], matching: Matching) -> _Records:
    parsed = [expression for plan in plans for expression in plan.parsed]
    is_read_again = matching.is_heavy and sum(plan.scans for plan in plans) > 1
    if not is_read_again and len(parsed) == len(set(parsed)):
        return _Records(logs, matching)
    served_by = {read: by for plan in plans for read, by in plan.read_once.items()}
    kept = {expression: f"c{number}" for number, expression in enumerate(sorted(set(served_by.values())))}
    columns = {"timestamp": "timestamp", **{name: expression for expression, name in kept.items()}}
    matches, values = matching.select(_list(columns), logs)
    cursor.execute(f"CREATE TEMP TABLE matched AS {matches}", values)
    return _Records(logs, matching, {read: kept[by] for read, by in served_by.items()})


def _list(columns: dict[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in columns.items())


def _span(cursor: duckdb.DuckDBPyConnection, logs: str) -> Span:
    row = first_row(cursor, f"SELECT min(timestamp), max(timestamp) FROM {logs}")
    return (row[0], row[1]) if row and row[0] is not None else _NO_SPAN


def _answer(cursor: duckdb.DuckDBPyConnection, plan: Plan, records: _Records, span: Span) -> pa.Table:
    source, values = records.select(plan.source_columns(span))
    table = cursor.sql(plan.sql(source), params=values).to_arrow_table()
    if table.num_rows > MAX_ROWS:
        raise too_many_rows()
    return _named(table, plan)


def _named(table: pa.Table, plan: Plan) -> pa.Table:
    """The SQL answer with the names and types that the interface tells."""
    aggregation = plan.aggregation
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    groups = dict(zip([name for name in aggregation.by if name != "time"], plan.numbered("g"), strict=True))
    for name in aggregation.by:
        if name == "time":
            columns[name] = bucket_starts(table.column("t"), aggregation)
        else:
            columns[name] = _group_values(name, table.column(groups[name]))
    for name, mark in zip(groups, plan.marks, strict=False):
        columns[f"{name}.other"] = table.column(mark).cast(pa.bool_())
    columns["count"] = table.column("n").cast(pa.int64())
    if aggregation.metric != "count":
        columns["value"] = _finite(table.column("value").cast(pa.float64()))
    return pa.table(columns)


def _group_values(name: str, groups: pa.ChunkedArray) -> pa.ChunkedArray:
    if resolve(name).kind is Kind.LEVEL:
        return pc.take(pa.array(LEVELS), groups.cast(pa.int8()))
    return groups.cast(pa.string())


def _finite(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Sums beyond all doubles are no numbers that JSON could say."""
    return pc.if_else(pc.is_finite(values), values, None)
