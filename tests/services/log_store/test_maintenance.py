"""What is done to files in the background goes on whatever happens, and is in nobody's way."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from services.errors import InvalidQuery, StorageFull
from services.log_store.duckdb import (
    DuckDBLogStore,
    block_index,
    blocks,
    compaction,
    engine,
    filters,
    maintenance,
    sealing,
    searching,
    shapes,
)
from services.log_store.duckdb.promoted import ENOUGH_USES
from services.log_store.interface import LogQuery
from services.query.language import parse
from tests.clocks import HandClock
from tests.records import batch, record
from tests.running import wait_for


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBLogStore]:
    opened = DuckDBLogStore(tmp_path / "logs", HandClock(), maintain=False)
    yield opened
    opened.close()


def count(store: DuckDBLogStore, text: str, organisation_id: str = "acme") -> int | None:
    return store.search(organisation_id, LogQuery(query=parse(text), limit=1)).total


# -- promotion ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["a" * 1_500, "a.b.c.d.e.f.g.h", "a" * 250])
def test_a_path_that_would_make_every_write_slow_gets_no_columns(
    store: DuckDBLogStore, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(maintenance, "WORTH_RECORDS", 0)
    store.append("acme", batch(record(attributes='{"a": 1}')))
    for _ in range(ENOUGH_USES):
        with suppress(InvalidQuery):  # a very long path may be refused altogether
            assert count(store, f"{path}:x") == 0
    assert store.maintain("acme").promoted_paths == 0
    assert store.append("acme", batch(record("one more"))).count == 1


# -- patterns ----------------------------------------------------------------------------------------------------


def test_every_id_that_a_pattern_ever_had_still_finds_its_records(store: DuckDBLogStore) -> None:
    """Words vary at the end first, then in the middle, then at the front: ids are merged again and again."""
    rng = random.Random(1)
    words = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(7)) for _ in range(36)]
    ids: set[int | None] = set()
    for first in words[:12]:
        for second in words[12:24]:
            texts = [f"server {first} refused {second} because {third} failed" for third in words[24:]]
            store.append("acme", batch(*map(record, texts)))
            ids |= {each.id for each in store.patterns("acme", parse("")).patterns}
    assert [each.count for each in store.patterns("acme", parse("")).patterns] == [12**3]
    assert len(ids) > 3
    assert {count(store, f"pattern:{each}") for each in ids} == {12**3}


def test_records_of_any_pattern_are_found(store: DuckDBLogStore) -> None:
    store.append("acme", batch(record("order 1 done"), record("x " * 17_000)))
    store.maintain("acme")
    found = [count(store, text) for text in ("pattern:*", "_exists_:pattern", "NOT pattern:*", "pattern:* AND order")]
    assert found == [1, 1, 1, 1]


def test_patterns_are_found_in_blocks_of_an_older_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = DuckDBLogStore(tmp_path, HandClock(), maintain=False)
    first.append("acme", batch(*(record(f"order {number} done") for number in range(10))))
    first.maintain("acme")
    first.close()
    for module in (blocks, shapes, searching):
        monkeypatch.setattr(module, "MASK_VERSION", 2)
    again = DuckDBLogStore(tmp_path, HandClock(), maintain=False, verify_index=True)
    assert [count(again, text) for text in ("pattern:1", "pattern:*", "NOT pattern:1")] == [10, 10, 0]
    assert again.counters()["index_mismatches"] == 0
    again.close()


def test_patterns_are_answered_while_another_file_is_worked_on(store: DuckDBLogStore) -> None:
    for name in ("acme", "other"):
        store.append(name, batch(record("order 1 done")))
    inside, may_end, answered = threading.Event(), threading.Event(), threading.Event()

    def pause() -> None:
        inside.set()
        may_end.wait(20)

    def ask() -> None:
        assert store.patterns("other", parse("")).total == 1
        answered.set()

    threads = [threading.Thread(target=lambda: store._maintenance.run("acme", pause)), threading.Thread(target=ask)]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    was_answered = answered.wait(5)
    may_end.set()
    for thread in threads:
        thread.join()
    assert was_answered


# -- the thread --------------------------------------------------------------------------------------------------


def test_the_work_goes_on_after_an_error_that_nobody_thought_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "SETTLE_S", 0.0)
    failed = threading.Event()

    def fail(*_: object) -> bool:
        failed.set()
        raise ValueError("not thought of")

    store = DuckDBLogStore(tmp_path / "logs", HandClock())
    with monkeypatch.context() as patch:
        patch.setattr(maintenance, "is_wasteful", fail)
        store.append("acme", batch(record("order 1 done")))
        assert failed.wait(10)
    store.append("other", batch(record("order 1 done")))
    wait_for(lambda: count(store, "pattern:1", "other") == 1, 10)
    store.close()


# -- compaction ----------------------------------------------------------------------------------------------------


def deleted_half(store: DuckDBLogStore) -> None:
    store.append(
        "acme", batch(*(record(f"order {number}", at=number, service="ab"[number % 2]) for number in range(400)))
    )
    store.delete("acme", parse("service:a"))


def test_a_disk_without_room_for_the_copy_is_left_as_it_is(
    store: DuckDBLogStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "WASTE_RECORDS", 100)
    deleted_half(store)
    attached: list[str] = []
    real: Callable[[str], None] = store._engine.attach_copy
    monkeypatch.setattr(store._engine, "attach_copy", lambda name: (attached.append(name), real(name)))
    with monkeypatch.context() as patch:
        patch.setattr(engine, "SPARE_BYTES", 1 << 60)
        with pytest.raises(StorageFull):
            store.maintain("acme")
    assert attached == []
    assert not store._maintenance.run("acme", insists=False).compacted  # the thread does not try again at once
    assert store.maintain("acme").compacted
    assert count(store, "") == 200


# -- filters ---------------------------------------------------------------------------------------------------------


def test_filters_of_a_release_with_other_probes_are_not_asked_but_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older file is made as that release would: with its number of probes, and its text beside each filter."""
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 100)
    with monkeypatch.context() as patch:
        older = filters.PROBE_TEXT.replace(str(filters.PROBES), str(filters.PROBES - 3))
        patch.setattr(filters, "PROBES", filters.PROBES - 3)
        for module in (sealing, block_index):
            patch.setattr(module, "PROBE_TEXT", older)
        first = DuckDBLogStore(tmp_path, HandClock(), maintain=False)
        for start in range(0, 400, 100):
            first.append("acme", batch(*(record(f"order {number}", at=number) for number in range(start, start + 100))))
        assert first.maintain("acme").sealed == 3
        first.close()
    again = DuckDBLogStore(tmp_path, HandClock(), maintain=False)
    assert [count(again, str(number)) for number in range(0, 400, 7)] == [1] * 58
    assert again.maintain("acme").sealed == 3
    assert [count(again, str(number)) for number in range(0, 400, 7)] == [1] * 58
    again.close()
