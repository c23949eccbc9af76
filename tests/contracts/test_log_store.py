"""What every log store promises (services/log_store/interface.py). `OPENERS` has all of them."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from services.errors import BackendUnavailable, Conflict, InvalidQuery, NotFound
from services.log_store.interface import Aggregation, Idempotency, LogQuery, LogStore, UploadProgress
from services.model import LOG_SCHEMA, parse_record_id
from services.query.language import MatchAll, parse
from tests.clocks import HandClock
from tests.records import START, batch, messages, record
from tests.stores import OPENERS

Open = Callable[[], LogStore]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=sorted(OPENERS))
def open_store(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> Iterator[Open]:
    """Opens a store on the same place each time; whatever was opened is closed at the end."""
    opened: list[LogStore] = []

    def opener() -> LogStore:
        opened.append(OPENERS[request.param](tmp_path / "logs", clock))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> LogStore:
    return open_store()


def found(store: LogStore, text: str = "", organisation: str = "acme", **arguments: object) -> list[str]:
    page = store.search(organisation, LogQuery(query=parse(text), limit=1000, **arguments))  # type: ignore[arg-type]
    assert page.total == len(page.records)
    return [entry["message"] for entry in page.records]


# -- appending ---------------------------------------------------------------------------------------------------


def test_a_record_comes_back_as_it_went_in(store: LogStore) -> None:
    row = record(
        "Grüße, 42 \U0001f600\ttab",
        level="warning",
        source="s",
        service="web",
        environment="prod",
        host="h1",
        trace_id="t",
        span_id="sp",
        tags=["a", "b c"],
        attributes='{"b": 1.50, "a":  [1,2], "big": 123456789012345678901}',
        raw="the line",
        problem="why",
        upload_id="u1",
    )
    appended = store.append("acme", batch(row))
    got = store.get("acme", appended.ids[0])
    expected = {name: value for name, value in row.items() if name != "shape"} | {"id": appended.ids[0]}
    assert got == expected
    assert got["timestamp"].utcoffset() == timedelta(0)


def test_absent_values_are_none_and_tags_a_list(store: LogStore) -> None:
    identifier = store.append("acme", batch(record("x", tags=None))).ids[0]
    got = store.get("acme", identifier)
    assert got["tags"] == []
    assert got["service"] is None


def test_ids_are_in_the_order_of_the_batch_and_each_finds_its_record(store: LogStore) -> None:
    appended = store.append("acme", messages(5_000))
    assert len(appended.ids) == appended.count == 5_000
    ids = list(appended.ids)
    assert ids[4_321] == appended.ids[4_321]
    assert appended.ids[-1] == ids[-1]
    assert appended.ids[1:3] == ids[1:3]
    assert store.get("acme", ids[4_321])["message"] == "message 4321"
    assert len(set(ids)) == 5_000


def test_seq_grows_with_every_commit_also_when_the_clock_steps_back_or_the_store_is_reopened(
    open_store: Open, clock: HandClock
) -> None:
    store, seqs = open_store(), []

    def append(rows: int) -> None:
        seqs.extend(parse_record_id(i)[1] for i in store.append("acme", messages(rows)).ids)  # type: ignore[index]

    append(9_000)
    clock.move(seconds=-3_600)
    append(2)
    store.close()
    store = open_store()
    append(2)
    store.delete("acme", MatchAll())
    store.close()
    clock.move(days=-1)
    store = open_store()
    append(1)
    assert seqs == sorted(set(seqs))


def test_what_append_acknowledged_is_there_after_reopening(open_store: Open) -> None:
    store = open_store()
    store.append("acme", messages(10))
    store.close()
    assert len(found(open_store())) == 10


def test_an_empty_batch_stores_nothing_but_its_progress(store: LogStore) -> None:
    empty = pa.Table.from_pylist([], schema=LOG_SCHEMA)
    appended = store.append("acme", empty, upload=UploadProgress("u", 7, 0, 0))
    assert (appended.count, list(appended.ids)) == (0, [])
    assert store.upload_progress("acme", "u") == UploadProgress("u", 7, 0, 0)


def test_concurrent_small_appends_are_all_stored_and_answered(store: LogStore) -> None:
    ids: list[str] = []

    def send(worker: int) -> None:
        for number in range(20):
            ids.extend(store.append("acme", batch(record(f"w{worker} n{number}"))).ids)

    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 160
    assert sorted(found(store)) == sorted(f"w{worker} n{number}" for worker in range(8) for number in range(20))
    assert store.get("acme", ids[77])


def test_upload_progress_is_the_last_one_stored(store: LogStore) -> None:
    assert store.upload_progress("acme", "u") is None
    store.append("acme", messages(2), upload=UploadProgress("u", 100, 2, 0))
    store.append("acme", messages(3), upload=UploadProgress("u", 250, 5, 1))
    store.append("acme", messages(1), upload=UploadProgress("other", 9, 1, 0))
    assert store.upload_progress("acme", "u") == UploadProgress("u", 250, 5, 1)
    assert store.upload_progress("rival", "u") is None


# -- idempotency -------------------------------------------------------------------------------------------------


def test_the_same_key_and_payload_is_stored_once_and_answered_alike(open_store: Open) -> None:
    store = open_store()
    first = store.append("acme", messages(3), idempotency=Idempotency("k", "hash"))
    again = store.append("acme", messages(3), idempotency=Idempotency("k", "hash"))
    assert (first.replayed, again.replayed) == (False, True)
    assert (list(again.ids), again.count) == (list(first.ids), 3)
    store.close()
    store = open_store()
    assert store.append("acme", messages(3), idempotency=Idempotency("k", "hash")).replayed
    assert len(found(store)) == 3


def test_a_key_with_another_payload_is_a_conflict(store: LogStore) -> None:
    store.append("acme", messages(3), idempotency=Idempotency("k", "hash"))
    with pytest.raises(Conflict):
        store.append("acme", messages(2), idempotency=Idempotency("k", "other"))
    assert len(found(store)) == 3
    assert not store.append("rival", messages(2), idempotency=Idempotency("k", "other")).replayed


def test_a_key_is_forgotten_after_a_day(store: LogStore, clock: HandClock) -> None:
    store.append("acme", messages(1), idempotency=Idempotency("k", "hash"))
    clock.move(hours=25)
    assert not store.append("acme", messages(1), idempotency=Idempotency("k", "other")).replayed
    assert len(found(store)) == 2


def test_one_key_sent_many_times_at_once_is_stored_once(store: LogStore) -> None:
    answers = []
    gate = threading.Barrier(12)

    def send() -> None:
        gate.wait()
        answers.append(store.append("acme", messages(2), idempotency=Idempotency("k", "hash")))

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(not answer.replayed for answer in answers) == 1
    assert len({tuple(answer.ids) for answer in answers}) == 1
    assert len(found(store)) == 2


# -- searching ---------------------------------------------------------------------------------------------------


def test_newest_come_first_and_ties_are_in_order_of_arrival(store: LogStore) -> None:
    store.append("acme", batch(record("b", at=5), record("a", at=1)))
    store.append("acme", batch(record("c", at=5), record("d", at=3)))
    assert found(store) == ["c", "b", "d", "a"]
    assert found(store, newest_first=False) == ["a", "d", "b", "c"]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("text", ["", "message", "level:error"])
def test_cursor_pages_give_every_record_once(store: LogStore, newest_first: bool, text: str) -> None:
    rows = [record(f"message {n}", at=(n * 7919) % 50 * 1_000, level="error") for n in range(200)]
    store.append("acme", batch(*rows[:150]))
    store.append("acme", batch(*rows[150:]))
    seen, cursor = [], None
    while True:
        page = store.search("acme", LogQuery(query=parse(text), limit=17, cursor=cursor, newest_first=newest_first))
        assert page.total == 200
        seen += [entry["id"] for entry in page.records]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 200
    assert seen == sorted(seen, reverse=newest_first)


def test_paging_never_repeats_or_skips_while_newer_records_arrive(store: LogStore) -> None:
    store.append("acme", messages(50))
    first = store.search("acme", LogQuery(limit=20))
    store.append("acme", batch(*(record(f"late {n}", at=100 + n) for n in range(10)), record("old", at=-1)))
    rest = store.search("acme", LogQuery(limit=1000, cursor=first.next_cursor))
    read = [entry["message"] for entry in (*first.records, *rest.records)]
    assert read == [f"message {n}" for n in reversed(range(50))] + ["old"]


def test_offset_pages_agree_with_the_whole_list(store: LogStore) -> None:
    store.append("acme", batch(*(record(f"word {n}", at=n * 600) for n in range(120))))
    everything = found(store, "word")
    for offset in range(0, 130, 25):
        page = store.search("acme", LogQuery(query=parse("word"), limit=25, offset=offset))
        assert [entry["message"] for entry in page.records] == everything[offset : offset + 25]
        assert page.total == 120


def test_a_time_range_includes_its_start_and_not_its_end(store: LogStore) -> None:
    store.append("acme", messages(10))
    second = timedelta(seconds=1)
    assert found(store, start=START + 3 * second, end=START + 5 * second) == ["message 4", "message 3"]
    assert found(store, start=START + 9 * second) == ["message 9"]
    assert found(store, end=START) == []


def test_an_organisation_without_records_finds_nothing(store: LogStore) -> None:
    assert found(store, organisation="nobody") == []
    assert store.search("nobody", LogQuery(with_total=False)).total is None
    assert store.usage("nobody").records == 0
    assert store.aggregate("nobody", MatchAll(), Aggregation()).table.to_pylist() == [{"count": 0}]
    assert store.aggregate("nobody", MatchAll(), Aggregation(by=("level",))).table.num_rows == 0
    assert store.delete("nobody", MatchAll()) == 0


def test_organisations_see_nothing_of_each_other(store: LogStore) -> None:
    mine = store.append("acme", messages(3, "mine")).ids[0]
    store.append("rival", batch(record("theirs", at=0.5), record("theirs", at=1.5)))
    assert len(found(store, organisation="rival")) == 2
    with pytest.raises(NotFound):
        store.get("rival", mine)
    assert store.delete("rival", MatchAll()) == 2
    assert len(found(store)) == 3


@pytest.mark.parametrize("organisation", ["../x", "a/b", "", "a b", "x" * 65, 'a"b', "a'b", "ä"])
def test_an_organisation_id_is_never_a_path_or_sql(store: LogStore, organisation: str) -> None:
    with pytest.raises(ValueError, match="organisation id"):
        store.append(organisation, messages(1))


@pytest.mark.parametrize("text", ["", "nonsense", "0" * 16 + "-" + "0" * 16, "f" * 16 + "-" + "f" * 16])
def test_an_unknown_id_is_not_found(store: LogStore, text: str) -> None:
    store.append("acme", messages(1))
    with pytest.raises(NotFound):
        store.get("acme", text)


@pytest.mark.parametrize(
    "query",
    [LogQuery(limit=0), LogQuery(limit=1001), LogQuery(offset=-1), LogQuery(offset=10_001), LogQuery(cursor="x")],
)
def test_a_page_that_is_not_served_is_an_invalid_query(store: LogStore, query: LogQuery) -> None:
    with pytest.raises(InvalidQuery):
        store.search("acme", query)


# -- counting ----------------------------------------------------------------------------------------------------


def test_counts_by_time_level_and_field_are_exact(store: LogStore) -> None:
    rows = [record("x", at=n * 10, level="error" if n % 3 == 0 else "info", service=f"s{n % 4}") for n in range(60)]
    store.append("acme", batch(*rows))
    by_time = store.aggregate("acme", MatchAll(), Aggregation(by=("time",), interval_s=300)).table.to_pylist()
    assert [(row["time"], row["count"]) for row in by_time] == [(START, 30), (START + timedelta(seconds=300), 30)]
    by_level = store.aggregate("acme", MatchAll(), Aggregation(by=("level",))).table.to_pylist()
    assert by_level == [{"level": "info", "count": 40}, {"level": "error", "count": 20}]
    both = store.aggregate("acme", parse("level:error"), Aggregation(by=("time", "service"), interval_s=300)).table
    assert sum(row["count"] for row in both.to_pylist()) == 20
    total = store.aggregate("acme", MatchAll(), Aggregation(), start=START + timedelta(seconds=300)).table
    assert total.to_pylist() == [{"count": 30}]


@pytest.mark.parametrize("text", ["", "x", "level:error"])
def test_several_counts_at_once_are_the_counts_one_by_one(store: LogStore, text: str) -> None:
    store.append("acme", batch(*(record("x y", at=n * 10, level="error", service=f"s{n % 4}") for n in range(60))))
    counts = [Aggregation(), Aggregation(by=("time", "level"), interval_s=60), Aggregation(by=("service",), limit=2)]
    end = START + timedelta(seconds=300)
    together = store.aggregate_all("acme", parse(text), counts, end=end)
    singly = [store.aggregate("acme", parse(text), count, end=end) for count in counts]
    assert [result.table for result in together] == [result.table for result in singly]
    assert together[0].table.to_pylist() == [{"count": 30}]


def test_the_largest_groups_are_kept_and_absent_values_are_a_group(store: LogStore) -> None:
    rows = [record("x", host=host) for host in ["a"] * 3 + ["b"] * 2 + ["c"] + [None] * 4]
    store.append("acme", batch(*rows))
    top = store.aggregate("acme", MatchAll(), Aggregation(by=("host",), limit=2)).table.to_pylist()
    assert top == [{"host": None, "count": 4}, {"host": "a", "count": 3}]
    with_time = store.aggregate("acme", MatchAll(), Aggregation(by=("time", "host"), interval_s=60, limit=1)).table
    assert with_time.to_pylist() == [{"time": START, "host": None, "count": 4}]


def test_counting_by_something_else_is_an_invalid_query(store: LogStore) -> None:
    store.append("acme", messages(1))
    for by, width in ((("message",), None), (("time",), None), (("timestamp",), None)):
        with pytest.raises(InvalidQuery):
            store.aggregate("acme", MatchAll(), Aggregation(by=by, interval_s=width))


@pytest.mark.parametrize("text", ["", "big", "level:info"])
@pytest.mark.parametrize("newest_first", [True, False])
def test_a_page_of_very_large_records_ends_early_and_its_cursor_goes_on(
    store: LogStore, text: str, newest_first: bool
) -> None:
    sizes = [7 << 20, 100, 7 << 20, 18 << 20, 200, 7 << 20]
    rows = [record("big " + "x" * size, at=n, attributes=f'{{"n":{n}}}') for n, size in enumerate(sizes)]
    store.append("acme", batch(*rows))
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        query = LogQuery(query=parse(text), limit=1000, newest_first=newest_first, cursor=cursor)
        page = store.search("acme", query)
        lengths = [len(each["message"]) - 4 for each in page.records]
        assert page.total == len(sizes)
        assert len(lengths) == 1 or sum(lengths) < 17 << 20
        seen, cursor, pages = seen + lengths, page.next_cursor, pages + 1
    assert seen == (sizes[::-1] if newest_first else sizes)
    assert pages == 3


# -- deleting, usage, the end ------------------------------------------------------------------------------------


def test_delete_removes_exactly_what_matches_and_for_good(open_store: Open) -> None:
    store = open_store()
    store.append("acme", messages(10))
    store.append("acme", messages(5, "keep"))
    end = START + timedelta(seconds=4)
    assert store.delete("acme", parse("message"), end=end) == 4
    assert store.delete("acme", parse("message"), end=end) == 0
    store.close()
    store = open_store()
    assert len(found(store, "message")) == 6
    assert len(found(store)) == 11


def test_usage_counts_records_and_bytes_and_their_span(store: LogStore) -> None:
    store.append("acme", messages(10))
    usage = store.usage("acme")
    assert (usage.records, usage.oldest, usage.newest) == (10, START, START + timedelta(seconds=9))
    assert usage.size_bytes > 0
    store.check()


def test_after_close_every_call_says_so(store: LogStore) -> None:
    store.append("acme", messages(1))
    store.close()
    store.close()
    calls: list[Callable[[], object]] = [
        lambda: store.append("acme", messages(1)),
        lambda: store.search("acme", LogQuery()),
        lambda: store.delete("acme", MatchAll()),
        store.check,
    ]
    for call in calls:
        with pytest.raises(BackendUnavailable):
            call()


def test_appends_under_way_at_close_are_stored_or_refused(open_store: Open) -> None:
    store, stored, refused = open_store(), [], []

    def send(worker: int) -> None:
        for number in range(50):
            try:
                stored.extend(store.append("acme", batch(record(f"w{worker}x{number}"))).ids)
            except BackendUnavailable:
                refused.append(1)

    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    while not stored:
        pass
    store.close()
    for thread in threads:
        thread.join()
    assert len(stored) + len(refused) == 200
    ids = {entry["id"] for entry in open_store().search("acme", LogQuery(limit=1000)).records}
    assert ids == set(stored)
