"""Rollover and retention on a real server, with hands on the clock and indices of a few bytes."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta

import pytest

from services.errors import BackendUnavailable
from services.log_store.elasticsearch import mapping
from services.log_store.elasticsearch.connection import ElasticSettings, connect
from services.log_store.elasticsearch.lifecycle import Lifecycle, Round
from services.log_store.elasticsearch.templates import ForeignStream, ensure_stream, streams, version_of
from tests.clocks import HandClock
from tests.elastic import Elastic, delete_all
from tests.running import free_port, wait_for

GB = 1 << 30


class Cluster:
    """One organisation's stream, and the lifecycle that looks after it."""

    def __init__(self, elastic: Elastic, prefix: str):
        self.client = elastic.client
        self.clock = HandClock(datetime.now(UTC))
        self.settings = ElasticSettings((elastic.url,), prefix=prefix, replicas=0, rollover_bytes=GB)
        self.certain = True
        ensure_stream(self.client, self.settings, "abc")

    @property
    def name(self) -> str:
        return f"{self.settings.prefix}-abc"

    def lifecycle(self, owner: str = "one", **changed: object) -> Lifecycle:
        settings = dataclasses.replace(self.settings, **changed)
        return Lifecycle(self.client, settings, self.clock, self.hold, owner)

    def hold(self, organisation_id: str) -> AbstractContextManager[bool]:
        assert organisation_id == "abc"
        return nullcontext(self.certain)

    def add(self, **ago: float) -> None:
        at = (self.clock.now() - timedelta(**ago)).isoformat()
        self.client.index(index=self.name, op_type="create", document={"@timestamp": at, "message": "x"}, refresh=True)

    def indices(self) -> tuple[str, ...]:
        (stream,) = streams(self.client, self.settings.prefix)
        return stream.indices


