"""The fields that an aggregation reads, as SQL: how records are told apart by one, and which values a metric takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.log_store.duckdb.attribute_sql import (
    COMPLEX,
    AttributeSql,
    ValueColumns,
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
class Lists:
    """Where a record may have several values of a field.

    read      expression over `logs`: what the field reads wherever that is a list; quickly NULL for most others
    is_one    condition on what was read: it is a list
    elements  the list of values in what was read
    """

    read: str
    is_one: Of
    elements: Of


@dataclass(frozen=True)
class FieldSql:
    """A field of `logs`.

    read   expression over `logs`; records for which it is equal have the same values
    value  the one value in what was read; NULL where there is none, or a list
    is_costly  whether reading it parses JSON
    """

    read: str
    value: Of
    lists: Lists | None = None
    is_costly: bool = False


def group_sql(name: str, promoted: Mapping[str, ValueColumns]) -> FieldSql:
    """The different values of a field; `promoted` are the attributes with columns. Raises `InvalidQuery` for a bad path."""
    ref = resolve(name)
    if ref.kind is Kind.TAGS:
        return FieldSql(
            "tags", lambda _: "NULL::VARCHAR", Lists("tags", _has_any, lambda tags: f"list_distinct({tags})")
        )
    if ref.kind is not Kind.ATTRIBUTE:
        return FieldSql(ref.name, _same)
    attribute, columns = attribute_sql(ref.name), promoted.get(ref.name)
    if columns is not None:
        return FieldSql(columns.text, _same) if columns.is_plain else _marked(attribute, columns)
    lists = Lists(attribute.lists, is_list, _different_texts)
    return FieldSql(attribute.json, text_of, lists, is_costly=True)


def metric_sql(metric: Metric, name: str, promoted: Mapping[str, ValueColumns]) -> FieldSql:
    """The values of a field that are numbers, or for `distinct` all. Raises `InvalidQuery` as `group_sql` does."""
    ref = resolve(name)
    if metric == "distinct":
        return group_sql(name, promoted)
    if ref.kind is Kind.TAGS:
        return FieldSql("tags", lambda _: "NULL::DOUBLE", Lists("tags", _has_any, _numbers))
    if ref.kind is Kind.LEVEL:  # its values are words
        return FieldSql("NULL::DOUBLE", _same)
    if ref.kind is not Kind.ATTRIBUTE:
        return FieldSql(ref.name, number_of_text)
    attribute, columns = attribute_sql(ref.name), promoted.get(ref.name)
    if columns is None:
        return FieldSql(attribute.json, number_of, Lists(attribute.lists, is_list, numbers_of_list), is_costly=True)
    lists = Lists(_where_complex(columns, attribute.json), is_list, numbers_of_list)
    return FieldSql(columns.number, _same, None if columns.is_plain else lists)


def _marked(attribute: AttributeSql, columns: ValueColumns) -> FieldSql:
    """A promoted attribute some of whose values are lists: its text, or the JSON behind a mark; also of texts that begin so."""
    marked = f"{COMPLEX} || {attribute.json}"
    lists = Lists(
        read=_where_complex(columns, marked),
        is_one=lambda read: f"starts_with({read}, {COMPLEX} || '[')",
        elements=lambda read: _different_texts(f"{read}[2:]"),
    )
    read = f"CASE WHEN starts_with({columns.text}, {COMPLEX}) THEN {marked} ELSE {columns.text} END"
    return FieldSql(read, _unmarked, lists)


def _unmarked(read: str) -> str:
    return f"(CASE WHEN starts_with({read}, {COMPLEX}) THEN {text_of(f'{read}[2:]')} ELSE {read} END)"


def _where_complex(columns: ValueColumns, json: str) -> str:
    return f"CASE WHEN {columns.text} = {COMPLEX} THEN {json} END"


def _different_texts(json: str) -> str:
    return f"list_distinct({texts_of_list(json)})"


def over_rows(metric: Metric, value: str) -> str:
    """DOUBLE: the metric over the rows of a group; percentiles are exact, between two values in proportion."""
    if metric == "distinct":
        return f"count(DISTINCT {value})::DOUBLE"
    function = f"quantile_cont({value}, 0.{metric[1:]})" if metric.startswith("p") else f"{metric}({value})"
    return f"{function} FILTER (isfinite({value}))"


def _has_any(tags: str) -> str:
    return f"len({tags}) > 0"


def _numbers(texts: str) -> str:
    return f"list_transform({texts}, lambda each: {number_of_text('each')})"


def _same(read: str) -> str:
    return read
