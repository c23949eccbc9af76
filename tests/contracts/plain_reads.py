"""What aggregations, contexts and lists of fields mean, in slow plain Python over lists of records."""

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from services.log_store.interface import Aggregation
from services.model import LEVEL_NUMBER
from services.query.fields import Kind, resolve
from tests.records import record

Row = dict[str, Any]
Group = tuple[str | None, bool]
"""The value of a field, and whether the group is the rest."""

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ATTRIBUTES = (
    "{}",
    '{"ms": 12}',
    '{"ms": 7.5, "user": {"id": 1}}',
    '{"ms": "12", "user": {"id": "eve"}}',
    '{"ms": [1, 2, 2, "3", "x", null, [9], {"a": 1}], "user.id": "eve"}',
    '{"ms": [], "user": {"id": "bob"}, "user.id": 1}',
    '{"ms": null, "user": {"id": ["eve", "bob", "eve"]}}',
    '{"ms": "fast", "user": "nobody"}',
    '{"ms": {"a": 5}, "user.id": ["bob"], "user": {"id": ["amy", 1]}}',
    '{"ms": true, "user": {"id": "[1]"}}',
    '{"ms": -3e2, "user": {"id": "a \\"quoted\\" \\u00e9\\\\"}}',
    '{"\\u006ds": 4, "user": {"\\u0069d": "eve"}}',
    '{"ms": 1E400, "user": {"id": false}}',
)


def random_rows(rng: random.Random, count: int) -> list[Row]:
    """Records of two days with few different values, some of them absent, and with several values in one field."""
    rows = []
    for number in range(count):
        tags = rng.choice([None, [], ["a"], ["b", "a"], ["a", "c", "a"], ["12", "7"]])
        at = rng.choice([rng.randrange(172_800), rng.randrange(10), 43_200])
        host = rng.choice([None, "h1", "h1", "h2", "h3", "10", "2.5"])
        service = rng.choice(["web", "cart", "ärger", "it's", None])
        level = rng.choice(["info", "info", "error", "unknown", "debug"])
        attributes = rng.choice([None, *ATTRIBUTES])
        row = record(f"word {number % 7}", at=at, level=level, host=host, service=service, attributes=attributes)
        rows.append({**row, "tags": tags})
    return rows


def values(row: Row, name: str) -> list[str]:
    """The values of a field of a record, with repetitions."""
    ref = resolve(name)
    if ref.kind is Kind.TAGS:
        return row["tags"] or []
    if ref.kind is not Kind.ATTRIBUTE:
        return [] if row[ref.name] is None else [row[ref.name]]
    found = members(json.loads(row["attributes"] or "{}", parse_float=_number_text), ref.name.split("."))
    return [_text(each) for one in found for each in (one if isinstance(one, list) else [one]) if _is_value(each)]


def members(value: Any, parts: list[str]) -> Iterator[Any]:
    """Whatever a reading of a dotted path leads to."""
    if not parts:
        yield value
    elif isinstance(value, dict):
        for taken in range(1, len(parts) + 1):
            key = ".".join(parts[:taken])
            if key in value:
                yield from members(value[key], parts[taken:])


def numbers(row: Row, name: str) -> list[float]:
    """Those of the values of a field that are numbers."""
    if resolve(name).kind is Kind.LEVEL:
        return []
    texts = [text for text in values(row, name) if NUMBER.fullmatch(text)]
    return [float(text) for text in texts if abs(float(text)) < float("inf")]


def aggregated(rows: list[Row], asked: Aggregation) -> list[Row]:
    """The rows of `AggregateResult.table`."""
    fields = [name for name in asked.by if name != "time"]
    groups_of = {name: _groups(rows, name, asked) for name in fields}
    members_of: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for index, row in enumerate(rows):
        times = [bucket_start(row["timestamp"], asked)] if "time" in asked.by else [None]
        for key in product(times, *(groups_of[name][index] for name in fields)):
            members_of[key].append(row)
    if not asked.by:
        members_of.setdefault((None,), [])
    found = [_result_row(key, members, fields, asked) for key, members in members_of.items()]
    return [row for _, row in sorted(found, key=lambda pair: pair[0])]


