"""What is true of the DuckDB store alone: its files, its writer, its limits."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from services.errors import BackendTimeout, BackendUnavailable, Cancelled, QuotaExceeded
from services.log_store.duckdb import DuckDBLogStore, commit, fields, maintenance, matching, schema
from services.log_store.duckdb.engine import ROW_GROUP_ROWS, Engine, EngineSettings
from services.log_store.duckdb.promoted import promoted_paths
from services.log_store.interface import Handle, LogQuery
from services.model import LOG_SCHEMA, LogBatch
from services.query.language import MatchAll, parse
from tests.clocks import HandClock
from tests.records import batch, messages, record
from tests.running import wait_for


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBLogStore]:
    opened = DuckDBLogStore(tmp_path / "logs", HandClock())
    yield opened
    opened.close()


def test_small_writes_that_wait_share_a_transaction(store: DuckDBLogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.append("acme", messages(1))
    begun, go_on = threading.Event(), threading.Event()
    prepare = commit.prepare_group

    def slow(*arguments: object) -> commit.Group:
        begun.set()
        go_on.wait()
        return prepare(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("services.log_store.duckdb.writer.prepare_group", slow)
    threads = [threading.Thread(target=store.append, args=("acme", messages(10))) for _ in range(20)]
    threads[0].start()
    begun.wait()
    for thread in threads[1:]:
        thread.start()
    writer = store._writers["acme"]
    while len(writer._queue) < 19:
        pass
    go_on.set()
    for thread in threads:
        thread.join()
    assert store.counters()["commits"] == 3  # the first, the one that was slow, all others together
    assert store.search("acme", LogQuery()).total == 201


def test_a_bad_member_of_a_group_hurts_nobody_else(store: DuckDBLogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.append("acme", messages(1))
    begun, go_on = threading.Event(), threading.Event()
    insert = commit._insert_records

    def picky(cursor: duckdb.DuckDBPyConnection, state: object, group: object, fresh: list[commit.Outcome]) -> None:
        begun.set()
        go_on.wait()
        insert(cursor, state, group, fresh)  # type: ignore[arg-type]
        if any("bad" in outcome.write.batch.column("message").to_pylist() for outcome in fresh):
            raise duckdb.ConstraintException("one of them is bad")

    monkeypatch.setattr(commit, "_insert_records", picky)
    outcomes: dict[str, str] = {}

    def send(text: str) -> None:
        try:
            outcomes[text] = store.append("acme", batch(record(text))).ids[0]
        except BackendUnavailable:
            outcomes[text] = "refused"

    threads = [threading.Thread(target=send, args=(text,)) for text in ("first", "good", "bad", "fine")]
    for thread in threads:
        thread.start()
        begun.wait()
    writer = store._writers["acme"]
    while len(writer._queue) < 3:
        pass
    go_on.set()
    for thread in threads:
        thread.join()
    assert outcomes["bad"] == "refused"
    assert {store.get("acme", outcomes[text])["message"] for text in ("first", "good", "fine")} == {
        "first",
        "good",
        "fine",
    }
    assert store.search("acme", LogQuery()).total == 4
    assert store.counters()["group_replays"] == 1


def test_a_caller_waits_while_too_much_is_queued(store: DuckDBLogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.log_store.duckdb.writer.QUEUE_BYTES", 1)
    monkeypatch.setattr("services.log_store.duckdb.writer.QUEUE_WAIT_S", 0.01)
    begun, go_on = threading.Event(), threading.Event()
    prepare = commit.prepare_group

    def slow(*arguments: object) -> commit.Group:
        begun.set()
        go_on.wait()
        return prepare(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("services.log_store.duckdb.writer.prepare_group", slow)
    threads = [threading.Thread(target=store.append, args=("acme", messages(10))) for _ in range(2)]
    threads[0].start()
    begun.wait()
    threads[1].start()
    while not store._writers["acme"]._queue:
        pass
    with pytest.raises(QuotaExceeded):
        store.append("acme", messages(10))
    go_on.set()
    for thread in threads:
        thread.join()
    assert store.append("acme", messages(10)).count == 10
    assert store.search("acme", LogQuery()).total == 30


def test_listeners_hear_of_records_that_can_be_found(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int | None]] = []

    def listen(organisation: str, stored: LogBatch) -> None:
        assert stored.schema.names == [*LOG_SCHEMA.names, "seq"]
        heard.append((organisation, stored.num_rows, store.search(organisation, LogQuery()).total))
        raise RuntimeError("a listener's own fault")

    store = DuckDBLogStore(tmp_path / "logs", HandClock(), on_stored=listen)
    store.append("acme", messages(3))
    assert store.append("acme", messages(2)).count == 2
    wait_for(lambda: len(heard) == 2)  # a listener is called after the answer
    store.close()
    assert heard == [("acme", 3, 3), ("acme", 2, 5)]


def test_a_search_that_takes_too_long_is_interrupted_and_counted(tmp_path: Path) -> None:
    store = DuckDBLogStore(tmp_path / "logs", HandClock(), timeout_s=0.001)
    store.append("acme", batch(*(record("abcdefghi " * 50, shape=None) for _ in range(5_000))))
    with pytest.raises(BackendTimeout):
        for _ in range(20):
            store.search("acme", LogQuery(query=parse("nothing OR " * 20 + '"abcdefghi 7"')))
    assert store.counters()["timeouts"] == 1
    store.close()


def test_too_many_heavy_searches_are_refused_and_light_ones_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "HEAVY_ROWS", 0)
    store = DuckDBLogStore(tmp_path / "logs", HandClock(), heavy_searches=1, heavy_wait_s=0.01)
    store.append("acme", messages(3))
    with store._gate.slot("rival"):
        with pytest.raises(QuotaExceeded):
            store.search("acme", LogQuery(query=parse("message 1")))
        assert store.search("acme", LogQuery(query=parse("level:info message"))).total == 3
    assert store.search("acme", LogQuery(query=parse("message 1"))).total == 1
    assert store.counters()["refused_heavy"] == 1
    store.close()


def test_a_file_that_another_process_holds_is_a_clear_error(store: DuckDBLogStore, tmp_path: Path) -> None:
    store.append("acme", messages(1))
    code = f"""
