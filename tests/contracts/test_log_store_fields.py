"""Which fields the records that match have."""

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from services.errors import Cancelled
from services.log_store.interface import FieldInfo, Handle, LogStore
from services.model import LOG_SCHEMA
from services.query.language import Exists, MatchAll, parse
from tests.clocks import HandClock
from tests.contracts.plain_reads import attribute_fields, random_rows
from tests.records import START, batch, record
from tests.stores import OPENERS

COLUMNS = ("timestamp", "level", "message", "source", "service", "environment", "host", "trace_id", "span_id")
ALL_COLUMNS = {*COLUMNS, "tags", "raw", "problem", "upload_id"}


@pytest.fixture(params=sorted(OPENERS))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    opened = OPENERS[request.param](tmp_path / "logs", HandClock())
    yield opened
    opened.close()


def attributes_of(store: LogStore, text: str = "") -> dict[str, FieldInfo]:
    found = store.fields("acme", parse(text)).fields
    return {info.name: info for info in found if info.name not in ALL_COLUMNS}


def with_attributes(store: LogStore, *attributes: Any) -> None:
    store.append("acme", batch(*(record("x", attributes=json.dumps(each)) for each in attributes)))


@pytest.mark.parametrize("text", ["", "3", "level:error"])
def test_fields_of_random_records(store: LogStore, text: str) -> None:
    rows = random_rows(random.Random(5), 500)
    for first in range(0, len(rows), 100):
        store.append("acme", batch(*rows[first : first + 100]))
    store.append("rival", batch(record("x", attributes='{"theirs": 1}', problem="p")))
    kept = [
        row
        for row in rows
        if (text != "3" or row["message"] == "word 3") and ("l" not in text or row["level"] == "error")
    ]
    found = store.fields("acme", parse(text))
    assert (found.total, found.read_records, found.has_more) == (len(kept), len(kept), False)
    columns = {info.name: info.count for info in found.fields if info.name in ALL_COLUMNS}
    has = {name: sum(bool(row[name]) for row in kept) for name in ALL_COLUMNS}
    assert columns == {name: count for name, count in has.items() if count}
    paths = {info.name: (set(info.types), info.count) for info in found.fields if info.name not in ALL_COLUMNS}
    assert paths == attribute_fields(kept)


def test_columns_come_first_and_both_by_falling_count(store: LogStore) -> None:
    rows = random_rows(random.Random(6), 200)
    store.append("acme", batch(*rows))
    found = store.fields("acme", MatchAll()).fields
    is_column = [info.name in ALL_COLUMNS for info in found]
    assert is_column == sorted(is_column, reverse=True)
    for part in (True, False):
        counts = [info.count for info in found if (info.name in ALL_COLUMNS) == part]
        assert counts == sorted(counts, reverse=True)


def test_columns_have_their_types(store: LogStore) -> None:
    full = dict.fromkeys(
        ("source", "service", "environment", "host", "trace_id", "span_id", "upload_id", "raw", "problem"), "x"
    )
    store.append("acme", batch(record("x", tags=["a"], **full)))
    types = {info.name: info.types[0] for info in store.fields("acme", MatchAll()).fields}
    expected = dict.fromkeys(ALL_COLUMNS, "keyword")
    expected |= {"timestamp": "time", "level": "level", "tags": "list"}
    assert types == expected | dict.fromkeys(("message", "raw", "problem"), "text")


def test_types_of_a_mixed_field_are_told_most_frequent_first(store: LogStore) -> None:
    with_attributes(
        store, *[{"a": "x"}] * 2, *[{"a": 1.5}] * 3, {"a": True}, {"a": [1]}, {"a": {}}, {"a": None}, {"a": {"b": 1}}
    )
    found = attributes_of(store)
    assert found["a"].types == ("number", "keyword", "boolean", "list", "object")
    assert (found["a"].count, found["a.b"].count) == (8, 1)


def test_keys_with_dots_and_nested_keys_are_one_path(store: LogStore) -> None:
    with_attributes(store, {"a.b": 1, "a": {"b": "x"}}, {"a": {"b": 2}}, {"a.b": 3})
    found = attributes_of(store)
    assert found == {"a.b": FieldInfo("a.b", ("number", "keyword"), 3)}


