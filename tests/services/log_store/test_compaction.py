"""Deleting records gives the disk space back, and loses nothing else whatever happens meanwhile."""

import random
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.log_store import shape_rules
from services.log_store.duckdb import DuckDBLogStore, compaction
from services.log_store.interface import LogQuery
from services.query.language import parse
from tests.clocks import HandClock
from tests.records import START, batch, record
from tests.services.query.reference import matches

ROWS = 3_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(compaction, "WASTE_RECORDS", 100)
    monkeypatch.setattr(compaction, "SLICE_ROWS", 400)
    return tmp_path / "logs"


@pytest.fixture
def store(folder: Path) -> Iterator[DuckDBLogStore]:
    opened = DuckDBLogStore(folder, HandClock(), maintain=False)
    yield opened
    opened.close()


def fill(store: DuckDBLogStore, rows: int = ROWS, seed: int = 1) -> None:
    """Records out of order: some minutes have many, one moment has hundreds; some texts are too long for a shape."""
    rng = random.Random(seed)
    for _ in range(3):
        made = []
        for number in range(rows // 3):
            at = rng.choice((60, rng.randrange(3_000), rng.randrange(400_000)))
            text = (
                f"user {rng.randrange(10**9)} did {rng.choice('ab')} from 10.0.{rng.randrange(9)}.{rng.randrange(99)}"
            )
            made.append(record(text if number % 50 else "x " * 17_000, at=at, service=rng.choice(("web", "db"))))
        store.append("acme", batch(*made))


def everything(store: DuckDBLogStore, text: str = "") -> list[tuple[str, str]]:
    records, cursor = [], None
    while True:
        page = store.search("acme", LogQuery(query=parse(text), limit=1000, cursor=cursor))
        records += [(entry["id"], entry["message"]) for entry in page.records]
        if page.next_cursor is None:
            return records
        cursor = page.next_cursor


def test_the_file_shrinks_and_the_rest_is_the_same(store: DuckDBLogStore, folder: Path) -> None:
    fill(store, 6_000)
    store.maintain("acme")
    before = store.usage("acme").size_bytes
    store.delete("acme", parse("service:web"))
    kept = everything(store)
    assert store.maintain("acme").compacted
    assert everything(store) == kept
    assert store.usage("acme").size_bytes < 0.7 * before
    assert sorted(each.name for each in folder.iterdir() if each.name != "tmp") == ["acme.duckdb"]


def test_a_compacted_file_goes_on_as_before(store: DuckDBLogStore, folder: Path) -> None:
    fill(store)
    store.delete("acme", parse("service:web"))
    store.maintain("acme")
    kept = everything(store)
    store.append("acme", batch(record("one more 77", at=500_000)))
    assert [text for _, text in everything(store)] == ["one more 77", *(text for _, text in kept)]
    records = [{"id": each, "message": text} for each, text in everything(store)]
    for text in ("user", "did a", "77", "10.0.3.7", "x", "NOT user"):
        assert [each for each, _ in everything(store, text)] == [e["id"] for e in records if matches(parse(text), e)]
    store.close()
    again = DuckDBLogStore(folder, HandClock(), maintain=False)
    assert len(everything(again)) == len(kept) + 1
    again.close()


def test_few_deletions_do_not_rewrite_the_file(store: DuckDBLogStore) -> None:
    fill(store)
    store.delete("acme", parse("message:1"), start=START, end=START + timedelta(seconds=100))
    assert not store.maintain("acme").compacted


def test_everything_deleted_leaves_an_empty_file_that_works(store: DuckDBLogStore) -> None:
    fill(store)
    store.delete("acme", parse(""))
    assert store.maintain("acme").compacted
    assert everything(store) == []
    fill(store, 300, seed=2)
    assert len(everything(store)) == 300


def test_writes_deletions_and_searches_go_on_while_a_file_is_compacted(store: DuckDBLogStore) -> None:
    fill(store)
    store.delete("acme", parse("service:web"))
    ended = threading.Event()
    appended: list[str] = []
    faults: list[BaseException] = []

    def write() -> None:
        try:
            number = 0
            while not ended.is_set() or number < 20:
                appended.extend(store.append("acme", batch(record(f"meanwhile {number}", at=number))).ids)
                store.delete("acme", parse(f'"meanwhile {number - 3}"'))
                assert store.search("acme", LogQuery(query=parse("meanwhile"))).total in (1, 2, 3, 4)
                number += 1
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        compacted = [store.maintain("acme").compacted]
    finally:
        ended.set()
        thread.join()
    assert not faults
    assert compacted == [True]
    found = [entry[0] for entry in everything(store, "meanwhile")]
    assert sorted(found) == sorted(appended[-3:])


def test_what_a_crash_left_of_a_compaction_is_thrown_away(folder: Path) -> None:
    first = DuckDBLogStore(folder, HandClock(), maintain=False)
    fill(first, 300)
    kept = everything(first)
    first.close()
    (folder / "acme.compacting").write_bytes(b"half a file")
    (folder / "acme.compacting.wal").write_bytes(b"half a log")
    again = DuckDBLogStore(folder, HandClock(), maintain=False)
    assert everything(again) == kept
    assert not list(folder.glob("*.compacting*"))
    again.close()


def test_a_dictionary_full_of_shapes_that_are_gone_has_room_again(
    store: DuckDBLogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shape_rules, "MAX_SHAPES", 200)
    rng = random.Random(4)
    words = ["".join(rng.choice("abcdefgh") for _ in range(9)) for _ in range(400)]
    store.append("acme", batch(*(record(word, at=at) for at, word in enumerate(words))))
    store.delete("acme", parse(""))
    assert store.maintain("acme").compacted
    store.append("acme", batch(*(record(f"order {number} done", at=number) for number in range(50))))
    assert [each.id is None for each in store.patterns("acme", parse("")).patterns] == [False]