from pathlib import Path
from services.clock import SystemClock
from services.log_store.duckdb import DuckDBLogStore
from services.log_store.interface import Handle, LogQuery
try:
    DuckDBLogStore(Path({str(tmp_path / "logs")!r}), SystemClock()).search("acme", LogQuery())
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("BackendUnavailable The log files are held by another process.")


def test_sql_cannot_reach_files_outside_or_change_settings(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "logs", EngineSettings())
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with engine.cursor() as cursor:
        for statement in (
            f"SELECT * FROM read_csv('{secret}')",
            f"ATTACH '{tmp_path / 'x.duckdb'}'",
            f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
            "SET memory_limit = '1TB'",
            "SET enable_external_access = true",
            "INSTALL httpfs",
            "LOAD httpfs",
        ):
            with pytest.raises(duckdb.Error):
                cursor.execute(statement)
        assert cursor.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
    engine.close()


def test_a_file_of_a_newer_release_is_refused_untouched(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    store = DuckDBLogStore(folder, HandClock())
    store.append("acme", messages(1))
    store.close()
    with duckdb.connect(str(folder / "acme.duckdb")) as connection:
        connection.execute("UPDATE schema_version SET version = ?", [len(schema.MIGRATIONS) + 1])
    store = DuckDBLogStore(folder, HandClock())
    with pytest.raises(BackendUnavailable, match="newer release"):
        store.search("acme", LogQuery())
    with pytest.raises(BackendUnavailable):
        store.append("acme", messages(1))
    store.close()


def test_an_older_file_is_brought_up_to_date_when_attached(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "acme.duckdb")):
        pass  # a file without any table: as old as can be
    store = DuckDBLogStore(tmp_path, HandClock())
    assert store.search("acme", LogQuery()).total == 0
    assert store.append("acme", messages(1)).count == 1
    store.close()


def test_opening_a_file_again_does_not_rewrite_its_row_groups(tmp_path: Path) -> None:
    table = pa.concat_tables([messages(1_000)] * 100)
    for _ in range(3):
        store = DuckDBLogStore(tmp_path, HandClock())
        store.append("acme", table)
        store.delete("acme", parse("id:none"))
        store.close()
    store = DuckDBLogStore(tmp_path, HandClock())
    assert store.search("acme", LogQuery()).total == 300_000
    with store._engine.cursor() as cursor:
        info = """SELECT row_group_id, max(start + count) FROM pragma_storage_info('"org_acme".logs') GROUP BY 1"""
        largest = max(rows for _, rows in cursor.execute(info).fetchall())
    assert largest <= ROW_GROUP_ROWS
    store.close()


def test_times_from_1970_to_2261_are_kept_to_the_microsecond(store: DuckDBLogStore) -> None:
    times = pa.array([0, 1, 9_214_646_399_999_999, 1_700_000_000_123_456], pa.timestamp("us", tz="UTC"))
    table = messages(4).set_column(0, LOG_SCHEMA.field("timestamp"), times)
    found = store.append("acme", table)
    for position, identifier in enumerate(found.ids):
        assert store.get("acme", identifier)["timestamp"] == times[position].as_py()
    assert store.search("acme", LogQuery()).records[0]["timestamp"].year == 2261
    assert store.delete("acme", MatchAll()) == 4


