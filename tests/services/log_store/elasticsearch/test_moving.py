"""Logs move from the embedded store to Elasticsearch and back: the same records under the same ids, once."""

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from elastic_transport import ConnectionTimeout
from elasticsearch import Elasticsearch

from services.database import Database
from services.errors import BackendUnavailable, InvalidQuery
from services.log_store.duckdb import DuckDBLogStore
from services.log_store.elasticsearch import moving, moving_sending
from services.log_store.elasticsearch.connection import ElasticSettings
from services.log_store.elasticsearch.mapping import MAX_KEYWORD, MAX_TOKEN
from services.log_store.elasticsearch.moving import MovingStreams
from services.log_store.elasticsearch.names import stream_of
from services.log_store.elasticsearch.shapes import ShapeDictionary
from services.log_store.interface import LogQuery, LogRecord
from services.log_store.moving import BEFORE_ALL, MOVED_SCHEMA
from services.log_store.sequence import seq_of, tick_of
from services.moving import Moved, Place, move
from services.query.language import parse
from tests.clocks import HandClock
from tests.databases import sqlite
from tests.elastic import Elastic, elastic
from tests.parity.corpus import queries
from tests.records import batch, messages, record
from tests.services.moved_records import hostile
from tests.services.test_moving import everything

__all__ = ["elastic", "sqlite"]

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

Embedded = Callable[[str], DuckDBLogStore]


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Embedded]:
    made: list[DuckDBLogStore] = []

    def opened(name: str) -> DuckDBLogStore:
        made.append(DuckDBLogStore(tmp_path / name, HandClock(NOW), maintain=False))
        return made[-1]

    yield opened
    for store in made:
        store.close()


@pytest.fixture
def settings(elastic: Elastic) -> ElasticSettings:
    return ElasticSettings((elastic.url,), prefix=f"{elastic.prefix}-{uuid.uuid4().hex[:6]}", replicas=0, ip_fields=2)


@pytest.fixture
def server(elastic: Elastic, settings: ElasticSettings, sqlite: Database) -> MovingStreams:
    return MovingStreams(elastic.client, settings, ShapeDictionary(sqlite))


def moved(source: Any, target: Any, tmp_path: Path) -> Moved:
    return move(source, target, "acme", Place(tmp_path / "acme.json"), lambda line: None)


def exported(store: Any) -> pa.Table:
    return pa.concat_tables(list(store.export("acme", BEFORE_ALL, store.last_seq("acme"))))


def count(elastic: Elastic, settings: ElasticSettings) -> int:
    name = stream_of(settings.prefix, "acme")
    elastic.client.indices.refresh(index=name)
    return int(elastic.client.count(index=name)["count"])


def test_hostile_records_come_back_as_they_were(embedded: Embedded, server: MovingStreams, tmp_path: Path) -> None:
    source, back = embedded("source"), embedded("back")
    source.append("acme", hostile())
    before = everything(source)
    there = moved(source, server, tmp_path)
    assert there.comparison.is_equal
    assert there.stored == there.comparison.records == len(before)
    assert moved(server, back, tmp_path).comparison.is_equal
    after = everything(back)
    pairs = list(zip(before, after, strict=True))
    assert {name for old, new in pairs for name in old if old[name] != new[name]} == {"problem"}
    noted = [old["id"] for old, new in pairs if old["problem"] != new["problem"]]
    assert noted == [each["id"] for each in before if is_searched_in_part(each)]
    assert all((new["problem"] or "").startswith(old["problem"] or "") for old, new in pairs)


