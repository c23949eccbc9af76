"""Parts of the DuckDB store that keep promises of their own: seq, shapes, blocks, the gate."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from services.errors import QuotaExceeded
from services.log_store.duckdb import schema
from services.log_store.duckdb.blocks import BLOCK_ROWS, Blocks
from services.log_store.duckdb.gate import HeavyGate
from services.log_store.duckdb.shapes import Shapes
from services.log_store.sequence import RecordIds, seq_column, seq_of, tick_of, tick_of_seq
from services.log_store.shape_rules import MAX_SHAPE_BYTES, WINDOW_ROWS
from services.model import parse_record_id


@pytest.fixture
def cursor(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{tmp_path / 'x.duckdb'}' AS x")
    schema.migrate(connection, "x")
    yield connection
    connection.close()


# -- seq ---------------------------------------------------------------------------------------------------------


def test_the_column_of_seqs_is_the_seqs_one_by_one() -> None:
    first = tick_of(datetime(2026, 5, 4, tzinfo=UTC)) + 4_000
    column = seq_column(first, 10_000, worker=5).to_pylist()
    assert column == [seq_of(first + n, 5) for n in range(10_000)]
    assert column == sorted(set(column))
    assert [tick_of_seq(seq) for seq in column[:3]] == [first, first + 1, first + 2]


def test_seq_holds_the_milliseconds_since_2024() -> None:
    moment = datetime(2026, 5, 4, 12, tzinfo=UTC)
    assert seq_of(tick_of(moment)) >> 22 == int((moment - datetime(2024, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
    assert tick_of(datetime(2020, 1, 1, tzinfo=UTC)) == 0
    assert seq_of(tick_of(datetime(2093, 1, 1, tzinfo=UTC))) < 1 << 63


def test_ids_made_when_looked_at_are_the_ids_of_all() -> None:
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=n) for n in range(10)]
    ids = RecordIds(pa.chunked_array([moments[:4], moments[4:]], pa.timestamp("us", tz="UTC")), tick_of(moments[0]))
    assert list(ids) == [ids[n] for n in range(10)]
    assert ids[-1] == ids[9]
    assert [parse_record_id(i)[1] for i in ids] == seq_column(tick_of(moments[0]), 10).to_pylist()  # type: ignore[index]
    with pytest.raises(IndexError):
        ids[10]


# -- shapes ------------------------------------------------------------------------------------------------------


def column(*values: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def assigned(
    shapes: Shapes, cursor: duckdb.DuckDBPyConnection, sources: list[str | None], texts: list[str | None]
) -> list:
    found = shapes.assign(cursor, column(*sources), column(*texts))
    shapes.settle()
    return found.to_pylist()


def test_a_shape_keeps_its_number_also_for_a_writer_that_starts_anew(cursor: duckdb.DuckDBPyConnection) -> None:
    first = assigned(Shapes("x", cursor), cursor, ["s"] * 4, ["a", "b", "a", None])
    assert first[0] == first[2] != first[1]
    assert first[3] is None
    again = Shapes("x", cursor)
    assert assigned(again, cursor, ["s", "t", None], ["b", "a", "c"])[:2] == [first[1], first[0]]
    stored = dict(cursor.execute("SELECT shape, shape_id FROM x.shapes").fetchall())
    assert stored.keys() == {"a", "b", "c"}
    assert len(set(stored.values())) == 3


def test_shapes_of_several_sources_in_one_batch_each_find_their_number(cursor: duckdb.DuckDBPyConnection) -> None:
    sources = [f"s{n % 3}" if n % 4 else None for n in range(400)]
    texts = [f"shape {'x' * (n % 7)}" for n in range(400)]
    found = assigned(Shapes("x", cursor), cursor, sources, texts)
    assert len({(text, number) for text, number in zip(texts, found, strict=True)}) == 7


def test_text_without_structure_gets_no_shapes_from_then_on(cursor: duckdb.DuckDBPyConnection) -> None:
    shapes = Shapes("x", cursor)
    chaos = [f"nothing alike {'ab'[n % 2]} {chr(0x4E00 + n)}" for n in range(WINDOW_ROWS)]
    assert set(assigned(shapes, cursor, ["chaos"] * WINDOW_ROWS, chaos)) == {None}
    assert assigned(shapes, cursor, ["chaos", "calm"], ["one", "one"]) == [None, 0]
    assert assigned(Shapes("x", cursor), cursor, ["chaos"], ["one"]) == [None]
    assert cursor.execute("SELECT count(*) FROM x.shapes").fetchall() == [(1,)]


def test_small_batches_without_structure_are_found_out_too(cursor: duckdb.DuckDBPyConnection) -> None:
    shapes = Shapes("x", cursor)
    for start in range(0, WINDOW_ROWS + 500, 500):
        found = assigned(shapes, cursor, ["chaos"] * 500, [f"{chr(0x4E00 + start + n)}" for n in range(500)])
    assert set(found) == {None}


def test_structured_text_keeps_its_shapes(cursor: duckdb.DuckDBPyConnection) -> None:
    shapes = Shapes("x", cursor)
    for _ in range(3):
        found = assigned(shapes, cursor, ["s"] * WINDOW_ROWS, [f"shape {n % 500}" for n in range(WINDOW_ROWS)])
    assert len(set(found)) == 500
    assert None not in found


def test_an_overlong_shape_has_no_number(cursor: duckdb.DuckDBPyConnection) -> None:
    assert assigned(Shapes("x", cursor), cursor, ["s", "s"], ["ä" * MAX_SHAPE_BYTES, "ok"]) == [None, 0]


def test_what_a_failed_transaction_planned_is_void(cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute("BEGIN")
    Shapes("x", cursor).assign(cursor, column("s"), column("lost"))
    cursor.execute("ROLLBACK")
    assert assigned(Shapes("x", cursor), cursor, ["s"], ["kept"]) == [0]
    assert cursor.execute("SELECT shape FROM x.shapes").fetchall() == [("kept",)]


# -- blocks ------------------------------------------------------------------------------------------------------


def ids(with_shape: int, without: int) -> pa.Array:
    return pa.concat_arrays([pa.repeat(pa.scalar(1, pa.int32()), with_shape), pa.nulls(without, pa.int32())])


def test_a_block_holds_one_kind_and_about_its_number_of_records(cursor: duckdb.DuckDBPyConnection) -> None:
    blocks = Blocks("x", cursor)
    rows: dict[int, int] = {}
    kinds: dict[int, set[bool]] = {}
    for batch in (ids(30, 5), ids(60_000, 1), ids(60_000, 0), ids(0, 300_000), ids(122_880, 0), ids(7, 7)):
        numbers = blocks.assign(cursor, batch)
        blocks.settle()
        assert numbers.null_count == 0
        assert len(numbers) == len(batch)
        for number, shape in zip(numbers.to_pylist(), batch.to_pylist(), strict=True):
            rows[number] = rows.get(number, 0) + 1
            kinds.setdefault(number, set()).add(shape is not None)
    assert all(len(kind) == 1 for kind in kinds.values())
    assert all(count <= BLOCK_ROWS * 5 // 4 for count in rows.values())
    stored = dict(cursor.execute("SELECT block, has_shapes FROM x.blocks").fetchall())
    assert {number: {kind} for number, kind in stored.items()} == kinds


def test_open_blocks_go_on_after_a_restart(cursor: duckdb.DuckDBPyConnection) -> None:
    first = Blocks("x", cursor)
    numbers = first.assign(cursor, ids(10, 10))
    again = Blocks("x", cursor)
    assert set(again.assign(cursor, ids(5, 5)).to_pylist()) == set(numbers.to_pylist())


# -- the gate ----------------------------------------------------------------------------------------------------


def test_only_so_many_heavy_searches_run_at_once() -> None:
    gate, running, most = HeavyGate(2, wait_s=20, queue_limit=12, total_limit=12), [], []

    def search() -> None:
        with gate.slot("acme"):
            running.append(1)
            most.append(len(running))
            running.pop()

    threads = [threading.Thread(target=search) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 12
    assert max(most) <= 2


def test_organisations_take_turns() -> None:
    gate, order = HeavyGate(1, wait_s=20), []
    entered = threading.Event()
    leave = threading.Event()

    def hold() -> None:
        with gate.slot("greedy"):
            entered.set()
            leave.wait()

    def search(organisation: str) -> None:
        with gate.slot(organisation):
            order.append(organisation)

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait()
    waiting = []
    for organisation in ["greedy", "greedy", "greedy", "modest"]:
        thread = threading.Thread(target=search, args=(organisation,))
        thread.start()
        waiting.append(thread)
        while sum(len(queue) for queue in gate._waiting.values()) < len(waiting):
            pass
    leave.set()
    for thread in (*waiting, holder):
        thread.join()
    assert order == ["greedy", "modest", "greedy", "greedy"]


def test_no_organisation_takes_every_slot_while_another_waits() -> None:
    gate, leave = (
        HeavyGate(2, wait_s=20, total_limit=12),
        {name: threading.Semaphore(0) for name in ("greedy", "modest")},
    )
    entered: list[str] = []

    def search(organisation: str) -> None:
        with gate.slot(organisation):
            entered.append(organisation)
            leave[organisation].acquire()

    threads = [threading.Thread(target=search, args=(name,)) for name in ["greedy"] * 4 + ["modest"]]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        while len(entered) + sum(len(queue) for queue in gate._waiting.values()) < number:
            pass
    assert entered == ["greedy", "greedy"]  # nobody else waited then
    leave["greedy"].release()
    while len(entered) < 3:
        pass
    assert entered[2] == "modest"
    leave["greedy"].release(4)
    leave["modest"].release()
    for thread in threads:
        thread.join()
    assert len(entered) == 5


def test_only_so_many_wait_of_one_organisation_and_of_all() -> None:
    gate = HeavyGate(1, wait_s=20, queue_limit=2, total_limit=3)
    leave = threading.Event()

    def search(organisation: str) -> None:
        with gate.slot(organisation):
            leave.wait()

    threads = [threading.Thread(target=search, args=(name,)) for name in ("a", "a", "a", "b")]
    for number, thread in enumerate(threads):
        thread.start()
        while number and sum(len(queue) for queue in gate._waiting.values()) < number:
            pass
    for organisation in ("a", "b", "c"):
        with pytest.raises(QuotaExceeded), gate.slot(organisation):
            pass
    leave.set()
    for thread in threads:
        thread.join()
    with gate.slot("c"):
        pass


def test_who_waits_too_long_is_told_when_to_come_back() -> None:
    gate = HeavyGate(1, wait_s=0.01)
    with gate.slot("a"), pytest.raises(QuotaExceeded) as caught, gate.slot("b"):
        pass
    assert caught.value.retry_after_s >= 1
    with gate.slot("b"):
        pass


def test_a_search_that_fails_gives_its_slot_back() -> None:
    gate = HeavyGate(1, wait_s=0.01)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.slot("a"):
            raise ZeroDivisionError