def test_long_texts_come_back_whole_and_go_with_their_records(store: DuckDBLogStore) -> None:
    message, raw = "begin " + "é\U0001f600x" * 30_000 + " end", "r" * 40_000
    attributes = '{"k":"' + "v" * 200_000 + '"}'
    rows = [
        record("short", at=0),
        record(message, at=1, raw=raw, attributes=attributes, shape=None),
        record(message[:40_000]),
    ]
    ids = store.append("acme", batch(*rows)).ids
    got = store.get("acme", ids[1])
    assert (got["message"], got["raw"], got["attributes"]) == (message, raw, attributes)
    page = store.search("acme", LogQuery(query=parse("begin"))).records
    assert [entry["message"] for entry in page] == [message, message[:40_000]]
    assert page[1]["attributes"] is None
    assert store.delete("acme", parse("begin")) == 2
    assert store.search("acme", LogQuery()).total == 1
    with store._engine.cursor() as cursor:
        assert cursor.execute('SELECT count(*) FROM "org_acme".long_texts').fetchall() == [(0,)]


def test_many_messages_of_a_megabyte_are_stored_and_searched(tmp_path: Path) -> None:
    store = DuckDBLogStore(tmp_path / "logs", HandClock(), memory_limit="128MB")
    text = "needle " + "word and another thing " * 43_000
    for number in range(0, 200, 20):
        store.append("acme", batch(*(record(text, at=n, shape=None) for n in range(number, number + 20))))
    assert store.search("acme", LogQuery(query=parse("needle AND thing"), limit=1)).total == 200
    assert store.counters()["reattached"] == 0
    store.close()


def test_long_and_strange_texts_come_back_identical_and_are_found(store: DuckDBLogStore) -> None:
    texts = [
        "x" * 10_000_000,
        "\u202e\ufeff\u2028 \U0001f469\u200d\U0001f52c",
        "a\x01b\x7f\x80",
        "'; DROP TABLE logs --",
        "",
    ]
    ids = store.append("acme", batch(*(record(text, shape=None) for text in texts))).ids
    assert [store.get("acme", identifier)["message"] for identifier in ids] == texts
    assert store.search("acme", LogQuery(query=parse("drop AND table AND logs"))).total == 1


def test_a_search_that_is_cancelled_while_it_waits_for_its_turn_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "HEAVY_ROWS", 0)
    store = DuckDBLogStore(tmp_path / "logs", HandClock(), heavy_searches=1, heavy_wait_s=30)
    store.append("acme", messages(3))
    handle, ended = Handle(), []

    def search() -> None:
        try:
            store.search("acme", LogQuery(query=parse("message 1")), handle=handle)
        except Cancelled as error:
            ended.append(error)

    thread = threading.Thread(target=search)
    with store._gate.slot("rival"):
        thread.start()
        wait_for(lambda: store._gate.waiting == 1)
        handle.cancel()
    thread.join(10)
    assert len(ended) == 1
    store.close()


def test_fields_of_records_with_very_many_keys_are_read_from_fewer_of_them(
    store: DuckDBLogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields, "READ_BYTES", 20_000)
    wide = [json.dumps({f"key_{number}_{each}": each for each in range(40)}) for number in range(400)]
    store.append("acme", batch(*(record("x", at=at, attributes=text) for at, text in enumerate(wide))))
    found = store.fields("acme", MatchAll())
    assert found.total == 400
    assert 0 < found.read_records <= 64
    assert len(found.fields) > 40


def test_a_name_that_no_record_has_gets_no_columns(store: DuckDBLogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "WORTH_RECORDS", 0)
    store.append("acme", batch(record("x", attributes='{"there": 1}')))
    for _ in range(3):
        store.search("acme", LogQuery(query=parse("absent:1 OR there:1")))
    wait_for(lambda: any(each.is_promoted for each in store.fields("acme", MatchAll()).fields))
    assert store.maintain("acme").promoted_paths == 0
    with store._engine.cursor() as cursor:
        assert [each.path for each in promoted_paths(cursor, '"org_acme"', filled_only=False)] == ["there"]


def test_thousands_of_sources_in_one_batch_are_judged_as_a_whole(store: DuckDBLogStore) -> None:
    store.append("acme", batch(*(record(f"order {at} done", at=at, source=f"s{at}") for at in range(1_500))))
    assert store.search("acme", LogQuery(query=parse("order done"))).total == 1_500
    assert len(store.patterns("acme", MatchAll()).patterns) == 1
