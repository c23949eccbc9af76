"""Counts and metrics by time and fields, against loops in plain Python (`plain_reads.py`)."""

import itertools
import json
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from services.errors import Cancelled, InvalidQuery
from services.log_store.interface import Aggregation, Handle, LogStore
from services.model import LOG_SCHEMA
from services.query.language import MatchAll, parse
from tests.clocks import HandClock
from tests.contracts.plain_reads import aggregated, random_rows
from tests.records import START, batch, messages, record
from tests.stores import OPENERS

FIELDS = ("level", "host", "service.name", "tags", "ms", "user.id")
METRICS = ("distinct", "sum", "avg", "min", "max", "p50", "p95", "p99")
HOUR = 3_600


@pytest.fixture(params=sorted(OPENERS))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    opened = OPENERS[request.param](tmp_path / "logs", HandClock())
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=sorted(OPENERS))
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LogStore, Any]]:
    """A store with random records of one organisation, some others of a second, and the first's records."""
    opened = OPENERS[request.param](tmp_path_factory.mktemp("logs"), HandClock())
    rows = random_rows(random.Random(20260301), 400)
    for first in range(0, len(rows), 90):
        opened.append("acme", batch(*rows[first : first + 90]))
    opened.append("rival", batch(*random_rows(random.Random(7), 50)))
    yield opened, rows
    opened.close()


def table_of(store: LogStore, asked: Aggregation, text: str = "", **times: datetime) -> list[dict[str, Any]]:
    return store.aggregate("acme", parse(text), asked, **times).table.to_pylist()


