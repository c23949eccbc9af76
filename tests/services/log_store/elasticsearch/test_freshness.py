"""Reading one's own writes on a real server."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from services.log_store.elasticsearch import freshness
from services.log_store.elasticsearch.freshness import BACKLOG, Freshness
from tests.elastic import Elastic
from tests.records import messages
from tests.services.log_store.elasticsearch.delivering import delivering, wait_until


@contextmanager
def slow_index(elastic: Elastic, name: str) -> Iterator[str]:
    """An index that shows nothing by itself."""
    index = f"{elastic.prefix}-{name}"
    elastic.client.indices.create(index=index, settings={"refresh_interval": "-1", "number_of_replicas": 0})
    yield index


def refreshes(es: Elasticsearch, index: str) -> int:
    return es.indices.stats(index=index, metric="refresh")["_all"]["primaries"]["refresh"]["external_total"]


def freshness_of(elastic: Elastic, index: str, backlog: int = 1) -> Freshness:
    return Freshness(elastic.client, lambda _: index, lambda _: backlog)


def test_what_was_delivered_can_be_found_after_waiting(elastic: Elastic) -> None:
    with slow_index(elastic, "shown") as index:
        fresh = freshness_of(elastic, index)
        elastic.client.index(index=index, id="a", document={"x": 1})
        assert elastic.client.count(index=index)["count"] == 0
        fresh.delivered("acme", 7, 1)
        assert fresh.ensure("acme", 7, 5)
        assert elastic.client.count(index=index)["count"] == 1


def test_it_waits_for_delivery_and_gives_up_in_time(elastic: Elastic) -> None:
    with slow_index(elastic, "waits") as index:
        fresh = freshness_of(elastic, index)
        began = time.monotonic()
        assert not fresh.ensure("acme", 7, 0.3)
        assert 0.25 < time.monotonic() - began < 2
        threading.Timer(0.1, fresh.delivered, ("acme", 7, 1)).start()
        assert fresh.ensure("acme", 7, 10)


def test_one_refresh_serves_all_who_wait_and_none_is_made_for_nothing(elastic: Elastic) -> None:
    with slow_index(elastic, "shared") as index:
        fresh = freshness_of(elastic, index)
        before = refreshes(elastic.client, index)
        answers: list[bool] = []
        threads = [threading.Thread(target=lambda: answers.append(fresh.ensure("acme", 7, 10))) for _ in range(20)]
        for thread in threads:
            thread.start()
        fresh.delivered("acme", 7, 1)
        for thread in threads:
            thread.join()
        assert answers == [True] * 20
        assert all(fresh.ensure("acme", seq, 1) for seq in (0, 3, 7))
        assert refreshes(elastic.client, index) - before == 1


def test_no_more_than_five_refreshes_a_second(elastic: Elastic) -> None:
    with slow_index(elastic, "paced") as index:
        fresh = freshness_of(elastic, index)
        before, began = refreshes(elastic.client, index), time.monotonic()
        seq = 0
        while time.monotonic() - began < 2.0:
            seq += 1
            fresh.delivered("acme", seq, 1)
            assert fresh.ensure("acme", seq, 5)
        assert refreshes(elastic.client, index) - before <= 16


def test_nobody_waits_while_much_is_on_its_way_unless_asked_to(elastic: Elastic) -> None:
    with slow_index(elastic, "busy") as index:
        fresh = freshness_of(elastic, index, backlog=BACKLOG + 1)
        began = time.monotonic()
        assert not fresh.ensure("acme", 7, 10)
        assert time.monotonic() - began < 1
        fresh.delivered("acme", 7, 5)
        assert fresh.ensure("acme", 7, 10, backlog=None)


def test_records_that_were_delivered_a_moment_ago_count_as_on_their_way(elastic: Elastic) -> None:
    with slow_index(elastic, "recent") as index:
        fresh = freshness_of(elastic, index, backlog=0)
        fresh.delivered("acme", 7, BACKLOG + 1)
        assert not fresh.ensure("acme", 7, 10)
        assert fresh.ensure("acme", 7, 10, backlog=None)


def test_what_an_earlier_process_delivered_needs_no_waiting(elastic: Elastic) -> None:
    with slow_index(elastic, "earlier") as index:
        elastic.client.index(index=index, id="a", document={"x": 1})
        assert freshness_of(elastic, index, backlog=0).ensure("acme", 7, 5)
        assert elastic.client.count(index=index)["count"] == 1


def test_a_stream_that_is_not_there_has_nothing_to_show(elastic: Elastic) -> None:
    assert freshness_of(elastic, f"{elastic.prefix}-none", backlog=0).ensure("acme", 7, 5)


def test_a_server_that_is_away_is_no_error() -> None:
    with Elasticsearch("http://127.0.0.1:1") as away:
        fresh = Freshness(away, lambda _: "x", lambda _: 0)
        assert not fresh.ensure("acme", 7, 2)


def test_an_organisation_that_only_writes_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "OWN_REFRESH_S", 0.0)
    with Elasticsearch("http://127.0.0.1:1") as away:
        fresh = Freshness(away, lambda _: "x", lambda _: 0)
        for number in range(1_000):
            fresh.delivered("acme", number, 1)
        assert len(fresh._known["acme"].recent) < 10


def test_a_single_record_is_found_at_once(elastic: Elastic, tmp_path: Path) -> None:
    with delivering(elastic.url, f"{elastic.prefix}-one", tmp_path) as parts:
        parts.spool.append("acme", messages(1, "warm"))
        parts.wait_done()
        for _ in range(3):
            appended = parts.spool.append("acme", messages(1))
            assert parts.freshness.ensure("acme", appended.first_seq, 10)
            assert parts.es.get(index=index_of(parts.es, parts.stream()), id=appended.ids[0])["found"]
        wait_until(lambda: parts.es.count(index=parts.stream())["count"] == 4)


def index_of(es: Elasticsearch, stream: str) -> str:
    name: str = es.indices.get_data_stream(name=stream)["data_streams"][0]["indices"][-1]["index_name"]
    return name