@pytest.fixture
def cluster(elastic: Elastic, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    prefix = f"{elastic.prefix}-life{abs(hash(request.node.name)) % 10**6}"
    yield Cluster(elastic, prefix)
    delete_all(elastic.client, prefix)


# -- rollover --------------------------------------------------------------------------------------------------------


def test_an_index_within_its_limits_goes_on(cluster: Cluster) -> None:
    cluster.add()
    assert cluster.lifecycle().run() == Round()
    assert len(cluster.indices()) == 1


def test_a_large_index_is_followed_by_a_new_one(cluster: Cluster) -> None:
    cluster.add()
    assert cluster.lifecycle(rollover_bytes=1).run().rolled_over == (cluster.name,)
    assert len(cluster.indices()) == 2


def test_an_old_index_is_followed_by_a_new_one(cluster: Cluster) -> None:
    cluster.add()
    cluster.clock.move(days=29.9)
    assert cluster.lifecycle().run().rolled_over == ()
    cluster.clock.move(days=0.2)
    assert cluster.lifecycle(rollover_age_days=0).run().rolled_over == ()
    assert cluster.lifecycle().run().rolled_over == (cluster.name,)


def test_an_empty_index_is_not_followed_by_another(cluster: Cluster) -> None:
    cluster.clock.move(days=100)
    assert cluster.lifecycle(rollover_bytes=1).run().rolled_over == ()


def test_an_index_that_cannot_take_the_new_mapping_is_followed_by_one_that_has_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = mapping.MAPPINGS["properties"] | {"tags": {"type": "text"}}
    monkeypatch.setattr(mapping, "VERSION", mapping.VERSION + 1)
    monkeypatch.setattr(mapping, "MAPPINGS", mapping.MAPPINGS | {"properties": changed})
    assert cluster.lifecycle().run().rolled_over == (cluster.name,)
    assert cluster.lifecycle().run().rolled_over == ()
    assert version_of(cluster.client, cluster.indices()[-1]) == mapping.VERSION


def test_nothing_is_touched_while_a_bulk_is_in_doubt(cluster: Cluster) -> None:
    cluster.add(days=50)
    cluster.lifecycle(rollover_bytes=1).run()
    cluster.add(days=50)
    cluster.certain = False
    before = cluster.indices()
    done = cluster.lifecycle(rollover_bytes=1, retention_days=1).run()
    assert done == Round(held=(cluster.name,))
    assert cluster.indices() == before


# -- retention -------------------------------------------------------------------------------------------------------


def test_an_index_goes_when_its_newest_record_is_older_than_the_retention(cluster: Cluster) -> None:
    cluster.add(days=9)
    cluster.add(days=6, hours=23)
    cluster.lifecycle(rollover_bytes=1).run()
    first, second = cluster.indices()
    assert cluster.lifecycle(retention_days=7).run().deleted == ()
    cluster.clock.move(hours=2)
    assert cluster.lifecycle(retention_days=7).run().deleted == (first,)
    assert cluster.indices() == (second,)


def test_the_index_that_is_written_to_is_never_deleted(cluster: Cluster) -> None:
    cluster.add(days=900)
    done = cluster.lifecycle(retention_days=1).run()
    assert done.deleted == ()
    assert len(cluster.indices()) == 1


def test_a_stream_that_fell_silent_loses_its_records_too(cluster: Cluster) -> None:
    cluster.add()
    cluster.clock.move(days=8)
    lifecycle = cluster.lifecycle(retention_days=7)
    assert lifecycle.run() == Round(rolled_over=(cluster.name,))
    assert len(lifecycle.run().deleted) == 1
    assert lifecycle.run() == Round()


def test_without_a_retention_everything_is_kept(cluster: Cluster) -> None:
    cluster.add(days=4000)
    cluster.lifecycle(rollover_bytes=1).run()
    assert cluster.lifecycle().run().deleted == ()
    assert len(cluster.indices()) == 2


def test_an_old_index_that_was_emptied_is_removed(cluster: Cluster) -> None:
    cluster.add()
    cluster.lifecycle(rollover_bytes=1).run()
    cluster.client.delete_by_query(index=cluster.name, query={"match_all": {}}, refresh=True)
    assert len(cluster.lifecycle().run().deleted) == 1
    assert len(cluster.indices()) == 1


def test_records_that_nobody_refreshed_yet_count(cluster: Cluster) -> None:
    cluster.client.indices.put_settings(index=cluster.name, settings={"index.refresh_interval": "-1"})
    document = {"@timestamp": cluster.clock.now().isoformat(), "message": "x"}
    cluster.client.index(index=cluster.name, op_type="create", document=document)
    cluster.client.indices.rollover(alias=cluster.name)
    assert cluster.lifecycle(retention_days=1).run().deleted == ()


# -- faults ----------------------------------------------------------------------------------------------------------


def add_stream_without_shards(cluster: Cluster, name: str) -> None:
    """A stream whose only index no node takes, made from our template."""
    part, client = f"{cluster.settings.prefix}-settings", cluster.client
    kept = client.cluster.get_component_template(name=part)["component_templates"][0]["component_template"]
    lost = {**kept["template"]["settings"], "index.routing.allocation.require.rack": "none"}
    given = {"version": kept["version"], "meta": kept["_meta"]}
    client.cluster.put_component_template(name=part, template={"settings": lost}, **given)
    path, accept = f"/_data_stream/{cluster.settings.prefix}-{name}?timeout=1s", {"accept": "application/json"}
    client.perform_request("PUT", path, headers=accept)
    client.cluster.put_component_template(name=part, template=kept["template"], **given)


def test_an_index_that_lost_its_shards_keeps_no_other_from_being_deleted(cluster: Cluster) -> None:
    add_stream_without_shards(cluster, "aaa")
    cluster.add(days=9)
    cluster.lifecycle(rollover_bytes=1)._roll_over(streams(cluster.client, cluster.settings.prefix)[1])
    lifecycle = Lifecycle(
        cluster.client,
        dataclasses.replace(cluster.settings, retention_days=1),
        cluster.clock,
        lambda _: nullcontext(True),
        "one",
        interval_s=0.02,
    )
    done = lifecycle.run()
    assert len(done.deleted) == 1
    assert ["aaa" in text for text in done.failed] == [True]
    lifecycle.start()
    wait_for(lambda: lifecycle.last_error)
    lifecycle.stop(10)


def test_a_stream_of_somebody_else_is_left_alone(elastic: Elastic) -> None:
    client, prefix = elastic.client, f"{elastic.prefix}-foreign"
    client.indices.put_index_template(name=f"{prefix}zz", index_patterns=[f"{prefix}-*"], data_stream={}, priority=1)
    document = {"@timestamp": "2020-01-01T00:00:00Z", "message": "x"}
    client.index(index=f"{prefix}-abc", op_type="create", document=document, refresh=True)
    client.indices.rollover(alias=f"{prefix}-abc")
    settings = ElasticSettings((elastic.url,), prefix=prefix, replicas=0, retention_days=1)
    with pytest.raises(ForeignStream):
        ensure_stream(client, settings, "abc")
    lifecycle = Lifecycle(client, settings, HandClock(datetime.now(UTC)), lambda _: nullcontext(True), "one")
    assert ["left alone" in text for text in lifecycle.run().failed] == [True]
    assert client.count(index=f"{prefix}-abc")["count"] == 1
    delete_all(client, prefix)


def test_a_fault_in_a_round_does_not_end_the_rounds(cluster: Cluster) -> None:
    calls: list[str] = []

    def hold(organisation_id: str) -> AbstractContextManager[bool]:
        calls.append(organisation_id)
        raise RuntimeError("a fault")

    lifecycle = Lifecycle(cluster.client, cluster.settings, cluster.clock, hold, "one", interval_s=0.02)
    lifecycle.start()
    wait_for(lambda: len(calls) > 1)
    lifecycle.stop(10)
    assert lifecycle.last_error == "RuntimeError: a fault"


# -- one runner ------------------------------------------------------------------------------------------------------


def test_one_process_at_a_time_runs_and_another_takes_over_when_it_died(cluster: Cluster) -> None:
    cluster.add()
    assert cluster.lifecycle("one").run().is_ours
    assert cluster.lifecycle("two", rollover_bytes=1).run() == Round(is_ours=False)
    assert cluster.lifecycle("one").run().is_ours
    cluster.clock.move(minutes=11)
    assert cluster.lifecycle("two", rollover_bytes=1).run().rolled_over == (cluster.name,)
    assert not cluster.lifecycle("one").run().is_ours


def test_a_process_that_ends_lets_another_go_on_at_once(cluster: Cluster) -> None:
    first, second = cluster.lifecycle("one"), cluster.lifecycle("two")
    assert first.run().is_ours
    second.stop()
    assert not cluster.lifecycle("two").run().is_ours
    first.stop()
    assert cluster.lifecycle("two").run().is_ours


def test_two_that_ask_at_the_same_time_do_not_both_run(cluster: Cluster) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(6) as pool:
        rounds = list(pool.map(lambda owner: cluster.lifecycle(str(owner)).run(), range(6)))
    assert sum(done.is_ours for done in rounds) == 1


def test_rounds_run_in_the_background_until_they_are_stopped(elastic: Elastic, cluster: Cluster) -> None:
    cluster.add()
    settings = dataclasses.replace(cluster.settings, rollover_bytes=1)
    lifecycle = Lifecycle(cluster.client, settings, cluster.clock, cluster.hold, "one", interval_s=0.02)
    lifecycle.start()
    wait_for(lambda: len(cluster.indices()) == 2)
    lifecycle.stop(10)
    cluster.add()
    assert len(cluster.indices()) == 2


def test_a_server_that_is_away_is_told_and_tried_again(cluster: Cluster) -> None:
    with connect(ElasticSettings((f"http://127.0.0.1:{free_port()}",))) as es:
        lifecycle = Lifecycle(es, cluster.settings, cluster.clock, cluster.hold, "one", interval_s=0.02)
        with pytest.raises(BackendUnavailable):
            lifecycle.run()
        lifecycle.start()
        wait_for(lambda: lifecycle.last_error)
        lifecycle.stop(10)


def test_streams_of_other_prefixes_are_nobodys_business(cluster: Cluster, elastic: Elastic) -> None:
    other = dataclasses.replace(cluster.settings, prefix=f"{cluster.settings.prefix}-other")
    ensure_stream(elastic.client, other, "x")
    looked_at: list[str] = []

    def hold(organisation_id: str) -> AbstractContextManager[bool]:
        looked_at.append(organisation_id)
        return nullcontext(True)

    held: Callable[[str], AbstractContextManager[bool]] = hold
    Lifecycle(cluster.client, cluster.settings, cluster.clock, held, "one").run()
    assert looked_at == ["abc"]
