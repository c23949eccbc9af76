"""Logs move from one embedded store to another: ids and all, once, whatever happened in between."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from services.errors import BackendUnavailable, ConfigError
from services.log_store.duckdb import DuckDBLogStore, moving
from services.log_store.interface import LogQuery, LogRecord, LogStore
from services.log_store.moving import BEFORE_ALL, MOVED_SCHEMA
from services.model import LOG_SCHEMA, parse_record_id
from services.moving import Moved, Place, move, move_all
from services.moving_comparison import compare
from services.query.language import parse
from tests.clocks import HandClock
from tests.records import batch, messages, record
from tests.services.moved_records import hostile

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def everything(store: LogStore, organisation_id: str = "acme") -> list[LogRecord]:
    """All records of an organisation, oldest first."""
    records: list[LogRecord] = []
    query = LogQuery(newest_first=False, limit=1_000)
    while True:
        page = store.search(organisation_id, query)
        records += page.records
        if page.next_cursor is None:
            return records
        query = replace(query, cursor=page.next_cursor)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[DuckDBLogStore, DuckDBLogStore]]:
    made = [DuckDBLogStore(tmp_path / name, HandClock(NOW), maintain=False) for name in ("source", "target")]
    yield made[0], made[1]
    for store in made:
        store.close()


def moved(stores: tuple[DuckDBLogStore, DuckDBLogStore], tmp_path: Path, lines: list[str] | None = None) -> Moved:
    report = (lines if lines is not None else []).append
    return move(*stores, "acme", Place(tmp_path / "places" / "acme.json"), report)


def test_records_come_as_they_are_under_their_ids(
    stores: tuple[DuckDBLogStore, DuckDBLogStore], tmp_path: Path
) -> None:
    source, target = stores
    source.append("acme", hostile())
    source.append("acme", messages(50))
    before = everything(source)
    found = moved(stores, tmp_path)
    assert everything(target) == before == everything(source)
    assert found.stored == found.comparison.records == found.comparison.found == len(before)
    assert found.comparison.checksum == found.comparison.found_checksum != 0
    assert found.comparison.is_equal
    assert target.get("acme", before[3]["id"]) == before[3]


def test_moving_again_stores_nothing(stores: tuple[DuckDBLogStore, DuckDBLogStore], tmp_path: Path) -> None:
    source, target = stores
    source.append("acme", hostile())
    moved(stores, tmp_path)
    again = moved(stores, tmp_path)
    assert (again.stored, again.comparison.is_equal) == (0, True)
    assert everything(target) == everything(source)


def test_portions_hold_a_bounded_number_of_records_and_bytes(
    stores: tuple[DuckDBLogStore, DuckDBLogStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = stores
    source.append("acme", hostile())
    source.append("acme", messages(100))
    monkeypatch.setattr(moving, "CHUNK_ROWS", 7)
    monkeypatch.setattr(moving, "CHUNK_BYTES", 100_000)
    portions = list(source.export("acme", BEFORE_ALL, source.last_seq("acme") or 0))
    assert max(portion.num_rows for portion in portions) <= 7
    assert all(portion.num_rows == 1 or portion.nbytes < 200_000 for portion in portions)
    seqs = [seq for portion in portions for seq in portion["seq"].to_pylist()]
    assert seqs == sorted(set(seqs))
    assert all(portion.schema == MOVED_SCHEMA for portion in portions)
    assert moved(stores, tmp_path).comparison.is_equal
    assert everything(target) == everything(source)


class Breaking:
    """A store that fails at its nth portion."""

    def __init__(self, store: DuckDBLogStore, at: int, *, stores_first: bool = False):
        self._store = store
        self._left = at
        self._stores_first = stores_first

    def restore(self, organisation_id: str, records: pa.Table) -> int:
        self._left -= 1
        if self._left == 0 and self._stores_first:
            self._store.restore(organisation_id, records)
        if self._left <= 0:
            raise BackendUnavailable("gone")
        return self._store.restore(organisation_id, records)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.mark.parametrize("stores_first", [False, True])
def test_a_move_that_was_interrupted_goes_on_where_it_was(
    stores: tuple[DuckDBLogStore, DuckDBLogStore],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stores_first: bool,
) -> None:
    source, target = stores
    source.append("acme", messages(100))
    monkeypatch.setattr(moving, "CHUNK_ROWS", 10)
    place = Place(tmp_path / "acme.json")
    with pytest.raises(BackendUnavailable):
        move(source, Breaking(target, 4, stores_first=stores_first), "acme", place, lambda line: None)
    assert len(everything(target)) == (40 if stores_first else 30)
    lines: list[str] = []
    found = move(source, target, "acme", place, lines.append)
    assert found.stored == (60 if stores_first else 70)
    assert lines[0] == "acme: 10 records read, " + ("0 stored" if stores_first else "10 stored")
    assert everything(target) == everything(source)
    assert place.read() == BEFORE_ALL


def test_a_note_of_how_far_it_is_that_is_wrong_costs_a_second_pass_only(
    stores: tuple[DuckDBLogStore, DuckDBLogStore], tmp_path: Path
) -> None:
    source, target = stores
    source.append("acme", messages(100))
    place = Place(tmp_path / "acme.json")
    place.write(source.last_seq("acme") or 0)
    found = move(source, target, "acme", place, lambda line: None)
    assert found.comparison.is_equal
    assert everything(target) == everything(source)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"seq": "7"}', '{"no": 1}'])
def test_a_damaged_note_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "acme.json").write_text(content)
    assert Place(tmp_path / "acme.json").read() == BEFORE_ALL


def test_what_is_missing_or_other_is_told(stores: tuple[DuckDBLogStore, DuckDBLogStore], tmp_path: Path) -> None:
    source, target = stores
    source.append("acme", messages(10))
    last = source.last_seq("acme") or 0
    (records,) = source.export("acme", BEFORE_ALL, last)
    changed = records.set_column(
        records.schema.get_field_index("host"), "host", pa.array([None] * 3 + ["other"] + [None] * 6, pa.string())
    ).cast(MOVED_SCHEMA)
    target.restore("acme", changed.slice(2, 5))
    found = compare(source, target, "acme", last)
    assert (found.records, found.found, found.missing, found.different, found.others) == (10, 5, 5, 1, 0)
    assert not found.is_equal
    assert len(found.examples) == 5
    assert found.examples[0] == everything(source)[3]["id"]
    assert found.checksum != found.found_checksum


def test_records_that_the_target_had_before_stay(stores: tuple[DuckDBLogStore, DuckDBLogStore], tmp_path: Path) -> None:
    source, target = stores
    source.append("acme", messages(20, "older"))
    target.append("acme", batch(*(record(f"own {n}", at=900 + n) for n in range(5))))
    found = moved(stores, tmp_path)
    assert found.comparison.is_equal
    assert len(everything(target)) == 25


def test_records_that_come_later_have_higher_seqs(
    stores: tuple[DuckDBLogStore, DuckDBLogStore], tmp_path: Path
) -> None:
    _, target = stores
    ahead = DuckDBLogStore(tmp_path / "ahead", HandClock(NOW + timedelta(days=400)), maintain=False)
    ahead.append("acme", messages(20))
    move(ahead, target, "acme", Place(tmp_path / "acme.json"), lambda line: None)
    highest = ahead.last_seq("acme") or 0
    ahead.close()
    assert target.append("acme", messages(3)).first_seq > highest
    target.delete("acme", parse(""))
    assert target.append("acme", messages(3)).first_seq > highest


def test_what_was_moved_is_indexed_grouped_and_compacted_like_the_rest(
    stores: tuple[DuckDBLogStore, DuckDBLogStore], tmp_path: Path
) -> None:
    source, target = stores
    rows = [record(f"user {'abcdefgh'[n % 8]} opened page {n}", at=n, source="web") for n in range(40_000)]
    source.append("acme", batch(*rows))
    assert moved(stores, tmp_path).comparison.is_equal
    assert target.maintain("acme").sealed >= 1
    for text in ("page 39999", "user:*", "opened", '"user c"'):
        query = LogQuery(query=parse(text), limit=3)
        assert target.search("acme", query).total == source.search("acme", query).total
    one, other = (store.patterns("acme", parse("")).patterns for store in (source, target))
    assert [(each.template, each.count) for each in one] == [(each.template, each.count) for each in other]
    target.delete("acme", parse("a OR b OR c"))
    assert target.maintain("acme").compacted
    assert len(everything(target)) == 25_000


def test_each_organisation_moves_alone(stores: tuple[DuckDBLogStore, DuckDBLogStore], tmp_path: Path) -> None:
    source, target = stores
    source.append("acme", messages(5))
    source.append("rival", messages(7))
    (only,) = move_all(source, target, tmp_path / "places", lambda line: None, only="rival")
    assert (only.organisation_id, only.stored) == ("rival", 7)
    assert target.organisations() == ["rival"]
    both = move_all(source, target, tmp_path / "places", lambda line: None)
    assert [(each.organisation_id, each.stored) for each in both] == [("acme", 5), ("rival", 0)]
    with pytest.raises(ConfigError, match="nobody"):
        move_all(source, target, tmp_path / "places", lambda line: None, only="nobody")


def test_an_organisation_without_records_moves_to_nothing(
    stores: tuple[DuckDBLogStore, DuckDBLogStore], tmp_path: Path
) -> None:
    source, _ = stores
    source.append("acme", messages(5))
    source.delete("acme", parse(""))
    found = moved(stores, tmp_path)
    assert (found.stored, found.comparison.records, found.comparison.is_equal) == (0, 0, True)


def test_a_record_that_comes_twice_is_stored_once(stores: tuple[DuckDBLogStore, DuckDBLogStore]) -> None:
    source, target = stores
    source.append("acme", messages(3))
    (records,) = source.export("acme", BEFORE_ALL, source.last_seq("acme") or 0)
    twice = pa.concat_tables([records, records]).take(pc.sort_indices(pa.concat_tables([records, records])["seq"]))
    assert target.restore("acme", twice) == 3
    assert everything(target) == everything(source)


def test_the_source_is_not_changed(stores: tuple[DuckDBLogStore, DuckDBLogStore], tmp_path: Path) -> None:
    source, _ = stores
    source.append("acme", hostile())
    source.close()
    path = tmp_path / "source" / "acme.duckdb"
    before = path.read_bytes()
    again = DuckDBLogStore(tmp_path / "source", HandClock(NOW), maintain=False)
    move(again, stores[1], "acme", Place(tmp_path / "acme.json"), lambda line: None)
    again.close()
    assert path.read_bytes() == before


def test_ids_hold_the_seq_that_is_exported(stores: tuple[DuckDBLogStore, DuckDBLogStore]) -> None:
    source, _ = stores
    source.append("acme", messages(5))
    (records,) = source.export("acme", BEFORE_ALL, source.last_seq("acme") or 0)
    ids = [parse_record_id(each["id"]) for each in everything(source)]
    assert [each[1] for each in ids if each] == records["seq"].to_pylist()
    assert records.select(LOG_SCHEMA.names).schema == LOG_SCHEMA
    assert json.dumps(records["shape"].to_pylist()) == json.dumps([None] * 5)