def test_lists_are_not_walked_and_deep_objects_up_to_twenty_keys(store: LogStore) -> None:
    deep: Any = "bottom"
    for depth in range(25, 0, -1):
        deep = {f"k{depth}": deep}
    with_attributes(store, {"list": [{"inside": 1}], "empty": [], "bracket[0]": {"x[1]": 1}}, deep)
    found = attributes_of(store)
    assert {info.types for name, info in found.items() if "list" in name or name == "empty"} == {("list",)}
    path = ".".join(f"k{depth}" for depth in range(1, 21))
    assert found[path].types == ("object",)
    assert len(found) == 4


@pytest.mark.parametrize(
    "key",
    ["plain", "with space", "a:b", 'quo"te', "back\\slash", "par(en)s", "-minus", "AND", "123", "a*b", "q?", "ünï", "@at",
     "level", "host", "attributes.x", "_exists_", "a/b", "x[0]", "{y}", "~", "^", "+", "!", "it's", "a.b", "2026-01-01T10"],
)  # fmt: skip
def test_names_are_written_as_a_query_reads_them(store: LogStore, key: str) -> None:
    with_attributes(store, {key: "v"}, {"another": 1})
    (name,) = set(attributes_of(store)) - {"another"}
    query = parse(f"{name}:*")
    assert isinstance(query, Exists)
    assert store.fields("acme", query).total == 1
    assert store.fields("acme", parse(f"{name}:v")).total == 1


def test_matches_beyond_the_bound_are_sampled_evenly_and_always_the_same(store: LogStore) -> None:
    count = 60_000
    columns = {name: pa.nulls(count, LOG_SCHEMA.field(name).type) for name in LOG_SCHEMA.names}
    times = pa.array([1_767_225_600_000_000 + second * 1_000_000 for second in range(count)])
    columns["timestamp"] = times.cast(pa.timestamp("us", tz="UTC"))
    columns["level"], columns["message"] = pa.array(["info"] * count), pa.array(["text"] * count)
    columns["host"] = pa.array(["h" if number % 4 == 0 else None for number in range(count)])
    columns["attributes"] = pa.array([f'{{"third{number * 3 // count}": {number}}}' for number in range(count)])
    store.append("acme", pa.table(columns, schema=LOG_SCHEMA))
    found = store.fields("acme", MatchAll())
    assert (found.total, found.has_more) == (count, False)
    assert 19_900 < found.read_records <= 20_000
    by_name = {info.name: info.count / found.read_records for info in found.fields}
    assert by_name["message"] == 1
    assert by_name["host"] == pytest.approx(1 / 4, abs=0.01)
    assert [by_name[f"third{number}"] for number in range(3)] == pytest.approx([1 / 3] * 3, abs=0.1)
    assert store.fields("acme", MatchAll()).fields == found.fields
    some = store.fields("acme", parse("host:h"))
    assert (some.total, some.read_records) == (15_000, 15_000)


def test_at_most_a_thousand_paths_are_told(store: LogStore) -> None:
    with_attributes(store, {f"key{number:04}": 1 for number in range(1_200)}, {"key1199": 1})
    found = store.fields("acme", MatchAll())
    assert found.has_more
    names = [info.name for info in found.fields if info.name not in ALL_COLUMNS]
    assert names == ["key1199", *(f"key{number:04}" for number in range(999))]


def test_fields_of_a_time_range_and_of_nothing(store: LogStore) -> None:
    store.append("acme", batch(*(record("x", at=n, attributes=f'{{"k{n}": 1}}') for n in range(3))))
    second = timedelta(seconds=1)
    found = store.fields("acme", MatchAll(), start=START + second, end=START + 2 * second)
    assert {info.name for info in found.fields} == {"timestamp", "level", "message", "k1"}
    for organisation, text in (("acme", "absent"), ("nobody", "")):
        nothing = store.fields(organisation, parse(text))
        assert (nothing.fields, nothing.total, nothing.read_records, nothing.has_more) == ([], 0, 0, False)


def test_a_cancelled_question_is_not_answered(store: LogStore) -> None:
    with_attributes(store, {"a": 1})
    handle = Handle()
    handle.cancel()
    with pytest.raises(Cancelled):
        store.fields("acme", MatchAll(), handle=handle)
