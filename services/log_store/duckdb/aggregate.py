"""Counts of the records that match: by time, by fields, by both."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa

from services.errors import InvalidQuery
from services.log_store.duckdb.matching import Matching
from services.log_store.interface import AggregateResult, Aggregation
from services.model import LEVELS
from services.query.fields import column_of


def aggregate(
    cursor: duckdb.DuckDBPyConnection,
    logs: str,
    aggregations: Sequence[Aggregation],
    matching: Matching,
    scanned: int,
) -> list[AggregateResult]:
    """Counts by time and fields. Long texts are read once, however many counts are asked. Raises `InvalidQuery`."""
    for aggregation in aggregations:
        _check_aggregation(aggregation)
    fields = {str(column_of(name)) for aggregation in aggregations for name in aggregation.by if name != "time"}
    matches, values = matching.select(", ".join(["timestamp", *sorted(fields)]), logs)
    if not matching.is_heavy or len(aggregations) == 1:
        return [_count(cursor, aggregation, matches, values, scanned) for aggregation in aggregations]
    began = time.perf_counter()
    cursor.execute(f"CREATE TEMP TABLE matched AS {matches}", values)
    first_ms = _ms_since(began)
    results = [_count(cursor, aggregation, "FROM temp.matched", [], scanned) for aggregation in aggregations]
    return [replace(results[0], took_ms=results[0].took_ms + first_ms), *results[1:]]


def _count(
    cursor: duckdb.DuckDBPyConnection, aggregation: Aggregation, matches: str, values: list[Any], scanned: int
) -> AggregateResult:
    began = time.perf_counter()
    names = [f"g{number}" for number in range(len(aggregation.by))]
    columns = [_group_column(name, aggregation) for name in aggregation.by]
    grouped = [f"{sql} AS {name}" for sql, name in zip(columns, names, strict=True)]
    fields = [name for name, by in zip(names, aggregation.by, strict=True) if by != "time"]
    group_by = f"GROUP BY {', '.join(names)}" if names else ""
    keep = " AND ".join(_largest(name, aggregation.limit) for name in fields) or "true"
    order = ", ".join([name for name in names if name not in fields] + ["n DESC", *fields])
    sql = f"""WITH grouped AS (SELECT {", ".join([*grouped, "count(*) AS n"])} FROM ({matches}) {group_by}) SELECT * FROM grouped WHERE {keep} ORDER BY {order}"""
    rows = cursor.execute(sql, values).fetchall()
    return AggregateResult(_aggregate_table(aggregation.by, rows), _ms_since(began), scanned)


def _check_aggregation(aggregation: Aggregation) -> None:
    for name in aggregation.by:
        if name != "time" and column_of(name) is None:
            expected = "level, source, service, environment, host"
            raise InvalidQuery(f"Records cannot be counted by {name!r}.", expected=expected)
    if "time" in aggregation.by and (aggregation.interval_s is None or aggregation.interval_s < 1):
        raise InvalidQuery("Counting by time needs the width of a bucket.", expected="interval_s of at least 1")


def _group_column(name: str, aggregation: Aggregation) -> str:
    if name != "time":
        return str(column_of(name))
    width = (aggregation.interval_s or 1) * 1_000_000
    return f"epoch_us(timestamp) // {width:d} * {width:d}"


def _largest(name: str, limit: int) -> str:
    """Condition that keeps the largest groups of one field; NULL is a group like any other."""
    top = f"SELECT {name} FROM grouped GROUP BY {name} ORDER BY sum(n) DESC, {name} LIMIT {limit:d}"
    return f"EXISTS (SELECT 1 FROM ({top}) AS top WHERE top.{name} IS NOT DISTINCT FROM grouped.{name})"


def _aggregate_table(by: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for number, name in enumerate(by):
        values = [row[number] for row in rows]
        if name == "time":
            columns[name] = pa.array(values, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
        elif column_of(name) == "level":
            columns[name] = pa.array([LEVELS[value] for value in values], pa.string())
        else:
            columns[name] = pa.array(values, pa.string())
    columns["count"] = pa.array([row[len(by)] for row in rows], pa.int64())
    return pa.table(columns)


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
