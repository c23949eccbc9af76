"""Questions that end before their time: cancelled, or too slow. The server works on none of them any more."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from services.errors import BackendTimeout, Cancelled
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.candidates import Candidates
from services.log_store.interface import Handle, LogQuery
from services.query.language import parse
from tests.elastic import Elastic
from tests.records import messages
from tests.services.log_store.elasticsearch.direct import DirectStore

SLOW = {"script": {"script": "double x = 0; for (int i = 0; i < 200000; i++) { x += Math.sin(i) } return x != 1"}}
"""Milliseconds for each document."""
SEGMENTS, PER_SEGMENT = 16, 120
"""The server looks whether it should stop between two segments, or some thousand documents."""


@pytest.fixture(scope="module")
def store(elastic: Elastic) -> Iterator[DirectStore]:
    made = DirectStore(elastic, f"{elastic.prefix}-stopped")
    made.append("acme", messages(4_000))
    yield made
    made.close()


@pytest.fixture(scope="module")
def slow(elastic: Elastic) -> str:
    """An index that takes long to search with `SLOW`."""
    name = f"{elastic.prefix}-slow"
    settings = {"number_of_replicas": 0, "refresh_interval": -1, "merge.policy.segments_per_tier": 100}
    elastic.client.indices.create(index=name, settings=settings)
    for _ in range(SEGMENTS):
        operations = [{"index": {}}, {"n": 1}] * PER_SEGMENT
        elastic.client.bulk(index=name, operations=operations, refresh=True)
    return name


def _wait_until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def _searches(elastic: Elastic, index: str) -> list[str]:
    """Descriptions of the searches of an index that the server works on."""
    tasks = elastic.client.perform_request(
        "GET",
        "/_tasks?actions=indices:data/read/search*&detailed&group_by=none",
        headers={"accept": "application/json"},
    )
    return [each["description"] for each in tasks.body["tasks"] if index in each.get("description", "")]


def test_a_cancelled_search_ends_here_and_on_the_server(elastic: Elastic, slow: str) -> None:
    handle, ended = Handle(), []

    def ask() -> None:
        try:
            with Question(elastic.client, slow, 60, handle) as question:
                question.search({"query": SLOW, "size": 1, "track_total_hits": True})
        except Cancelled as error:
            ended.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    _wait_until(lambda: bool(_searches(elastic, slow)))
    began = time.monotonic()
    handle.cancel()
    thread.join(10)
    assert time.monotonic() - began < 3
    assert len(ended) == 1
    _wait_until(lambda: not _searches(elastic, slow), 3)


def test_a_search_beyond_its_time_ends_here_and_on_the_server(elastic: Elastic, slow: str) -> None:
    began = time.monotonic()
    with (
        pytest.raises(BackendTimeout),
        Question(elastic.client, slow, 0.5) as question,
    ):
        question.search({"query": SLOW, "size": 1, "track_total_hits": True})
    assert time.monotonic() - began < 3
    _wait_until(lambda: not _searches(elastic, slow), 3)


def test_a_search_whose_asker_hangs_up_ends_on_the_server(elastic: Elastic, slow: str) -> None:
    client = elastic.client.options(request_timeout=0.5, max_retries=0)
    with pytest.raises(Exception, match=r"imeout|imed out"):
        client.search(index=slow, query=SLOW, size=1, track_total_hits=True)
    _wait_until(lambda: not _searches(elastic, slow), 5)


def test_the_time_limit_is_for_all_requests_of_a_question(store: DirectStore) -> None:
    with Question(store.elastic.client, store.reader("acme").stream, 0.3) as question:
        question.count({"match_all": {}})
        time.sleep(max(0.0, question.remaining_s))
        with pytest.raises(BackendTimeout):
            question.count({"match_all": {}})


def test_checking_candidates_is_cancelled_between_two_chunks(store: DirectStore) -> None:
    handle, seen = Handle(), []
    reader = store.reader("acme", handle)
    scope, residual = reader.scope(parse("/message/"))
    assert residual is not None
    with (
        pytest.raises(Cancelled),
        reader.question() as question,
        reader.engine.checking(question, "acme", residual) as check,
    ):
        for chunk in Candidates(question, scope, {"message"}, most=None):
            assert len(check.rows(chunk)) == len(chunk.hits)
            seen.append(handle.progress)
            handle.cancel()
    assert len(seen) == 1
    assert seen[0] is not None and 0 < seen[0] < 1


def test_a_question_cancelled_before_it_began_is_not_asked(store: DirectStore) -> None:
    handle = Handle()
    handle.cancel()
    for text in ("", "/x/"):
        with pytest.raises(Cancelled):
            store.search("acme", LogQuery(parse(text)), handle=handle)
