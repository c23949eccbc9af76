"""Pages, single records, fields and deletions: the same as of the embedded store, also where candidates are checked here."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from services.errors import BackendUnavailable, NotFound, StorageFull
from services.log_store.duckdb import DuckDBLogStore
from services.log_store.elasticsearch import usage
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.candidates import Candidates
from services.log_store.elasticsearch.reading import ElasticReader
from services.log_store.elasticsearch.residual import ResidualEngine
from services.log_store.interface import LogPage, LogQuery, LogRecord
from services.query.language import MatchAll, parse
from tests.clocks import HandClock
from tests.contracts.plain_reads import random_rows
from tests.elastic import Elastic
from tests.records import START, batch, messages, record
from tests.services.log_store.elasticsearch.direct import DirectStore

ROWS = 1_500
EXACT = ["", "word", "level>=warning", "host:h1 OR NOT word", "_exists_:problem", "NOT _exists_:attributes.a"]
CHECKED = [
    "/wo.d [0-4]/",
    "NOT /3/",
    '"-->" OR word',
    "level:error AND /d [13579]/",
    "(host:* OR raw:/x/) AND NOT /7/",
    "problem:/./ AND word",
    "/no such thing/",
    "/wo.d [qx]/",
]


@pytest.fixture(scope="module")
def engine() -> Iterator[ResidualEngine]:
    made = ResidualEngine()
    yield made
    made.close()


@pytest.fixture(scope="module")
def store(elastic: Elastic, engine: ResidualEngine) -> DirectStore:
    """Random records of two organisations."""
    made = DirectStore(elastic, f"{elastic.prefix}-reading", engine)
    for rows in _rows():
        made.append("acme", batch(*rows))
    made.append("rival", batch(*random_rows(random.Random(4), 50)))
    return made


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBLogStore]:
    """The same records."""
    made = DuckDBLogStore(Path(tmp_path_factory.mktemp("embedded")), HandClock(), maintain=False)
    for rows in _rows():
        made.append("acme", batch(*rows))
    yield made
    made.close()


def _rows() -> Iterator[list[dict[str, object]]]:
    rows = random_rows(random.Random(3), ROWS)
    for number, row in enumerate(rows):
        row["message"] = f"{row['message']} {number}" + (" -->" if number % 5 == 0 else "")
    return iter([rows[:700], rows[700:]])


def _without_ids(records: list[LogRecord]) -> list[LogRecord]:
    return [{name: value for name, value in each.items() if name != "id"} for each in records]


def _small(store: DirectStore, organisation: str, most: int) -> ElasticReader:
    """A reader that looks at no more than `most` candidates for one question."""
    of = store.reader(organisation)
    return ElasticReader(of.es, organisation, of.stream, ResidualEngine(max_records=most))


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("text", EXACT + CHECKED)
def test_pages_by_cursor_are_those_of_the_embedded_store(
    store: DirectStore, embedded: DuckDBLogStore, text: str, newest_first: bool
) -> None:
    def pages(of: DirectStore | DuckDBLogStore) -> Iterator[LogPage]:
        cursor = None
        while True:
            query = LogQuery(parse(text), limit=400, newest_first=newest_first, cursor=cursor)
            page = of.search("acme", query)
            yield page
            if (cursor := page.next_cursor) is None:
                return

    for found, expected in zip(pages(store), pages(embedded), strict=True):
        assert (found.total, found.is_partial) == (expected.total, False)
        assert _without_ids(found.records) == _without_ids(expected.records)


@pytest.mark.parametrize("text", ["", "/d [0-4]/"])
@pytest.mark.parametrize("with_total", [True, False])
def test_pages_by_number_begin_at_the_record_of_that_number(store: DirectStore, text: str, with_total: bool) -> None:
    everything = store.search("acme", LogQuery(parse(text), limit=1_000))
    for offset in (0, 1, 250, 640):
        page = store.search("acme", LogQuery(parse(text), limit=30, offset=offset, with_total=with_total))
        assert page.records == everything.records[offset : offset + 30]
        assert page.total == (everything.total if with_total else None)
    behind = LogQuery(parse(text), limit=30, offset=70, cursor=everything.records[99]["id"], with_total=with_total)
    page = store.search("acme", behind)
    assert page.records == everything.records[170:200]
    assert page.next_cursor == everything.records[199]["id"]
    assert page.total == (everything.total if with_total else None)


def test_pages_by_number_reach_the_last_one_that_is_served(store: DirectStore) -> None:
    store.append("many", messages(11_400))
    for offset, limit in ((9_899, 101), (9_950, 100), (10_000, 1_000)):
        page = store.search("many", LogQuery(limit=limit, offset=offset))
        assert [each["message"] for each in page.records] == [
            f"message {11_399 - number}" for number in range(offset, offset + limit)
        ]
        assert page.total == 11_400
    cursor = store.search("many", LogQuery(limit=1_000)).next_cursor
    far = store.search("many", LogQuery(limit=1_000, offset=10_000, cursor=cursor))
    assert [each["message"] for each in far.records] == [f"message {n}" for n in range(399, -1, -1)]
    assert (far.next_cursor, far.total) == (None, 11_400)
    assert store.search("many", LogQuery(limit=1, offset=10_000, cursor=far.records[0]["id"])).records == []


@pytest.mark.parametrize("text", ["", "/./"])
def test_counting_may_end_at_a_bound_and_says_so(store: DirectStore, text: str) -> None:
    some = store.search("acme", LogQuery(parse(text), limit=5, total_bound=100))
    assert (some.total, some.total_is_at_least, len(some.records)) == (100, True, 5)
    all_of_them = store.search("acme", LogQuery(parse(text), limit=5, total_bound=ROWS))
    assert (all_of_them.total, all_of_them.total_is_at_least) == (ROWS, False)


def test_beyond_the_bound_an_answer_is_partial_and_counts_what_was_looked_at(store: DirectStore) -> None:
    page = _small(store, "acme", 600).search(LogQuery(parse("/./"), limit=10))
    assert (page.total, page.is_partial, page.scanned_rows) == (600, True, 600)
    unfilled = _small(store, "acme", 600).search(LogQuery(parse("/[qx][qx]/"), with_total=False))
    assert (unfilled.records, unfilled.is_partial, unfilled.next_cursor is not None) == ([], True, True)
    filled = _small(store, "acme", 600).search(LogQuery(parse("/./"), limit=10, with_total=False))
    assert (len(filled.records), filled.is_partial) == (10, False)
    exactly = _small(store, "acme", ROWS).search(LogQuery(parse("/./"), limit=10))
    assert (exactly.total, exactly.is_partial) == (ROWS, False)


def test_no_more_candidates_are_read_when_the_time_is_nearly_over(store: DirectStore) -> None:
    reader = store.reader("acme")
    with reader.question() as question:
        candidates = Candidates(question, reader.scope(MatchAll())[0], (), most=None, time_share=0.0)
        rows = sum(len(chunk.hits) for chunk in candidates)
    assert (rows, candidates.looked_at, candidates.is_partial) == (500, 500, True)


@pytest.mark.parametrize("newest_first", [True, False])
def test_paging_goes_on_behind_the_bound_until_every_match_was_shown(store: DirectStore, newest_first: bool) -> None:
    text = "/d [0-3]/"
    reader, seen, cursor, pages = _small(store, "acme", 200), [], None, 0
    while pages == 0 or cursor is not None:
        page = reader.search(
            LogQuery(parse(text), limit=50, cursor=cursor, newest_first=newest_first, with_total=False)
        )
        seen, cursor, pages = seen + page.records, page.next_cursor, pages + 1
    assert seen == store.search("acme", LogQuery(parse(text), limit=1_000, newest_first=newest_first)).records


@pytest.mark.parametrize("text", EXACT + CHECKED)
def test_fields_are_those_of_the_embedded_store(store: DirectStore, embedded: DuckDBLogStore, text: str) -> None:
    found, expected = store.fields("acme", parse(text)), embedded.fields("acme", parse(text))
    assert (found.fields, found.total, found.read_records) == (expected.fields, expected.total, expected.read_records)


def test_fields_beyond_the_bound_of_candidates_are_told_as_partial(store: DirectStore) -> None:
    found = _small(store, "acme", 600).fields(parse("/./"))
    assert (found.total, found.read_records, found.is_partial) == (600, 600, True)


def test_fields_of_more_than_memory_holds_are_read_from_a_smaller_sample(store: DirectStore) -> None:
    wide = '{"k":"' + "x" * 20_000 + '"}'
    store.append("wide", batch(*(record("x", at=n, attributes=wide) for n in range(400))))
    of = store.reader("wide")
    found = ElasticReader(of.es, "wide", of.stream, ResidualEngine(max_bytes=3 << 20)).fields(MatchAll())
    assert (found.total, found.is_partial) == (400, False)
    assert 50 < found.read_records <= 100
    assert {info.name: info.count for info in found.fields}["k"] == found.read_records


@pytest.mark.parametrize("text", ["", "/big/"])
def test_a_page_of_records_with_very_large_attributes_ends_early(store: DirectStore, text: str) -> None:
    organisation = f"large{len(text)}"
    attributes = [f'{{"n":{n},"k":"{"x" * (4 << 20)}"}}' if n % 2 else None for n in range(12)]
    store.append(organisation, batch(*(record("big", at=n, attributes=each) for n, each in enumerate(attributes))))
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor is not None:
        page = store.search(organisation, LogQuery(parse(text), newest_first=False, cursor=cursor))
        seen, cursor, pages = seen + [each["attributes"] for each in page.records], page.next_cursor, pages + 1
    assert (seen, pages) == (attributes, 2)
    assert store.get(organisation, store.search(organisation, LogQuery(limit=1)).records[0]["id"])["message"] == "big"
    assert {info.name for info in store.fields(organisation, parse(text)).fields} == {"timestamp", "level", "message"}


def test_shards_that_are_away_are_an_error_and_no_shorter_answer(elastic: Elastic) -> None:
    prefix = f"{elastic.prefix}-red"
    settings = {"number_of_replicas": 0, "routing.allocation.require._name": "no such node"}
    elastic.client.indices.create(index=f"{prefix}-x", settings=settings, wait_for_active_shards=0)
    try:
        with pytest.raises(BackendUnavailable), Question(elastic.client, f"{prefix}-x", 5) as question:
            question.count({"match_all": {}})
        with pytest.raises(BackendUnavailable, match="misses"):
            usage.check(elastic.client, prefix)
    finally:
        elastic.client.indices.delete(index=f"{prefix}-x")


def test_a_value_too_long_to_be_indexed_still_tells_neighbours_apart(store: DirectStore) -> None:
    long = "h" * 9_000
    hosts = [long, None, long + "x", long, None, "short", long]
    store.append("long", batch(*(record(f"n {at}", at=at, host=host) for at, host in enumerate(hosts))))
    records = store.search("long", LogQuery(newest_first=False)).records
    for at, host in enumerate(hosts):
        found = store.context("long", records[at]["id"], before=1, after=10, same=("host",))
        assert [each["message"] for each in found.after] == [
            f"n {n}" for n, each in enumerate(hosts) if each == host and n > at
        ]
        assert len(found.before) == min(1, hosts[:at].count(host))
        assert found.has_more_before == (hosts[:at].count(host) > 1)


@pytest.mark.parametrize("text", ["word", "/word [0-4]/", ""])
def test_deleting_removes_what_matches_in_its_time_range_and_counts_it(store: DirectStore, text: str) -> None:
    organisation = f"deleting{len(text)}"
    rows = [record(f"word {n % 10} of {n}", at=n) for n in range(3_000)]
    store.append(organisation, batch(*rows))
    end = START + timedelta(seconds=2_000)
    expected = sum("[" not in text or n % 10 < 5 for n in range(2_000))
    assert store.delete(organisation, parse(text), end=end) == expected
    assert store.delete(organisation, parse(text), end=end) == 0
    page = store.search(organisation, LogQuery(newest_first=False, limit=1))
    assert page.total == 3_000 - expected


def test_what_is_checked_is_deleted_beyond_the_bound_of_candidates(store: DirectStore) -> None:
    store.append("thorough", messages(1_300))
    assert _small(store, "thorough", 200).delete(parse("/message/")) == 1_300
    assert store.search("thorough", LogQuery()).total == 0


@pytest.mark.parametrize("text", ["message", "/message/"])
def test_deletions_at_the_same_time_count_every_record_once(store: DirectStore, text: str) -> None:
    organisation = f"together{len(text)}"
    store.append(organisation, messages(3_000))
    with ThreadPoolExecutor(3) as pool:
        deleted = list(pool.map(lambda _: store.delete(organisation, parse(text)), range(3)))
    assert sum(deleted) == 3_000
    assert store.search(organisation, LogQuery()).total == 0


def test_a_large_deletion_goes_slice_by_slice(store: DirectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.log_store.elasticsearch.deleting.delete_matching.__defaults__", (250,))
    store.append("slices", messages(700))
    assert store.delete("slices", parse("message")) == 700


def test_usage_tells_times_to_the_microsecond(store: DirectStore) -> None:
    store.append("usage", batch(record("a", at=0.000001), record("b", at=5.123457), record("c", at=3)))
    found = store.usage("usage")
    assert (found.records, found.oldest, found.newest) == (
        3,
        START + timedelta(microseconds=1),
        START + timedelta(microseconds=5_123_457),
    )
    assert found.size_bytes > 0


def test_an_organisation_without_a_stream_is_empty(store: DirectStore) -> None:
    for text in ("", "/x/"):
        assert store.search("nobody", LogQuery(parse(text))).total == 0
        assert store.fields("nobody", parse(text)).total == 0
        assert store.delete("nobody", parse(text)) == 0
    assert store.usage("nobody").records == 0
    with pytest.raises(NotFound):
        store.get("nobody", "0" * 16 + "-" + "0" * 16)


def test_a_server_that_is_away_is_told_at_once(engine: ResidualEngine) -> None:
    with Elasticsearch("http://127.0.0.1:9", max_retries=1) as away:
        reader = ElasticReader(away, "acme", "logs-x-acme", engine)
        began = time.monotonic()
        for ask in (
            lambda: reader.search(LogQuery()),
            lambda: reader.search(LogQuery(parse("/x/"))),
            lambda: reader.delete(MatchAll()),
            lambda: usage.check(away, "logs-x"),
        ):
            with pytest.raises(BackendUnavailable):
                ask()
        assert time.monotonic() - began < 5


def test_a_stream_that_takes_no_more_records_is_told(store: DirectStore, elastic: Elastic) -> None:
    usage.check(elastic.client, store.prefix)
    store.append("full", messages(1))
    stream = store.reader("full").stream
    block = "index.blocks.read_only_allow_delete"
    elastic.client.indices.put_settings(index=stream, settings={block: True})
    try:
        with pytest.raises(StorageFull, match="read-only"):
            usage.check(elastic.client, store.prefix)
    finally:
        elastic.client.indices.put_settings(index=stream, settings={block: None})
    usage.check(elastic.client, store.prefix)
