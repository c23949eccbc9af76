"""The values of one field: how often each occurs, and what its numbers are like."""

from dataclasses import dataclass, replace

import pyarrow as pa

from services.errors import InvalidInput
from services.log_store.interface import AggregateResult, Aggregation, Handle, LogStore, Metric
from services.query.fields import Kind, resolve
from services.query.language import Exists, Range, Wildcard
from services.search.requests import Asked, all_of

NUMBERS: tuple[Metric, ...] = ("min", "avg", "p50", "p95", "max")
MAX_VALUES = 1_000
_LOWEST = "-1.7976931348623157e308"
_NOT_LISTED = frozenset({Kind.TEXT, Kind.TIME, Kind.ID})


@dataclass(frozen=True)
class ValueCount:
    """One value; `share` of the records that match, 0 to 1."""

    value: str
    count: int
    share: float


@dataclass(frozen=True)
class Numbers:
    """What the values that are numbers are like; `count` records have one."""

    count: int
    min: float
    avg: float
    p50: float
    p95: float
    max: float


@dataclass(frozen=True)
class FieldValues:
    """The most frequent values of a field.

    total    records that match
    present  records among them that have the field (with a prefix: a value that begins so)
    other    records with values that are not told; a record with a list counts once for each different value of it
    numbers  None where no value is a number, and for columns: their values are names
    is_partial  not all records could be looked at: the numbers are of those that were
    """

    values: list[ValueCount]
    total: int
    present: int
    other: int
    numbers: Numbers | None
    took_ms: float
    is_partial: bool = False


def values_of(
    store: LogStore, organisation_id: str, asked: Asked, name: str, *, limit: int, prefix: str, handle: Handle | None
) -> FieldValues:
    """The `limit` most frequent values of `name`. Raises `InvalidInput` for texts, times and ids."""
    if resolve(name).kind in _NOT_LISTED:
        raise InvalidInput(
            f"The values of {name} are as many as there are records. Look for words in it, or count over time.",
            field="name",
        )
    having = replace(asked, query=all_of(asked.query, _holding(name, prefix)))
    # One more for the records that have the field without a value: an object, an empty list.
    groups = Aggregation(by=(name,), limit=min(limit + 1, MAX_VALUES), with_other=True)
    metrics = NUMBERS if resolve(name).kind is Kind.ATTRIBUTE else ()
    wanted = [groups, Aggregation(), *(Aggregation(metric=metric, field=name) for metric in metrics)]
    found = store.aggregate_all(organisation_id, having.query, wanted, start=asked.start, end=asked.end, handle=handle)
    all_matches = _counted(store, organisation_id, asked, handle)
    total = _number(all_matches)
    counts, other = _counts(found[0].table, name, limit, prefix)
    summary = [each.table["value"][0].as_py() for each in found[2:]]
    numbers = None
    if summary and None not in summary:
        numbers = Numbers(_number(_counted(store, organisation_id, _only_numbers(having, name), handle)), *summary)
    return FieldValues(
        values=[ValueCount(value, count, count / total if total else 0.0) for value, count in counts],
        total=total,
        present=_number(found[1]),
        other=other,
        numbers=numbers,
        took_ms=sum(each.took_ms for each in found),
        is_partial=any(each.is_partial for each in (all_matches, *found)),
    )


def _holding(name: str, prefix: str) -> Exists | Wildcard:
    if not prefix:
        return Exists(name)
    escaped = "".join("\\" + letter if letter in "\\*?" else letter for letter in prefix)
    return Wildcard(name, escaped + "*")


def _only_numbers(asked: Asked, name: str) -> Asked:
    return replace(asked, query=all_of(asked.query, Range(name, _LOWEST, None)))


def _counted(store: LogStore, organisation_id: str, asked: Asked, handle: Handle | None) -> AggregateResult:
    return store.aggregate(organisation_id, asked.query, Aggregation(), start=asked.start, end=asked.end, handle=handle)


def _number(counted: AggregateResult) -> int:
    count: int = counted.table["count"][0].as_py()
    return count


def _counts(table: pa.Table, name: str, limit: int, prefix: str) -> tuple[list[tuple[str, int]], int]:
    """(value and count of the most frequent, records with another value)."""
    rows = table.to_pylist()
    rest = sum(row["count"] for row in rows if row[f"{name}.other"])
    known = [(row[name], row["count"]) for row in rows if row[name] is not None and row[name].startswith(prefix)]
    return known[:limit], rest + sum(count for _, count in known[limit:])
