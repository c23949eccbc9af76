"""Nobody can tell from the answers which store is behind: one corpus over real records, both stores, the same answers."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services.errors import InvalidQuery
from services.log_store.interface import Aggregation, LogQuery, LogRecord, LogStore, PatternCount, PatternsResult
from services.log_store.sequence import tick_of_seq
from services.model import parse_record_id
from services.query.language import parse
from tests.clocks import HandClock
from tests.parity.corpus import AGGREGATED, AGGREGATIONS, MIDDLE, queries
from tests.parity.real_records import COUNT, batches, real_records
from tests.stores import OPENERS

DEEP = 3_000
"""Ids that are compared of a query, from the newest on; the total is compared for all."""


@dataclass(frozen=True)
class Both:
    """The same records, with the same ids, in two stores."""

    embedded: LogStore
    server: LogStore


@pytest.fixture(scope="module")
def both(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    table = real_records(shared_data)
    stores = []
    for name in ("duckdb", "elasticsearch"):
        store = OPENERS[name](tmp_path_factory.mktemp(name), HandClock())
        for batch in batches(table):
            store.append("acme", batch)
        assert store.settle("acme", 120)
        stores.append(store)
    yield Both(*stores)
    for store in stores:
        store.close()


Place = tuple[int, int]
"""Time and tick of a record: its id without the number of the process that accepted it, which differs."""


def place(record_id: str) -> Place:
    parts = parse_record_id(record_id)
    assert parts is not None
    return parts[0], tick_of_seq(parts[1])


def placed(records: list[LogRecord]) -> list[dict[str, Any]]:
    """Whole records, comparable between stores."""
    return [{**record, "id": place(record["id"])} for record in records]


def ids(store: LogStore, query: LogQuery) -> tuple[list[Place], int | None]:
    """The places of the first pages, and the total."""
    found: list[Place] = []
    page = store.search("acme", query)
    total = page.total
    while True:
        assert not page.is_partial
        found += [place(record["id"]) for record in page.records]
        if page.next_cursor is None or len(found) >= DEEP:
            return found, total
        page = store.search("acme", _after(query, page.next_cursor))


def _after(query: LogQuery, cursor: str) -> LogQuery:
    return LogQuery(
        query.query, query.start, query.end, query.newest_first, query.limit, cursor=cursor, with_total=False
    )


def test_both_hold_the_same_records(both: Both) -> None:
    assert both.embedded.usage("acme").records == both.server.usage("acme").records == COUNT
    query = twin = LogQuery(limit=1_000)
    while True:
        own, other = both.embedded.search("acme", query), both.server.search("acme", twin)
        assert placed(own.records) == placed(other.records)
        assert (own.next_cursor is None) == (other.next_cursor is None)
        if own.next_cursor is None or other.next_cursor is None:
            return
        query, twin = _after(query, own.next_cursor), _after(twin, other.next_cursor)


@pytest.mark.parametrize("text", queries())
def test_a_query_finds_the_same_records_in_the_same_order(both: Both, text: str) -> None:
    query = LogQuery(parse(text), limit=1_000)
    assert ids(both.server, query) == ids(both.embedded, query)


@pytest.mark.parametrize("text", queries()[::7])
def test_within_a_range_of_time_and_oldest_first_as_well(both: Both, text: str) -> None:
    query = LogQuery(parse(text), *MIDDLE, newest_first=False, limit=500)
    assert ids(both.server, query) == ids(both.embedded, query)


@pytest.mark.parametrize("asked", AGGREGATIONS, ids=repr)
@pytest.mark.parametrize("text", AGGREGATED)
def test_an_aggregation_gives_the_same_groups(both: Both, text: str, asked: Aggregation) -> None:
    answers = [_table(store, text, asked) for store in (both.embedded, both.server)]
    _assert_same(*answers)


@pytest.mark.parametrize("asked", AGGREGATIONS[1:8], ids=repr)
def test_an_aggregation_within_a_range_of_time_as_well(both: Both, asked: Aggregation) -> None:
    start, end = MIDDLE
    _assert_same(*(_table(store, "", asked, start=start, end=end) for store in (both.embedded, both.server)))


def _table(store: LogStore, text: str, asked: Aggregation, **times: datetime) -> list[dict[str, Any]] | str:
    try:
        result = store.aggregate("acme", parse(text), asked, **times)
    except InvalidQuery as error:
        return f"{error} {error.expected}"
    assert not result.is_partial
    return result.table.to_pylist()


def _assert_same(own: Any, other: Any) -> None:
    """Equal, but for the rounding of sums, whose order of adding differs."""
    assert type(own) is type(other)
    if isinstance(own, str) or own == other:
        assert own == other
        return
    assert len(own) == len(other)
    for row, twin in zip(own, other, strict=True):
        assert row.keys() == twin.keys()
        for name, value in row.items():
            is_close = (
                isinstance(value, float) and twin[name] is not None and math.isclose(value, twin[name], rel_tol=1e-9)
            )
            assert is_close or value == twin[name], (row, twin)


@pytest.mark.parametrize("text", AGGREGATED)
def test_fields_have_the_same_names_and_types(both: Both, text: str) -> None:
    own, other = (store.fields("acme", parse(text)) for store in (both.embedded, both.server))
    assert own.total == other.total
    if own.total == own.read_records:  # all were read: nothing is left to the choice of a sample
        told = [[(each.name, set(each.types), each.count) for each in found.fields] for found in (own, other)]
        assert told[0] == told[1]
    else:
        assert own.read_records > 10_000 < other.read_records
        common = [{each.name for each in found.fields if each.count > 100} for found in (own, other)]
        named = [{each.name for each in found.fields} for found in (own, other)]
        assert common[0] <= named[1]
        assert common[1] <= named[0]


@pytest.mark.parametrize("text", AGGREGATED)
def test_patterns_are_the_same(both: Both, text: str) -> None:
    """But for their numbers, which depend on how many shapes were there when they were grouped."""
    own, other = (store.patterns("acme", parse(text), limit=1_000) for store in (both.embedded, both.server))
    assert _without_numbers(own) == _without_numbers(other)
    assert (own.total, own.pattern_count, own.other_count) == (other.total, other.pattern_count, other.other_count)


def _without_numbers(result: PatternsResult) -> list[PatternCount]:
    told = [replace(each, id=None if each.id is None else 0) for each in result.patterns]
    return sorted(told, key=lambda each: (each.template, -each.count, each.first))


def test_a_pattern_finds_the_same_records(both: Both) -> None:
    own, other = (
        {each.template: each for each in store.patterns("acme", parse(""), limit=12).patterns}
        for store in (both.embedded, both.server)
    )
    assert own.keys() == other.keys()
    for template, pattern in own.items():
        found = ids(both.embedded, LogQuery(parse(_of(pattern)), limit=1_000))
        assert found[1] == pattern.count
        assert ids(both.server, LogQuery(parse(_of(other[template])), limit=1_000)) == found


def _of(pattern: PatternCount) -> str:
    return "NOT pattern:*" if pattern.id is None else f"pattern:{pattern.id}"


@pytest.mark.parametrize("same", [("source", "service", "host"), (), ("host",)])
def test_the_context_of_a_record_is_the_same(both: Both, same: tuple[str, ...]) -> None:
    query = LogQuery(parse("root OR svchost OR favicon"), limit=1_000)
    chosen = zip(*(store.search("acme", query).records for store in (both.embedded, both.server)), strict=True)
    for record, twin in list(chosen)[::80]:
        own = both.embedded.context("acme", record["id"], before=15, after=40, same=same)
        other = both.server.context("acme", twin["id"], before=15, after=40, same=same)
        assert [placed(each) for each in (own.before, [own.record], own.after)] == [
            placed(each) for each in (other.before, [other.record], other.after)
        ]
        assert (own.has_more_before, own.has_more_after) == (other.has_more_before, other.has_more_after)
