"""The records around one."""

import itertools
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.errors import Cancelled, InvalidQuery, NotFound
from services.log_store.interface import Handle, LogQuery, LogRecord, LogStore
from tests.clocks import HandClock
from tests.contracts.plain_reads import around
from tests.records import batch, messages, record
from tests.stores import OPENERS

COLUMNS = ("source", "service", "host", "environment", "upload_id", "trace_id")


@pytest.fixture(params=sorted(OPENERS))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    opened = OPENERS[request.param](tmp_path / "logs", HandClock())
    yield opened
    opened.close()


def in_order(store: LogStore, organisation: str = "acme") -> list[LogRecord]:
    return store.search(organisation, LogQuery(newest_first=False, limit=1_000)).records


def random_rows(rng: random.Random, count: int) -> list[dict[str, Any]]:
    """Records in bursts and years apart, many at the same moment, columns of few values or none."""
    rows = []
    for number in range(count):
        at = rng.choice([0, 0, rng.random(), rng.randrange(100), rng.randrange(10**7), -rng.randrange(10**9)])
        columns = {name: rng.choice([None, "a", "a", "b"]) for name in COLUMNS}
        rows.append(record(f"n {number}", at=at, **columns))
    return rows


@pytest.mark.parametrize("seed", range(6))
def test_neighbours_are_those_of_the_whole_list_in_order(store: LogStore, seed: int) -> None:
    rng = random.Random(seed)
    rows = random_rows(rng, 250)
    for first in range(0, len(rows), 60):
        store.append("acme", batch(*rows[first : first + 60]))
    store.append("rival", batch(*random_rows(rng, 50)))
    records = in_order(store)
    for _ in range(25):
        at, before, after = rng.randrange(len(records)), rng.choice([0, 1, 10, 200]), rng.choice([0, 3, 10, 200])
        same = tuple(rng.sample(COLUMNS, rng.randrange(4)))
        earlier, later = around(records, at, before, after, same)
        found = store.context("acme", records[at]["id"], before=before, after=after, same=same)
        assert (found.before, found.record, found.after) == (earlier, records[at], later)
        all_earlier, all_later = around(records, at, 1_000, 1_000, same)
        assert found.has_more_before == (len(all_earlier) > before)
        assert found.has_more_after == (len(all_later) > after)


def test_neighbours_are_of_the_same_source_service_and_host_where_nothing_else_is_asked(store: LogStore) -> None:
    places = itertools.product(["s", None], ["web", None], ["h", None])
    rows = [record("x", at=n, source=s, service=w, host=h) for n, (s, w, h) in enumerate([*places] * 3)]
    store.append("acme", batch(*rows))
    records = in_order(store)
    for middle in records[8:16]:
        found = store.context("acme", middle["id"])
        stream = [(each["source"], each["service"], each["host"]) for each in (*found.before, *found.after)]
        assert stream == [(middle["source"], middle["service"], middle["host"])] * 2


def test_records_of_one_moment_are_in_the_order_of_their_arrival(store: LogStore) -> None:
    store.append("acme", batch(*(record(f"first {n}", at=5) for n in range(5))))
    store.append("acme", batch(*(record(f"second {n}", at=5) for n in range(5))))
    records = in_order(store)
    found = store.context("acme", records[4]["id"], before=2, after=3)
    assert [each["message"] for each in found.before] == ["first 2", "first 3"]
    assert [each["message"] for each in found.after] == ["second 0", "second 1", "second 2"]


def test_very_large_neighbours_leave_out_the_farthest(store: LogStore) -> None:
    large = "x" * (3 << 20)
    store.append("acme", batch(*(record(f"{n} {large}", at=n) for n in range(12))))
    ids = [
        each["id"]
        for n in range(12)
        for each in store.search("acme", LogQuery(newest_first=False, limit=1, offset=n)).records
    ]
    found = store.context("acme", ids[6])
    numbers = [int(each["message"].split(" ")[0]) for each in (*found.before, found.record, *found.after)]
    assert numbers == [4, 5, 6, 7, 8] or numbers == [5, 6, 7, 8] or numbers == [4, 5, 6, 7]
    assert (found.has_more_before, found.has_more_after) == (True, True)
    assert all(len(each["message"]) > 3 << 20 for each in (*found.before, *found.after))


def test_a_record_larger_than_the_budget_comes_alone(store: LogStore) -> None:
    store.append("acme", batch(record("a", at=0), record("x" * (20 << 20), at=1), record("b", at=2)))
    large = store.search("acme", LogQuery(limit=1, offset=1)).records[0]
    found = store.context("acme", large["id"])
    assert (found.before, found.after) == ([], [])
    assert len(found.record["message"]) == 20 << 20
    assert (found.has_more_before, found.has_more_after) == (True, True)


def test_an_unknown_record_is_not_found(store: LogStore) -> None:
    mine = store.append("acme", messages(1)).ids[0]
    store.append("rival", batch(record("theirs", at=99)))
    for organisation, wanted in (
        ("acme", "nonsense"),
        ("acme", "0" * 16 + "-" + "0" * 16),
        ("rival", mine),
        ("nobody", mine),
    ):
        with pytest.raises(NotFound):
            store.context(organisation, wanted)


@pytest.mark.parametrize("wrong", [{"before": -1}, {"after": 201}, {"same": ("message",)}, {"same": ("host", "tags")}])
def test_a_context_that_is_not_served_says_what_is(store: LogStore, wrong: dict[str, Any]) -> None:
    identifier = store.append("acme", messages(1)).ids[0]
    with pytest.raises(InvalidQuery) as refused:
        store.context("acme", identifier, **wrong)
    assert refused.value.expected


def test_a_cancelled_question_is_not_answered(store: LogStore) -> None:
    identifier = store.append("acme", messages(3)).ids[0]
    handle = Handle()
    handle.cancel()
    with pytest.raises(Cancelled):
        store.context("acme", identifier, handle=handle)


def test_times_at_both_ends_of_the_calendar_are_neighbours(store: LogStore) -> None:
    middle = record("middle")
    ends = [
        {**middle, "message": m, "timestamp": middle["timestamp"] + timedelta(days=d)}
        for m, d in (("old", -20_000), ("new", 85_000))
    ]
    store.append("acme", batch(middle, *ends))
    records = in_order(store)
    found = store.context("acme", records[1]["id"])
    assert [each["message"] for each in (*found.before, *found.after)] == ["old", "new"]