def is_searched_in_part(each: LogRecord) -> bool:
    """Whether Elasticsearch says of a record that it keeps more of it than it searches."""
    words = " ".join(each[name] or "" for name in ("message", "raw", "problem"))
    return len(each["host"] or "") > MAX_KEYWORD or re.search(rf"\w{{{MAX_TOKEN + 1}}}", words) is not None


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_records_with_the_same_seq_are_all_read_wherever_a_page_ends(
    server: MovingStreams, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(moving, "_FIRST_ROWS", rows)
    monkeypatch.setattr(moving, "_MOST_ROWS", rows)
    first = seq_of(tick_of(NOW))
    seqs = [first + at for at in (0, 1, 2, 2, 3, 4, 5, 5, 5, 5, 6)]
    records = batch(*(record(f"number {number}", at=number) for number in range(len(seqs))))
    made = records.append_column(pa.field("seq", pa.int64()), pa.array(seqs, pa.int64()))
    assert server.restore("acme", made.select(MOVED_SCHEMA.names).cast(MOVED_SCHEMA)) == len(seqs)
    assert exported(server)["seq"].to_pylist() == seqs


def test_moving_again_stores_nothing(
    embedded: Embedded, server: MovingStreams, tmp_path: Path, elastic: Elastic, settings: ElasticSettings
) -> None:
    source = embedded("source")
    source.append("acme", messages(300))
    assert moved(source, server, tmp_path).stored == 300
    again = moved(source, server, tmp_path)
    assert (again.stored, again.comparison.is_equal, count(elastic, settings)) == (0, True, 300)


def test_a_record_that_lies_in_an_older_index_is_not_stored_twice(
    embedded: Embedded, server: MovingStreams, tmp_path: Path, elastic: Elastic, settings: ElasticSettings
) -> None:
    source = embedded("source")
    source.append("acme", messages(50))
    moved(source, server, tmp_path)
    elastic.client.indices.rollover(alias=stream_of(settings.prefix, "acme"))
    source.append("acme", messages(50))
    found = moved(source, server, tmp_path)
    assert (found.stored, found.comparison.is_equal, count(elastic, settings)) == (50, True, 100)


class Losing:
    """A `send` that stores a bulk and loses its answer, or never sends it; then it works."""

    def __init__(self, send: Callable[..., Any], losses: list[bool], between: Callable[[], object] = lambda: None):
        self._send = send
        self._losses = losses
        self._between = between

    def __call__(self, *arguments: Any) -> Any:
        if not self._losses:
            return self._send(*arguments)
        if self._losses.pop(0):
            self._send(*arguments)
            self._between()
        raise ConnectionTimeout("lost")


def test_a_lost_answer_stores_nothing_twice_even_after_a_rollover(
    embedded: Embedded,
    server: MovingStreams,
    tmp_path: Path,
    elastic: Elastic,
    settings: ElasticSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def roll_over() -> None:
        elastic.client.indices.rollover(alias=stream_of(settings.prefix, "acme"))

    monkeypatch.setattr(moving_sending, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(moving_sending, "send", Losing(moving_sending.send, [True, False, True], roll_over))
    monkeypatch.setattr(moving_sending, "BULK_BYTES", 20_000)
    source = embedded("source")
    source.append("acme", messages(200))
    found = moved(source, server, tmp_path)
    assert (found.stored, found.comparison.is_equal, count(elastic, settings)) == (200, True, 200)


def test_a_server_that_takes_nothing_is_given_up_with_its_reason(
    embedded: Embedded, server: MovingStreams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving_sending, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(moving_sending, "send", Losing(moving_sending.send, [False] * 99))
    source = embedded("source")
    source.append("acme", messages(3))
    with pytest.raises(BackendUnavailable, match="ConnectionTimeout"):
        moved(source, server, tmp_path)


def test_more_fields_than_an_index_may_have_are_served_without_them(
    embedded: Embedded, elastic: Elastic, sqlite: Database, tmp_path: Path
) -> None:
    prefix = f"{elastic.prefix}-{uuid.uuid4().hex[:6]}"
    small = ElasticSettings((elastic.url,), prefix=prefix, replicas=0, field_limit=60)
    server = MovingStreams(elastic.client, small, ShapeDictionary(sqlite))
    source = embedded("source")
    source.append("acme", batch(*(record(f"m {n}", at=n, attributes=f'{{"key{n}": {n}}}') for n in range(30))))
    found = moved(source, server, tmp_path)
    assert (found.stored, found.comparison.is_equal) == (30, True)
    fields = elastic.client.indices.get_mapping(index=stream_of(prefix, "acme")).body.popitem()[1]
    assert 0 < len(fields["mappings"]["properties"]["numbers"].get("properties", {})) < 30


def test_a_record_that_the_server_refuses_is_told_as_missing(
    embedded: Embedded, server: MovingStreams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = embedded("source")
    source.append("acme", messages(4))
    refused = everything(source)[2]["id"]

    def send(es: Elasticsearch, stream: str, body: bytes, timeout_s: float) -> Any:
        pairs = body.splitlines(keepends=True)
        kept = [n for n in range(0, len(pairs), 2) if refused.encode() not in pairs[n]]
        items = iter(real_send(es, stream, b"".join(pairs[n] + pairs[n + 1] for n in kept), timeout_s))
        error = {"create": {"_id": refused, "status": 400, "error": {"type": "odd", "reason": "not this one"}}}
        return [next(items) if n in kept else error for n in range(0, len(pairs), 2)]

    real_send = moving_sending.send
    monkeypatch.setattr(moving_sending, "send", send)
    found = moved(source, server, tmp_path)
    assert (found.stored, found.comparison.missing, found.comparison.examples) == (3, 1, [refused])


def test_organisations_are_those_with_a_stream(
    embedded: Embedded, server: MovingStreams, tmp_path: Path, elastic: Elastic, settings: ElasticSettings
) -> None:
    assert (server.organisations(), server.last_seq("acme")) == ([], None)
    source = embedded("source")
    for organisation_id in ("acme", "Acme-2"):
        source.append(organisation_id, messages(2))
        move(source, server, organisation_id, Place(tmp_path / "place.json"), lambda line: None)
    assert server.organisations() == ["Acme-2", "acme"]
    assert server.last_seq("acme") == source.last_seq("acme")


def test_streams_are_looked_after_between_portions(
    embedded: Embedded,
    elastic: Elastic,
    settings: ElasticSettings,
    sqlite: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.log_store.elasticsearch.moving.ROLLOVER_EACH_BYTES", 1)
    monkeypatch.setattr("services.log_store.duckdb.moving.CHUNK_ROWS", 40)

    def roll_over() -> None:
        elastic.client.indices.rollover(alias=stream_of(settings.prefix, "acme"))

    server = MovingStreams(elastic.client, settings, ShapeDictionary(sqlite), roll_over)
    source = embedded("source")
    source.append("acme", messages(100))
    assert moved(source, server, tmp_path).comparison.is_equal
    stream = elastic.client.indices.get_data_stream(name=stream_of(settings.prefix, "acme"))["data_streams"][0]
    assert len(stream["indices"]) == 4


def test_real_records_there_and_back_answer_the_same_questions(
    embedded: Embedded, server: MovingStreams, tmp_path: Path, some_real_records: pa.Table
) -> None:
    source, back = embedded("source"), embedded("back")
    source.append("acme", some_real_records.take(list(range(0, len(some_real_records), 3))))
    assert moved(source, server, tmp_path).comparison.is_equal
    assert moved(server, back, tmp_path).comparison.is_equal
    assert exported(back).drop_columns("tags").equals(exported(source).drop_columns("tags"))
    for text in queries()[::16]:
        assert answer(back, text) == answer(source, text), text


def answer(store: DuckDBLogStore, text: str) -> object:
    try:
        page = store.search("acme", LogQuery(query=parse(text), limit=200))
    except InvalidQuery as error:
        return str(error)
    return page.total, [each["id"] for each in page.records]
