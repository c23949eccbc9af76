"""Numbers in the words of a request, on a real store."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from services.errors import Cancelled, Forbidden, InvalidInput, InvalidQuery
from services.log_store.duckdb import DuckDBLogStore
from services.log_store.interface import Handle
from services.principal import Principal, Role, Scope
from services.search import AggregateRequest, Analytics, SearchRequest
from tests.clocks import HandClock
from tests.records import START, batch, record

VIEWER = Principal("2", "vic", "acme", Role.VIEWER, frozenset({Scope.READ}))
RIVAL = Principal("3", "rob", "rival", Role.ADMIN, frozenset(Scope))
SHIPPER = Principal("4", "no", "acme", Role.EDITOR, frozenset({Scope.INGEST}))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBLogStore]:
    opened = DuckDBLogStore(tmp_path / "logs", HandClock(START + timedelta(minutes=30)))
    attributes = ['{"n": 1}', '{"n": 2.5}', '{"n": "many"}', '{"n": [1, 7]}', '{"n": {}}', "{}"]
    rows = [
        record(f"request {n}", at=n * 60, service=("web", "mail")[n % 2], attributes=attributes[n % 6])
        for n in range(30)
    ]
    opened.append("acme", batch(*rows))
    yield opened
    opened.close()


@pytest.fixture
def analytics(store: DuckDBLogStore) -> Analytics:
    return Analytics(store, HandClock(START + timedelta(minutes=30)))


def values(analytics: Analytics, name: str, **options: Any) -> list[tuple[str, int]]:
    found = analytics.field_values(VIEWER, SearchRequest(), name, **options)
    return [(each.value, each.count) for each in found.values]


def test_rights_are_checked(analytics: Analytics) -> None:
    for call in (
        lambda: analytics.aggregate(SHIPPER, SearchRequest(), AggregateRequest()),
        lambda: analytics.fields(SHIPPER, SearchRequest()),
        lambda: analytics.field_values(SHIPPER, SearchRequest(), "service"),
        lambda: analytics.patterns(SHIPPER, SearchRequest()),
    ):
        with pytest.raises(Forbidden):
            call()


def test_another_organisation_counts_only_its_own(analytics: Analytics) -> None:
    assert analytics.aggregate(RIVAL, SearchRequest(), AggregateRequest()).rows[0].count == 0
    assert analytics.fields(RIVAL, SearchRequest()).total == 0
    assert analytics.field_values(RIVAL, SearchRequest(), "service").values == []
    assert analytics.patterns(RIVAL, SearchRequest()).patterns == []


def test_values_are_told_apart_from_numbers_lists_and_objects(analytics: Analytics) -> None:
    found = analytics.field_values(VIEWER, SearchRequest(), "n")
    assert sorted((each.value, each.count) for each in found.values) == [("1", 10), ("2.5", 5), ("7", 5), ("many", 5)]
    assert (found.total, found.present, found.other) == (30, 25, 0)
    assert found.numbers is not None
    assert (found.numbers.count, found.numbers.min, found.numbers.max) == (15, 1, 7)
    assert found.numbers.avg == (5 * 1 + 5 * 2.5 + 5 * 1 + 5 * 7) / 20


def test_the_records_of_values_that_are_not_told_are_counted(analytics: Analytics) -> None:
    found = analytics.field_values(VIEWER, SearchRequest(), "service", limit=1)
    assert ([(each.value, each.share) for each in found.values], found.other) == ([("mail", 0.5)], 15)
    assert values(analytics, "service", limit=1_000) == [("mail", 15), ("web", 15)]


def test_a_prefix_leaves_the_values_that_begin_so(analytics: Analytics) -> None:
    assert values(analytics, "service", prefix="we") == [("web", 15)]
    assert values(analytics, "n", prefix="7") == [("7", 5)]
    assert values(analytics, "level", prefix="in") == [("info", 30)]
    assert values(analytics, "service", prefix="*") == []


def test_times_relative_to_now_are_those_of_the_request(analytics: Analytics) -> None:
    for query in ("timestamp:>=now-10m", "timestamp:[now-10m TO now]"):
        assert analytics.aggregate(VIEWER, SearchRequest(query=query), AggregateRequest()).rows[0].count == 10
    berlin = SearchRequest(query='timestamp:<"2026-03-01T13:05:00"', timezone="Europe/Berlin")
    assert analytics.aggregate(VIEWER, berlin, AggregateRequest()).rows[0].count == 5


@pytest.mark.parametrize(
    ("interval", "seconds", "first"), [("10m", 600, 10), ("auto", 30, 1), ("1d", 86_400, 30), ("7m", 420, 7)]
)
def test_buckets_begin_at_multiples_of_their_width(
    analytics: Analytics, interval: str, seconds: int, first: int
) -> None:
    found = analytics.aggregate(VIEWER, SearchRequest(), AggregateRequest(interval=interval))
    assert found.interval is not None
    assert (found.interval.seconds, found.rows[0].count) == (seconds, first)
    assert sum(row.count for row in found.rows) == 30
    times = [row.time for row in found.rows if row.time is not None]
    assert {after - before for before, after in pairwise(times)} <= {timedelta(seconds=seconds)}
    assert all(time.timestamp() % seconds == 0 for time in times)


@pytest.mark.parametrize(
    "wanted",
    [
        AggregateRequest(metric="avg"),
        AggregateRequest(field="n"),
        AggregateRequest(interval="1s", by=("time",)),
        AggregateRequest(by=("a", "b", "c")),
        AggregateRequest(by=("host", "host.name")),
        AggregateRequest(limit=0),
        AggregateRequest(interval="0m"),
    ],
)
def test_wishes_without_sense_are_refused_by_name(analytics: Analytics, wanted: AggregateRequest) -> None:
    with pytest.raises(InvalidInput) as refused:
        analytics.aggregate(VIEWER, SearchRequest(), wanted)
    assert refused.value.field


def test_texts_and_times_are_no_groups(analytics: Analytics) -> None:
    for name in ("message", "timestamp", "id"):
        with pytest.raises(InvalidQuery):
            analytics.aggregate(VIEWER, SearchRequest(), AggregateRequest(by=(name,)))


def test_what_was_cancelled_before_it_began_is_not_answered(analytics: Analytics) -> None:
    handle = Handle()
    handle.cancel()
    with pytest.raises(Cancelled):
        analytics.aggregate(VIEWER, SearchRequest(), AggregateRequest(), handle=handle)
    with pytest.raises(Cancelled):
        analytics.field_values(VIEWER, SearchRequest(), "service", handle=handle)
