"""What a server cannot do just now it is asked once more; what it left out is never taken for what is not there."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig, ObjectApiResponse
from elasticsearch import ApiError, Elasticsearch

from services.errors import BackendUnavailable, ElkVisionError, QuotaExceeded
from services.log_store.elasticsearch import aggregate as aggregating
from services.log_store.elasticsearch import pattern_counts
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.residual import ResidualEngine
from services.log_store.interface import Aggregation, LogQuery
from services.query.language import parse
from tests.elastic import Elastic
from tests.records import START, batch, messages, record
from tests.services.log_store.elasticsearch.direct import DirectStore
from tests.services.log_store.elasticsearch.filled_streams import Asking, everything, filled_stream

META = ApiResponseMeta(429, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "localhost", 9200))
NO_MEMORY, NO_ROOM = "circuit_breaking_exception", "es_rejected_execution_exception"


@pytest.fixture(scope="module")
def engine() -> Iterator[ResidualEngine]:
    made = ResidualEngine()
    yield made
    made.close()


@pytest.fixture(scope="module")
def store(elastic: Elastic, engine: ResidualEngine) -> DirectStore:
    made = DirectStore(elastic, f"{elastic.prefix}-again", engine)
    made.append("acme", messages(3_000))
    return made


def _refusing(monkeypatch: pytest.MonkeyPatch, kind: str, times: int) -> list[str]:
    """The server refuses the next searches with an error of this kind, as a shard tells it."""
    refused: list[str] = []
    search = Elasticsearch.search

    def refuse(self: Elasticsearch, **asked: Any) -> Any:
        if len(refused) < times:
            refused.append(kind)
            reason = {"type": kind, "reason": "not now"}
            whole = {"type": "search_phase_execution_exception", "root_cause": [reason], "reason": "all shards failed"}
            raise ApiError("search_phase_execution_exception", META, {"error": whole, "status": 429})
        return search(self, **asked)

    monkeypatch.setattr(Elasticsearch, "search", refuse)
    return refused


@pytest.mark.parametrize("kind", [NO_MEMORY, NO_ROOM])
@pytest.mark.parametrize("text", ["message", "/message 1/"])
def test_a_search_that_the_server_has_no_room_for_is_asked_once_more(
    store: DirectStore, monkeypatch: pytest.MonkeyPatch, kind: str, text: str
) -> None:
    expected = store.search("acme", LogQuery(parse(text)))
    refused = _refusing(monkeypatch, kind, 1)
    found = store.search("acme", LogQuery(parse(text)))
    assert (found.records, found.total, len(refused)) == (expected.records, expected.total, 1)


@pytest.mark.parametrize(
    ("kind", "error", "words"), [(NO_MEMORY, BackendUnavailable, "memory"), (NO_ROOM, QuotaExceeded, "busy")]
)
def test_a_server_that_has_no_room_twice_is_told_in_words(
    store: DirectStore, monkeypatch: pytest.MonkeyPatch, kind: str, error: type[ElkVisionError], words: str
) -> None:
    refused = _refusing(monkeypatch, kind, 9)
    with pytest.raises(error, match=words):
        store.search("acme", LogQuery())
    assert len(refused) == 2


def test_an_aggregation_is_asked_once_more_as_well(
    elastic: Elastic, engine: ResidualEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = Asking(filled_stream(elastic, "busy", [record(f"m {n}") for n in range(10)], indices=1), engine)
    refused = _refusing(monkeypatch, NO_ROOM, 1)
    assert asking.rows(Aggregation(("level",)))[0]["count"] == 10
    assert len(refused) == 1


# -- indices that are removed (retention) ----------------------------------------------------------------------------


def _removing_first(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, remove: Callable[[], None]) -> None:
    """After the first call of that function something is removed."""
    work, calls = getattr(module, name), []

    def removing(*args: Any) -> Any:
        found = work(*args)
        if not calls:
            calls.append(name)
            found = list(found) if module is pattern_counts else found
            remove()
        return found

    monkeypatch.setattr(module, name, removing)


def _oldest_index_of(asking: Asking) -> Callable[[], None]:
    es, stream = asking.filled.es, asking.filled.stream
    indices = es.indices.get_data_stream(name=stream)["data_streams"][0]["indices"]
    return lambda: es.indices.delete(index=indices[0]["index_name"]) and None


def test_counts_over_an_index_that_is_removed_meanwhile_are_those_of_the_others(
    elastic: Elastic, engine: ResidualEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = Asking(filled_stream(elastic, "gone", [record(f"m {n}", at=n) for n in range(90)]), engine)
    _removing_first(monkeypatch, aggregating, "survey", _oldest_index_of(asking))
    assert sum(row["count"] for row in asking.rows(Aggregation(("time", "level"), 10))) == 60


def test_patterns_over_an_index_that_is_removed_meanwhile_are_those_of_the_others(
    elastic: Elastic, engine: ResidualEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{**record(f"m {n}", at=n), "shape_id": 1} for n in range(90)]
    asking = Asking(filled_stream(elastic, "gonepatterns", rows), engine)
    _removing_first(monkeypatch, pattern_counts, "_counted_there", _oldest_index_of(asking))
    with Question(asking.filled.es, asking.filled.stream, 30.0) as question:
        found = pattern_counts.count_patterns(
            question, everything(), {1: (7, "m *")}, 10, lambda columns: pytest.fail("read"), is_exact=True
        )
    assert [(each.id, each.count) for each in found.patterns] == [(7, 60)]


# -- records read by address -----------------------------------------------------------------------------------------


def test_a_record_that_could_not_be_read_is_not_left_out_like_one_that_is_gone(
    store: DirectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = store.search("acme", LogQuery(parse("/message 1/"), limit=5))
    mget, failing = Elasticsearch.mget, ["es_rejected_execution_exception"]

    def told(self: Elasticsearch, **asked: Any) -> Any:
        answer = mget(self, **asked)
        body = dict(answer.body)
        body["docs"] = [{"_id": each["_id"], "error": {"type": failing[0]}} for each in body["docs"]]
        return ObjectApiResponse(body, answer.meta)

    with monkeypatch.context() as patched:
        patched.setattr(Elasticsearch, "mget", told)
        with pytest.raises(BackendUnavailable):
            store.search("acme", LogQuery(parse("/message 1/"), limit=5))
        failing[0] = "index_not_found_exception"
        assert store.search("acme", LogQuery(parse("/message 1/"), limit=5)).records == []
    assert store.search("acme", LogQuery(parse("/message 1/"), limit=5)).records == expected.records


# -- totals that are known -------------------------------------------------------------------------------------------


def test_the_next_page_of_checked_records_does_not_read_all_of_them_again(store: DirectStore) -> None:
    store.append("paged", messages(3_000))
    query = LogQuery(parse("/message \\d/"), limit=20)
    first = store.search("paged", query)
    again = store.search("paged", query)
    second = store.search("paged", LogQuery(query.query, limit=20, cursor=first.next_cursor))
    assert (first.total, again.total, second.total) == (3_000, 3_000, 3_000)
    assert first.scanned_rows == 3_000
    assert max(again.scanned_rows, second.scanned_rows) <= 500
    assert again.records == first.records


def test_a_total_that_is_known_follows_records_that_come_and_go(store: DirectStore) -> None:
    store.append("moving", messages(1_200))
    query = LogQuery(parse("/message \\d/"), limit=20)
    cursor = store.search("moving", query).next_cursor
    store.append("moving", batch(record("message 7 at the begin", timestamp=START)))
    assert store.search("moving", LogQuery(query.query, limit=20, cursor=cursor)).total == 1_201
    store.delete("moving", parse("begin"))
    assert store.search("moving", LogQuery(query.query, limit=20, cursor=cursor)).total == 1_200
    assert store.search("moving", LogQuery(query.query, limit=20, total_bound=50)).total_is_at_least
    assert store.search("moving", query).total == 1_200


def test_a_partial_total_that_is_known_stays_partial(store: DirectStore, engine: ResidualEngine) -> None:
    store.append("part", messages(2_000))
    few = ResidualEngine(max_records=700)
    own = DirectStore(store.elastic, store.prefix, few)
    first = own.search("part", LogQuery(parse("/message \\d/"), limit=20))
    second = own.search("part", LogQuery(parse("/message \\d/"), limit=20, cursor=first.next_cursor))
    assert (first.total, second.total, first.is_partial, second.is_partial) == (700, 700, True, True)
    assert second.scanned_rows == 500
    assert own.search("part", LogQuery(parse("/message \\d/"), limit=20)).scanned_rows == 700
    few.close()