def same(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Equal, sums and means up to rounding."""
    if len(found) != len(expected):
        return False
    pairs = [(row[name], other[name]) for row, other in zip(found, expected, strict=True) for name in other]
    return [set(row) for row in found] == [set(row) for row in expected] and all(
        a == (pytest.approx(b) if isinstance(b, float) else b) for a, b in pairs
    )


# -- against plain Python --------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_other", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize("by", [(), *((name,) for name in FIELDS), *itertools.permutations(FIELDS, 2)])
def test_counts_by_fields(filled: Any, by: tuple[str, ...], limit: int, with_other: bool) -> None:
    store, rows = filled
    asked = Aggregation(by, limit=limit, with_other=with_other)
    assert table_of(store, asked) == aggregated(rows, asked)


@pytest.mark.parametrize("with_other", [False, True])
@pytest.mark.parametrize("by", [("time",), ("time", "host"), ("ms", "time"), ("tags", "time", "user.id")])
def test_counts_by_time_and_fields(filled: Any, by: tuple[str, ...], with_other: bool) -> None:
    store, rows = filled
    asked = Aggregation(by, 6 * HOUR, limit=2, with_other=with_other)
    assert table_of(store, asked) == aggregated(rows, asked)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("field", ["ms", "user.id", "host", "tags", "level", "absent.path"])
def test_metrics_of_fields(filled: Any, metric: Any, field: str) -> None:
    store, rows = filled
    for by in ((), ("service",), ("tags",), ("time", "user.id"), ("level", "ms")):
        for with_other in (False, True):
            asked = Aggregation(by, 24 * HOUR if "time" in by else None, 2, metric, field, with_other=with_other)
            found, expected = table_of(store, asked), aggregated(rows, asked)
            assert same(found, expected), (by, with_other, found, expected)


@pytest.mark.parametrize("seed", range(25))
def test_random_aggregations_of_random_matches(filled: Any, seed: int) -> None:
    store, rows = filled
    rng = random.Random(seed)
    asked = [_random_aggregation(rng) for _ in range(6)]
    word = rng.choice([None, "3"])
    start = START + timedelta(seconds=rng.randrange(90_000))
    end = start + timedelta(hours=rng.randrange(40))
    matching = [row for row in rows if start <= row["timestamp"] < end and (not word or row["message"].endswith(word))]
    found = store.aggregate_all("acme", parse(f'"word {word}"' if word else ""), asked, start=start, end=end)
    for each, result in zip(asked, found, strict=True):
        assert same(result.table.to_pylist(), aggregated(matching, each)), each


def _random_aggregation(rng: random.Random) -> Aggregation:
    names = [*rng.sample(FIELDS, rng.randrange(3)), *rng.choice([[], ["time"]])]
    rng.shuffle(names)
    interval = rng.choice([1, 60, HOUR, 24 * HOUR]) if "time" in names else None
    limit, other = rng.choice([1, 2, 3, 50]), rng.random() < 0.5
    if rng.random() < 0.4:
        return Aggregation(tuple(names), interval, limit, with_other=other)
    return Aggregation(tuple(names), interval, limit, rng.choice(METRICS), rng.choice(FIELDS), with_other=other)


def test_a_record_counts_once_in_the_rest_and_the_metric_is_of_its_records(store: LogStore) -> None:
    tags = [["a"], ["a"], ["a", "b", "c"], ["b", "c"], None]
    store.append("acme", batch(*(record("x", tags=each, attributes=f'{{"n":{n}}}') for n, each in enumerate(tags))))
    asked = Aggregation(("tags",), limit=1, metric="sum", field="n", with_other=True)
    assert table_of(store, asked) == [
        {"tags": None, "tags.other": True, "count": 3, "value": 9.0},
        {"tags": "a", "tags.other": False, "count": 3, "value": 3.0},
    ] or table_of(store, asked) == [
        {"tags": "a", "tags.other": False, "count": 3, "value": 3.0},
        {"tags": None, "tags.other": True, "count": 3, "value": 9.0},
    ]


def test_percentiles_are_exact(store: LogStore) -> None:
    numbers = [*range(1, 101), 1_000_000]
    random.Random(1).shuffle(numbers)
    store.append("acme", batch(*(record("x", attributes=f'{{"ms": {number}}}') for number in numbers)))
    found = {name: table_of(store, Aggregation(metric=name, field="ms"))[0]["value"] for name in ("p50", "p95", "p99")}  # type: ignore[arg-type]
    assert found == {"p50": 51.0, "p95": 96.0, "p99": 100.0}


def test_a_field_named_like_a_column_is_reached_by_its_whole_path(store: LogStore) -> None:
    store.append("acme", batch(record("x", host="outside", attributes='{"host": "inside", "time": "noon"}')))
    assert table_of(store, Aggregation(("host", "attributes.host"))) == [
        {"host": "outside", "attributes.host": "inside", "count": 1}
    ]
    assert table_of(store, Aggregation(("attributes.time",))) == [{"attributes.time": "noon", "count": 1}]


@pytest.mark.parametrize(
    "key", ["it's", 'quo"te', "back\\slash", "ta\tb", "*", "a*", "ünï", "sla/sh", "til~de", "$", "[0]", "#"]
)
def test_any_key_can_be_grouped_by(store: LogStore, key: str) -> None:
    rows = [
        record("x", attributes=json.dumps({key: {key: "deep"}, "other": 1}, ensure_ascii=ascii))
        for ascii in (True, False)
    ]
    rows.append(record("y", attributes=json.dumps({f"{key}.{key}": "flat"})))
    store.append("acme", batch(*rows))
    expected = [("deep", 2), ("flat", 1)]
    name = f"{key}.{key}"
    assert [(row[name], row["count"]) for row in table_of(store, Aggregation((name,)))] == expected
    assert table_of(store, Aggregation(metric="distinct", field=name))[0]["value"] == 2


def test_a_number_in_a_path_is_a_key_and_no_place_in_a_list(store: LogStore) -> None:
    store.append(
        "acme", batch(record("x", attributes='{"a": ["first"]}'), record("y", attributes='{"a": {"0": "key"}}'))
    )
    found = table_of(store, Aggregation(("a.0",)))
    assert found == [{"a.0": "key", "count": 1}, {"a.0": None, "count": 1}]


# -- time ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/New_York", "Asia/Kathmandu", "America/Havana"])
@pytest.mark.parametrize("calendar", ["day", "week", "month", "quarter", "year"])
def test_calendar_buckets_follow_the_clocks_of_their_zone(store: LogStore, calendar: Any, zone: str) -> None:
    rng = random.Random(3)
    year_us = 366 * 86_400 * 1_000_000
    rows = [record("x", at=rng.randrange(-year_us, year_us) / 1_000_000) for _ in range(300)]
    for day in (
        datetime(2026, 3, 29, tzinfo=UTC),
        datetime(2026, 10, 25, tzinfo=UTC),
        datetime(2026, 11, 1, tzinfo=UTC),
    ):
        rows += [{**record("x"), "timestamp": day + timedelta(minutes=15 * step)} for step in range(-100, 200)]
    store.append("acme", batch(*rows))
    asked = Aggregation(("time",), calendar=calendar, zone=zone)
    assert table_of(store, asked) == aggregated(rows, asked)


def test_a_day_on_which_clocks_change_has_23_or_25_hours(store: LogStore) -> None:
    days = [datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)]
    hours = [day + timedelta(hours=hour) for day in days for hour in range(48)]
    store.append("acme", batch(*({**record("x"), "timestamp": hour} for hour in hours)))
    found = table_of(store, Aggregation(("time",), calendar="day", zone="Europe/Berlin"))
    counts = {row["time"].isoformat(): row["count"] for row in found}
    assert counts["2026-03-28T23:00:00+00:00"] == 23
    assert counts["2026-10-24T22:00:00+00:00"] == 25


def test_times_at_both_ends_of_the_calendar_have_their_bucket(store: LogStore) -> None:
    ends = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2261, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)]
    rows = [{**record("x"), "timestamp": moment} for moment in ends]
    store.append("acme", batch(*rows))
    for zone in ("America/Los_Angeles", "Asia/Tokyo"):
        asked = Aggregation(("time",), calendar="year", zone=zone)
        assert table_of(store, asked) == aggregated(rows, asked)
    asked = Aggregation(("time",), 7 * 86_400)
    assert table_of(store, asked) == aggregated(rows, asked)


# -- the answer's form -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        Aggregation(),
        Aggregation(("time",), HOUR),
        Aggregation(("time",), calendar="week", zone="Europe/Berlin"),
        Aggregation(("level", "time"), HOUR, with_other=True),
        Aggregation(("user.id", "tags"), with_other=True, metric="p95", field="ms"),
        Aggregation(("host",), metric="distinct", field="level"),
        Aggregation(metric="distinct", field="ms"),
        Aggregation(metric="avg", field="ms"),
    ],
)
def test_answers_with_and_without_records_have_the_same_columns(store: LogStore, asked: Aggregation) -> None:
    nobody = store.aggregate("nobody", MatchAll(), asked).table
    store.append("acme", batch(record("x", host="h", tags=["a"], attributes='{"user": {"id": 1}, "ms": 5}')))
    nothing = store.aggregate("acme", parse("absent"), asked).table
    something = store.aggregate("acme", MatchAll(), asked).table
    assert nobody.equals(nothing)
    assert nothing.schema == something.schema
    assert (nothing.num_rows, something.num_rows) == (0 if asked.by else 1, 1)


def test_columns_have_the_types_of_the_contract(store: LogStore) -> None:
    asked = Aggregation(("time", "level", "ms"), HOUR, with_other=True, metric="max", field="ms")
    schema = store.aggregate("nobody", MatchAll(), asked).table.schema
    expected = {
        "time": pa.timestamp("us", tz="UTC"),
        "level": pa.string(),
        "ms": pa.string(),
        "level.other": pa.bool_(),
        "ms.other": pa.bool_(),
        "count": pa.int64(),
        "value": pa.float64(),
    }
    assert dict(zip(schema.names, schema.types, strict=True)) == expected


def test_an_organisation_counts_its_own_records_only(filled: Any) -> None:
    store, rows = filled
    counts = [store.aggregate(name, MatchAll(), Aggregation()).table["count"][0].as_py() for name in ("acme", "rival")]
    assert counts == [len(rows), 50]


def test_a_sum_beyond_all_doubles_is_no_number(store: LogStore) -> None:
    store.append("acme", batch(*[record("x", attributes='{"n": 1e308}')] * 3))
    assert table_of(store, Aggregation(metric="sum", field="n")) == [{"count": 3, "value": None}]


# -- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        *(Aggregation((name,)) for name in ("message", "raw", "problem", "timestamp", "@timestamp", "id", "")),
        Aggregation(("level", "host", "service")),
        Aggregation(("level", "level")),
        Aggregation(("time",)),
        Aggregation(("time",), 0),
        Aggregation(("time",), 10**12),
        Aggregation(("time",), HOUR, calendar="day"),
        Aggregation(("time",), calendar="decade"),  # type: ignore[arg-type]
        Aggregation(("time",), calendar="day", zone="Mars/Olympus"),
        Aggregation(("time",), calendar="day", zone="../../etc/passwd"),
        Aggregation(("time",), calendar="day", zone="Europe"),
        Aggregation(metric="median", field="ms"),  # type: ignore[arg-type]
        Aggregation(metric="sum"),
        Aggregation(metric="sum", field="message"),
        Aggregation(metric="max", field="timestamp"),
        Aggregation(("level",), limit=0),
        Aggregation(("level",), limit=1_001),
        Aggregation(("a.b.c.d.e.f.g.h.i",)),
        Aggregation(("x" * 1_001,)),
        Aggregation(("x\x00y",)),
    ],
)
def test_an_aggregation_that_is_not_served_says_what_is(store: LogStore, asked: Aggregation) -> None:
    store.append("acme", messages(1))
    for organisation in ("acme", "nobody"):
        with pytest.raises(InvalidQuery) as refused:
            store.aggregate(organisation, MatchAll(), asked)
        assert refused.value.expected


def test_an_answer_of_too_many_rows_is_refused(store: LogStore) -> None:
    count = 100_001
    seconds = pa.array(range(count), pa.int64())
    columns = {name: pa.nulls(count, LOG_SCHEMA.field(name).type) for name in LOG_SCHEMA.names}
    columns["timestamp"] = pa.array([second * 1_000_000 for second in range(count)]).cast(pa.timestamp("us", tz="UTC"))
    columns["level"], columns["message"] = pa.array(["info"] * count), seconds.cast(pa.string())
    store.append("acme", pa.table(columns, schema=LOG_SCHEMA))
    assert store.settle("acme", 120)
    with pytest.raises(InvalidQuery, match="100,000 rows"):
        store.aggregate("acme", MatchAll(), Aggregation(("time",), 1))
    assert store.aggregate("acme", MatchAll(), Aggregation(("time",), 2)).table.num_rows == 50_001


# -- stopping --------------------------------------------------------------------------------------------------


def test_a_question_cancelled_before_it_began_is_not_answered(store: LogStore) -> None:
    store.append("acme", messages(3))
    handle = Handle()
    handle.cancel()
    with pytest.raises(Cancelled):
        store.aggregate("acme", MatchAll(), Aggregation(("level",)), handle=handle)
    assert table_of(store, Aggregation()) == [{"count": 3}]


def test_a_question_is_stopped_while_it_is_answered(store: LogStore) -> None:
    rows = [record("x", attributes='{"text": "%s"}' % ("x" * 2_000)) for _ in range(2_000)]
    store.append("acme", batch(*rows))
    handle, over = Handle(), threading.Event()

    def cancel_when_it_runs() -> None:
        while handle.progress is None and not over.is_set():
            over.wait(0.001)
        while not over.wait(0.001):
            handle.cancel()

    stopper = threading.Thread(target=cancel_when_it_runs)
    stopper.start()
    asked = [Aggregation((f"path{number}",)) for number in range(400)]
    try:
        with pytest.raises(Cancelled):
            store.aggregate_all("acme", MatchAll(), asked, handle=handle)
    finally:
        over.set()
        stopper.join()
    assert table_of(store, Aggregation()) == [{"count": 2_000}]
