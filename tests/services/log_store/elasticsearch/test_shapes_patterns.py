"""Patterns in the relational database: those of the embedded store, however many processes work on them."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from services.database import Database
from services.errors import BackendUnavailable
from services.log_store.duckdb import DuckDBLogStore
from services.log_store.elasticsearch import shapes_patterns
from services.log_store.elasticsearch.shapes import ShapeDictionary
from services.log_store.elasticsearch.shapes_grouping import Grouping
from services.model import LogBatch
from services.query.language import parse
from tests.clocks import HandClock
from tests.databases import database, sqlite
from tests.records import batch, record

__all__ = ["database", "sqlite"]

NAMES = ("anna", "ben", "carla", "david", "emma", "felix", "greta", "hugo", "ida", "jan", "karl", "lena", "mia", "nils")


def feed(shapes: ShapeDictionary, records: LogBatch, organisation_id: str = "acme") -> list[int | None]:
    return shapes.assign(organisation_id, records["source"], records["shape"]).to_pylist()


def lines(*texts: str) -> LogBatch:
    return batch(*(record(text, at=at) for at, text in enumerate(texts)))


def templates(shapes: ShapeDictionary, organisation_id: str = "acme") -> set[tuple[int, str]]:
    return set(shapes.patterns_of(organisation_id).values())


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[DuckDBLogStore]:
    store = DuckDBLogStore(tmp_path / "embedded", HandClock(datetime(2026, 11, 1, tzinfo=UTC)), maintain=False)
    yield store
    store.close()


def embedded_patterns(store: DuckDBLogStore) -> set[tuple[int, str]]:
    found = store.patterns("acme", parse(""), limit=100_000).patterns
    return {(each.id, each.template) for each in found if each.id is not None}


def test_real_records_get_the_patterns_of_the_embedded_store(
    sqlite: Database, embedded: DuckDBLogStore, some_real_records: pa.Table
) -> None:
    shapes = ShapeDictionary(sqlite)
    for number, start in enumerate(range(0, len(some_real_records), 1_000)):
        records = some_real_records.slice(start, 1_000)
        feed(shapes, records)
        embedded.append("acme", records)
        if number % 3 == 0:
            shapes.group("acme")
            embedded_patterns(embedded)
    shapes.group("acme")
    truth = embedded_patterns(embedded)
    assert len(truth) > 300
    assert templates(shapes) == truth
    assert not shapes.has_ungrouped("acme")


def test_grouping_goes_on_where_an_earlier_process_ended(database: Database) -> None:
    first = ShapeDictionary(database)
    feed(first, lines(*(f"{name}d startup succeeded" for name in NAMES[:3])))
    assert first.has_ungrouped("acme")
    assert first.group("acme") == 3
    old = sorted({number for number, _ in first.patterns_of("acme").values()})
    assert len(old) == 3
    again = ShapeDictionary(database)
    feed(again, lines(*(f"{name}d startup succeeded" for name in NAMES[3:])))
    assert again.group("acme") == len(NAMES) - 3
    ((number, template),) = templates(again)
    assert (number, template) == (min(old), "<*> startup succeeded")
    for each in old:
        assert again.shape_ids("acme", each) == list(range(len(NAMES)))
    assert first.patterns_of("acme") == again.patterns_of("acme")
    assert first.shape_ids_with_pattern("acme") == list(range(len(NAMES)))


def test_what_is_not_known_has_no_shapes(sqlite: Database) -> None:
    shapes = ShapeDictionary(sqlite)
    assert (shapes.group("acme"), shapes.patterns_of("acme"), shapes.has_ungrouped("acme")) == (0, {}, False)
    assert shapes.shape_ids("acme", 1) == shapes.shape_ids("acme", 1 << 70) == shapes.shape_ids("acme", -1) == []


def test_organisations_have_patterns_of_their_own(sqlite: Database) -> None:
    shapes = ShapeDictionary(sqlite)
    feed(shapes, lines("one thing happened"))
    feed(shapes, lines("another thing happened", "and a third"), "rival")
    shapes.group("acme")
    assert shapes.has_ungrouped("rival")
    shapes.group("rival")
    assert (len(templates(shapes)), len(templates(shapes, "rival"))) == (1, 2)


def test_two_processes_never_give_one_id_to_two_patterns(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes_patterns, "SHAPES_AT_ONCE", 7)
    with closing(Database(database.url)) as of_another_process:
        group_all(database, [ShapeDictionary(database), ShapeDictionary(of_another_process)])


def group_all(database: Database, processes: Sequence[ShapeDictionary]) -> None:
    texts = [f"thing {chr(0x4E00 + n)} {'abcdefgh'[n % 8]} happened {chr(0x5E00 + n)}" for n in range(120)]
    failures: list[BaseException] = []

    def work(shapes: ShapeDictionary, mine: list[str]) -> None:
        try:
            for start in range(0, len(mine), 20):
                feed(shapes, lines(*mine[start : start + 20]))
                shapes.group("acme")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(each, texts[at::2])) for at, each in enumerate(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    processes[0].group("acme")
    found = processes[0].patterns_of("acme")
    assert found.keys() == set(range(120))
    assert found == processes[1].patterns_of("acme") == ShapeDictionary(database).patterns_of("acme")
    by_id = dict(found.values())
    assert all(by_id[number] == template for number, template in found.values())


def test_the_tree_of_another_release_groups_all_anew(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = ShapeDictionary(sqlite)
    feed(shapes, lines(*(f"session opened for user {name}" for name in NAMES), "a disk is full"))
    shapes.group("acme")
    before = shapes.patterns_of("acme")
    monkeypatch.setattr(shapes_patterns, "VERSION", 99)
    newer = ShapeDictionary(sqlite)
    assert newer.group("acme") == len(NAMES) + 1
    assert newer.patterns_of("acme") == before
    assert newer.group("acme") == 0


def test_a_failed_write_changes_nothing(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = ShapeDictionary(sqlite)
    feed(shapes, lines("one thing", "another matter"))
    shapes.group("acme")
    before = shapes.patterns_of("acme")
    feed(shapes, lines("a third affair"))
    session = sqlite.session

    def unreachable() -> None:
        raise BackendUnavailable("gone")

    monkeypatch.setattr(sqlite, "session", unreachable)
    with pytest.raises(BackendUnavailable):
        shapes.group("acme")
    monkeypatch.setattr(sqlite, "session", session)
    assert shapes.patterns_of("acme") == before
    assert shapes.group("acme") == 1
    assert {number for number, _ in shapes.patterns_of("acme").values()} == {1, 2, 3}


def test_new_shapes_are_grouped_in_the_background(sqlite: Database) -> None:
    shapes = ShapeDictionary(sqlite)
    shapes.start()
    try:
        feed(shapes, lines("one thing", "another matter"))
        ended = threading.Event()
        while shapes.has_ungrouped("acme"):
            assert not ended.wait(0.01)
    finally:
        shapes.stop()
    assert len(templates(shapes)) == 2


def test_one_organisation_that_fails_does_not_keep_the_others_waiting() -> None:
    done: list[str] = []
    both = threading.Event()

    def group(organisation_id: str, pause: object) -> int:
        done.append(organisation_id)
        if {"broken", "away", "acme"} <= set(done) and done.count("away") > 1:
            both.set()
        if organisation_id == "broken":
            raise RuntimeError("broken")
        if organisation_id == "away":
            raise BackendUnavailable("away")
        return 0

    grouping = Grouping(group, interval_s=0.01)
    for each in ("broken", "away", "acme"):
        grouping.notify(each)
    grouping.start()
    assert both.wait(10)
    grouping.stop(5)
    assert done.count("broken") == 1


def test_patterns_are_read_again_only_after_a_change(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = ShapeDictionary(sqlite)
    feed(shapes, lines("one thing"))
    shapes.group("acme")
    kept = shapes.patterns_of("acme")
    assert shapes.patterns_of("acme") is kept
    feed(shapes, lines("another matter"))
    assert shapes.patterns_of("acme") is kept
    shapes.group("acme")
    assert len(shapes.patterns_of("acme")) == 2


def test_shapes_without_a_number_have_no_pattern(sqlite: Database) -> None:
    shapes = ShapeDictionary(sqlite)
    empty = pa.table({"source": pa.array(["s"], pa.string()), "shape": pa.array([None], pa.string())})
    assert feed(shapes, empty) == [None]
    assert shapes.group("acme") == 0
