"""The dictionary of shapes in the relational database: numbers that stay, for any number of threads and processes."""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing

import pyarrow as pa
import pytest
from sqlalchemy import func, select

from services.database import Database
from services.errors import BackendUnavailable
from services.log_store import shape_rules
from services.log_store.elasticsearch.shape_models import ShapeRow
from services.log_store.elasticsearch.shapes import ShapeDictionary
from services.log_store.shape_rules import MAX_SHAPE_BYTES, WINDOW_ROWS
from tests.databases import database, sqlite

__all__ = ["database", "sqlite"]


def column(values: Sequence[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def assigned(
    shapes: ShapeDictionary, sources: Sequence[str | None], texts: Sequence[str | None], organisation_id: str = "acme"
) -> list[int | None]:
    return shapes.assign(organisation_id, column(sources), column(texts)).to_pylist()


def stored(database: Database, organisation_id: str = "acme") -> dict[str, int]:
    wanted = select(ShapeRow.shape, ShapeRow.shape_id).where(ShapeRow.organisation_id == organisation_id)
    with database.reading() as session:
        return {row.shape: row.shape_id for row in session.execute(wanted)}


def test_a_shape_keeps_its_number_also_for_a_process_that_starts_anew(database: Database) -> None:
    first = assigned(ShapeDictionary(database), ["s"] * 4, ["a \x1a", "b", "a \x1a", None])
    assert first == [0, 1, 0, None]
    again = ShapeDictionary(database)
    assert assigned(again, ["s", "t", None], ["b", "a \x1a", "c"]) == [1, 0, 2]
    assert stored(database) == {"a \x1a": 0, "b": 1, "c": 2}


def test_known_shapes_cost_no_transaction(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = ShapeDictionary(sqlite)
    assigned(shapes, ["s", "s"], ["a", "b"])

    def refuse() -> None:
        raise AssertionError("a transaction was begun")

    monkeypatch.setattr(sqlite, "session", refuse)
    monkeypatch.setattr(sqlite, "reading", refuse)
    assert assigned(shapes, ["s", "other"], ["b", "a"]) == [1, 0]


def test_organisations_have_dictionaries_of_their_own(database: Database) -> None:
    shapes = ShapeDictionary(database)
    assert assigned(shapes, ["s"], ["a"]) == assigned(shapes, ["s"], ["b"], "rival") == [0]
    assert (stored(database), stored(database, "rival")) == ({"a": 0}, {"b": 0})


def test_two_processes_see_the_shapes_of_each_other(database: Database) -> None:
    one, two = ShapeDictionary(database), ShapeDictionary(database)
    assigned(one, ["s"], ["a"])
    assigned(two, ["s"], ["z"])
    assert assigned(one, ["s", "s"], ["z", "new"]) == [1, 2]
    assert assigned(two, ["s", "s"], ["new", "a"]) == [2, 0]


def test_threads_of_two_processes_give_each_shape_one_number(database: Database) -> None:
    with closing(Database(database.url)) as of_another_process:
        give_out(database, [ShapeDictionary(database), ShapeDictionary(of_another_process)])


def give_out(database: Database, processes: Sequence[ShapeDictionary]) -> None:
    found: list[dict[str, int | None]] = []
    lock, failures = threading.Lock(), []

    def run(shapes: ShapeDictionary, start: int) -> None:
        texts = [f"shape {chr(0x4E00 + (start + n) % 60)}" for n in range(60)]
        try:
            for at in range(0, 60, 6):
                numbers = dict(zip(texts[at : at + 6], assigned(shapes, ["s"] * 6, texts[at : at + 6]), strict=True))
                with lock:
                    found.append(numbers)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(processes[n % 2], 15 * n)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    truth = stored(database)
    assert sorted(truth.values()) == list(range(60))
    assert all(truth[text] == number for numbers in found for text, number in numbers.items())


def chaos(count: int, start: int = 0) -> list[str]:
    return [f"nothing alike {chr(0x4E00 + start + n)}" for n in range(count)]


@pytest.mark.parametrize("source", ["chaos", None, "lång" * 900])
def test_text_without_structure_gets_no_shapes_from_then_on(sqlite: Database, source: str | None) -> None:
    shapes = ShapeDictionary(sqlite)
    assert set(assigned(shapes, [source] * WINDOW_ROWS, chaos(WINDOW_ROWS))) == {None}
    assert assigned(shapes, [source, "calm"], ["one", "one"]) == [None, 0]
    assert assigned(ShapeDictionary(sqlite), [source], ["one"]) == [None]
    assert stored(sqlite) == {"one": 0}


def test_a_process_learns_which_sources_others_found_without_structure(sqlite: Database) -> None:
    one, two = ShapeDictionary(sqlite), ShapeDictionary(sqlite)
    assigned(two, ["chaos"], ["first"])
    assigned(one, ["chaos"] * WINDOW_ROWS, chaos(WINDOW_ROWS))
    assert assigned(two, ["chaos", "calm"], ["second", "third"]) == [None, 1]


def test_an_overlong_shape_has_no_number_and_a_long_one_has(database: Database) -> None:
    long = "ä" * (MAX_SHAPE_BYTES // 2)
    assert assigned(ShapeDictionary(database), ["s"] * 3, ["ä" + long, long, "ok"]) == [None, 0, 1]
    assert assigned(ShapeDictionary(database), ["s"], [long]) == [0]


def test_a_full_dictionary_takes_no_more(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape_rules, "MAX_SHAPES", 3)
    shapes = ShapeDictionary(sqlite)
    assert assigned(shapes, ["s"] * 4, ["a", "b", "c", "d"]) == [0, 1, 2, None]
    assert assigned(ShapeDictionary(sqlite), ["s"] * 2, ["e", "c"]) == [None, 2]


def test_a_dictionary_takes_no_more_bytes_than_its_limit(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape_rules, "MAX_DICTIONARY_BYTES", 10)
    assert assigned(ShapeDictionary(sqlite), ["s"] * 3, ["ä" * 3, "b" * 5, "c"]) == [0, 1, None]
    assert assigned(ShapeDictionary(sqlite), ["s"] * 2, ["d", "ä" * 3]) == [None, 0]


def test_what_could_not_be_written_down_is_forgotten(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = ShapeDictionary(sqlite)
    assigned(shapes, ["s"], ["kept"])
    session: Callable[[], object] = sqlite.session

    def unreachable() -> None:
        raise BackendUnavailable("gone")

    monkeypatch.setattr(sqlite, "session", unreachable)
    with pytest.raises(BackendUnavailable):
        assigned(shapes, ["s"], ["lost"])
    monkeypatch.setattr(sqlite, "session", session)
    assert assigned(shapes, ["s", "s"], ["other", "kept"]) == [1, 0]
    assert stored(sqlite).keys() == {"kept", "other"}


def test_after_a_change_of_the_mask_shapes_get_new_numbers_and_older_ones_stay(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assigned(ShapeDictionary(sqlite), ["s", "s"], ["a", "b"])
    monkeypatch.setattr("services.log_store.elasticsearch.shapes_rows.MASK_VERSION", 99)
    assert assigned(ShapeDictionary(sqlite), ["s", "s"], ["b", "c"]) == [2, 3]
    with sqlite.reading() as session:
        assert session.scalar(select(func.count()).select_from(ShapeRow)) == 4


def test_dictionary_columns_are_taken_as_they_are(sqlite: Database) -> None:
    given = column(["a", "b", "a", None]).dictionary_encode()
    assert ShapeDictionary(sqlite).assign("acme", column(["s"] * 4), given).to_pylist() == [0, 1, 0, None]
