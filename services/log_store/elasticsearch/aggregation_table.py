"""Rows of groups as the table that a store answers with."""

from collections.abc import Sequence

import pyarrow as pa

from services.log_store.elasticsearch.aggregation_fields import GroupField
from services.log_store.elasticsearch.aggregation_tree import Row
from services.log_store.interface import Aggregation

_MOMENT = pa.timestamp("us", tz="UTC")


def table_of(aggregation: Aggregation, fields: Sequence[GroupField], rows: Sequence[Row]) -> pa.Table:
    """The table of `AggregateResult`: times oldest first, then by falling count, then by the fields' order."""
    ordered = sorted(rows, key=lambda row: _order(fields, row))
    columns: dict[str, pa.Array] = {}
    place = {field.name: at for at, field in enumerate(fields)}
    for name in aggregation.by:
        if name == "time":
            columns[name] = pa.array([row.time_us for row in ordered], pa.int64()).cast(_MOMENT)
        else:
            columns[name] = pa.array([row.groups[place[name]][0] for row in ordered], pa.string())
    if aggregation.with_other:
        for name, at in place.items():
            columns[f"{name}.other"] = pa.array([row.groups[at][1] for row in ordered], pa.bool_())
    columns["count"] = pa.array([row.count for row in ordered], pa.int64())
    if aggregation.metric != "count":
        columns["value"] = pa.array([row.value for row in ordered], pa.float64())
    return pa.table(columns)


def _order(fields: Sequence[GroupField], row: Row) -> tuple[object, ...]:
    ranks = tuple(field.rank(value) for field, (value, _) in zip(fields, row.groups, strict=True))
    marks = tuple(is_rest for _, is_rest in row.groups)
    return (row.time_us or 0, -row.count, ranks, marks)
