"""The fields that an aggregation reads, as SQL: how records are told apart by one, and which values a metric takes."""

from collections.abc import Callable
from dataclasses import dataclass

from services.log_store.duckdb.attribute_sql import (
    attribute_sql,
    is_list,
    number_of,
    number_of_text,
    numbers_of_list,
    text_of,
    texts_of_list,
)
from services.log_store.interface import Metric
from services.query.fields import Kind, resolve

Of = Callable[[str], str]
"""From the SQL name of what was read of a record to an expression over it."""


@dataclass(frozen=True)
class GroupSql:
    """A field to group by.

    read    expression over `logs`; records for which it is equal have the same values
    values  the list of different values in what was read; None where that is itself the one value, or NULL
    is_costly  whether reading it parses JSON
    """

    read: str
    values: Of | None = None
    is_costly: bool = False


@dataclass(frozen=True)
class Lists:
    """Where a record may have several values of a metric's field.

    read    expression over `logs`: what `elements` makes the list of values from; NULL for most records without a list
    is_one  condition on what was read: it is a list
    """

    read: str
    is_one: Of
    elements: Of


@dataclass(frozen=True)
class MetricSql:
    """What a metric is computed of.

    read    expression over `logs`
    value   the one value in what was read; NULL where there is none or a list
    """

    read: str
    value: Of
    lists: Lists | None = None
    is_costly: bool = False


def group_sql(name: str) -> GroupSql:
    """The field to group by. Raises `InvalidQuery` for a path that is not served."""
    ref = resolve(name)
    if ref.kind is Kind.TAGS:
        return GroupSql("tags", lambda tags: f"list_distinct({tags})")
    if ref.kind is not Kind.ATTRIBUTE:
        return GroupSql(ref.name)
    attribute = attribute_sql(ref.name)
    return GroupSql(attribute.json, _different, True) if attribute.text is None else GroupSql(attribute.text)


def metric_sql(metric: Metric, name: str) -> MetricSql:
    """The values of a field that are numbers, or for `distinct` all. Raises `InvalidQuery` as `group_sql` does."""
    ref = resolve(name)
    counts_all = metric == "distinct"
    if ref.kind is Kind.ATTRIBUTE:
        return _attribute_metric(ref.name, counts_all)
    if ref.kind is Kind.TAGS:
        elements = _same if counts_all else _numbers
        return MetricSql(
            "tags", lambda _: _NOTHING[counts_all], Lists("tags", lambda tags: f"len({tags}) > 0", elements)
        )
    if counts_all:
        return MetricSql(ref.name, _same)
    if ref.kind is Kind.LEVEL:  # its values are words
        return MetricSql(_NOTHING[False], _same)
    return MetricSql(ref.name, number_of_text)


def over_rows(metric: Metric, value: str) -> str:
    """DOUBLE: the metric over the rows of a group; percentiles are exact, between two values in proportion."""
    if metric == "distinct":
        return f"count(DISTINCT {value})::DOUBLE"
    function = f"quantile_cont({value}, 0.{metric[1:]})" if metric.startswith("p") else f"{metric}({value})"
    return f"{function} FILTER (isfinite({value}))"


_NOTHING = {False: "NULL::DOUBLE", True: "NULL::VARCHAR"}


def _attribute_metric(path: str, counts_all: bool) -> MetricSql:
    attribute = attribute_sql(path)
    column = attribute.text if counts_all else attribute.number
    if column is not None:
        return MetricSql(column, _same)
    lists = Lists(attribute.lists, is_list, texts_of_list if counts_all else numbers_of_list)
    return MetricSql(attribute.json, text_of if counts_all else number_of, lists, is_costly=True)


def _different(json: str) -> str:
    one = f"CASE WHEN {text_of(json)} IS NULL THEN []::VARCHAR[] ELSE [{text_of(json)}] END"
    return f"(CASE WHEN {is_list(json)} THEN list_distinct({texts_of_list(json)}) ELSE {one} END)"


def _numbers(texts: str) -> str:
    return f"list_transform({texts}, lambda each: {number_of_text('each')})"


def _same(read: str) -> str:
    return read