def _groups(rows: list[Row], name: str, asked: Aggregation) -> list[list[Group]]:
    """Per record the groups of one field that it belongs to."""
    of_each = [set(values(row, name)) or {None} for row in rows]
    sizes = Counter(value for texts in of_each for value in texts)
    kept = sorted(sizes, key=lambda value: (-sizes[value], value_order(name, value)))[: asked.limit]
    named: list[list[Group]] = [[(value, False) for value in texts if value in kept] for texts in of_each]
    if not asked.with_other:
        return named
    return [
        groups + ([(None, True)] if any(value not in kept for value in texts) else [])
        for groups, texts in zip(named, of_each, strict=True)
    ]


def value_order(name: str, value: str | None) -> tuple[bool, Any]:
    """How values of a field are ordered: by code point, levels by severity, absent ones last."""
    if value is None:
        return (True, "")
    return (False, LEVEL_NUMBER[value] if resolve(name).kind is Kind.LEVEL else value)


def _result_row(key: tuple[Any, ...], rows: list[Row], fields: list[str], asked: Aggregation) -> tuple[Any, Row]:
    moment, *groups = key
    named = dict(zip(fields, groups, strict=True))
    row: Row = {name: moment if name == "time" else named[name][0] for name in asked.by}
    if asked.with_other:
        row |= {f"{name}.other": is_other for name, (_, is_other) in named.items()}
    row["count"] = len(rows)
    if asked.metric != "count":
        row["value"] = metric(rows, asked)
    order = [value_order(name, value) for name, (value, _) in named.items()]
    marks = [is_other for _, is_other in named.values()]
    return ((moment or EPOCH, -len(rows), order, marks), row)


def metric(rows: list[Row], asked: Aggregation) -> float | None:
    """The metric over the values of the field of all the records."""
    assert asked.field is not None
    if asked.metric == "distinct":
        return float(len({text for row in rows for text in values(row, asked.field)}))
    found = sorted(number for row in rows for number in numbers(row, asked.field))
    if not found:
        return None
    if asked.metric.startswith("p"):
        return percentile(found, int(asked.metric[1:]) / 100)
    return {"sum": sum(found), "avg": sum(found) / len(found), "min": found[0], "max": found[-1]}[asked.metric]


def percentile(found: list[float], share: float) -> float:
    """Between the two nearest of the sorted values, in proportion."""
    position = share * (len(found) - 1)
    below = int(position)
    above = min(below + 1, len(found) - 1)
    return found[below] + (found[above] - found[below]) * (position - below)


def bucket_start(moment: datetime, asked: Aggregation) -> datetime:
    """Where the time bucket of a moment begins, in UTC."""
    if asked.calendar is None:
        width = timedelta(seconds=asked.interval_s or 0)
        return EPOCH + (moment - EPOCH) // width * width
    zone = ZoneInfo(asked.zone)
    local = moment.astimezone(zone)
    day = local.date()
    first = {
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "year": day.replace(month=1, day=1),
    }[asked.calendar]
    return datetime(first.year, first.month, first.day, tzinfo=zone).astimezone(UTC)


def _number_text(text: str) -> float | str:
    """A JSON number with a point or an exponent; one beyond all doubles keeps its text."""
    return float(text) if abs(float(text)) < float("inf") else text


def _is_value(found: Any) -> bool:
    return isinstance(found, str | int | float)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def around(records: list[Row], at: int, before: int, after: int, same: tuple[str, ...]) -> tuple[list[Row], list[Row]]:
    """The neighbours of `records[at]`, which are in order, that agree with it in the columns `same`."""
    alike = [all(other[name] == records[at][name] for name in same) for other in records]
    earlier = [record for record, is_alike in zip(records[:at], alike[:at], strict=True) if is_alike]
    later = [record for record, is_alike in zip(records[at + 1 :], alike[at + 1 :], strict=True) if is_alike]
    return earlier[max(0, len(earlier) - before) :], later[:after]


def attribute_fields(rows: list[Row]) -> dict[str, tuple[set[str], int]]:
    """Path -> (types, records that have it)."""
    types: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for row in rows:
        found = dict(_paths(json.loads(row["attributes"] or "{}")))
        counts.update(found.keys())
        for path, kind in _paths(json.loads(row["attributes"] or "{}")):
            types[path].add(kind)
    return {path: (types[path], counts[path]) for path in counts}


def _paths(value: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, found in value.items():
        path = before + key
        if isinstance(found, dict) and found:
            yield from _paths(found, path + ".")
        elif found is not None:
            yield path, _TYPES[type(found)]


_TYPES = {dict: "object", list: "list", str: "keyword", bool: "boolean", int: "number", float: "number"}
