"""Templates and streams on a real server: made once, upgraded while they live, never taken back."""

import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from services.errors import BackendUnavailable
from services.log_store.elasticsearch import mapping
from services.log_store.elasticsearch.connection import ElasticSettings, connect
from services.log_store.elasticsearch.templates import ensure_stream, install, streams, version_of
from tests.elastic import Elastic, delete_all


@pytest.fixture
def settings(elastic: Elastic, request: pytest.FixtureRequest) -> Iterator[ElasticSettings]:
    prefix = f"logs-{elastic.prefix}-{abs(hash(request.node.name)) % 10**6}"
    yield ElasticSettings((elastic.url,), prefix=prefix, replicas=0)
    delete_all(elastic.client, prefix)


def template_of(elastic: Elastic, settings: ElasticSettings) -> dict[str, Any]:
    found = elastic.client.indices.get_index_template(name=settings.prefix)["index_templates"]
    body: dict[str, Any] = found[0]["index_template"]
    return body


def index_of(elastic: Elastic, settings: ElasticSettings, organisation: str) -> dict[str, Any]:
    (body,) = elastic.client.indices.get(index=f"{settings.prefix}-{organisation}", flat_settings=True).body.values()
    found: dict[str, Any] = body
    return found


def test_an_index_has_our_mapping_and_the_settings_of_the_installation(
    elastic: Elastic, settings: ElasticSettings
) -> None:
    own = dataclasses.replace(settings, shards=2, refresh_interval="7s", field_limit=1500, codec="default")
    install(elastic.client, own)
    assert ensure_stream(elastic.client, own, "abc")
    found = index_of(elastic, own, "abc")
    assert found["settings"]["index.number_of_shards"] == "2"
    assert found["settings"]["index.number_of_replicas"] == "0"
    assert found["settings"]["index.refresh_interval"] == "7s"
    assert found["settings"]["index.mapping.total_fields.limit"] == "1500"
    assert found["settings"]["index.codec"] == "default"
    assert found["settings"]["index.sort.field"] == ["@timestamp", "event.sequence"]
    assert found["mappings"]["properties"]["@timestamp"]["type"] == "date_nanos"
    assert found["mappings"]["_meta"] == {"product": "elk-vision", "version": mapping.VERSION}


def test_replicas_follow_the_number_of_nodes_unless_they_are_set(elastic: Elastic, settings: ElasticSettings) -> None:
    own = dataclasses.replace(settings, replicas="auto")
    ensure_stream(elastic.client, own, "abc")
    assert index_of(elastic, own, "abc")["settings"]["index.auto_expand_replicas"] == "0-1"


def test_a_second_start_changes_nothing(elastic: Elastic, settings: ElasticSettings) -> None:
    assert install(elastic.client, settings) == [f"templates {settings.prefix}: version {mapping.VERSION}"]
    ensure_stream(elastic.client, settings, "abc")
    assert install(elastic.client, settings) == []
    assert not ensure_stream(elastic.client, settings, "abc")


def test_our_template_stands_above_that_of_the_server_for_logs(elastic: Elastic, settings: ElasticSettings) -> None:
    logs = f"{settings.prefix}-logs"
    elastic.client.indices.put_index_template(
        name=logs, index_patterns=[f"{settings.prefix}-*"], priority=100, data_stream={}
    )
    ensure_stream(elastic.client, settings, "abc")
    assert [stream.name for stream in streams(elastic.client, settings.prefix)] == [f"{settings.prefix}-abc"]


def test_of_two_prefixes_that_both_fit_the_longer_one_rules(elastic: Elastic, settings: ElasticSettings) -> None:
    longer = dataclasses.replace(settings, prefix=f"{settings.prefix}-two")
    install(elastic.client, settings)
    install(elastic.client, longer)
    ensure_stream(elastic.client, longer, "abc")
    assert [stream.name for stream in streams(elastic.client, longer.prefix)] == [f"{longer.prefix}-abc"]
    assert streams(elastic.client, settings.prefix) == []


def test_a_stream_makes_its_templates_first(elastic: Elastic, settings: ElasticSettings) -> None:
    assert ensure_stream(elastic.client, settings, "abc")
    assert template_of(elastic, settings)["version"] == mapping.VERSION


def test_a_stream_of_somebody_else_is_not_taken_over(elastic: Elastic, settings: ElasticSettings) -> None:
    other = dataclasses.replace(settings, prefix=f"{settings.prefix}-two")
    ensure_stream(elastic.client, other, "abc")
    with pytest.raises(BackendUnavailable, match="ELASTICSEARCH_STREAM_PREFIX"):
        ensure_stream(elastic.client, settings, "two-abc")


def newer_mapping(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    properties = mapping.MAPPINGS["properties"] | fields
    monkeypatch.setattr(mapping, "VERSION", mapping.VERSION + 1)
    monkeypatch.setattr(mapping, "MAPPINGS", mapping.MAPPINGS | {"properties": properties})


def test_a_newer_version_adds_its_fields_to_the_living_index(
    elastic: Elastic, settings: ElasticSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_stream(elastic.client, settings, "abc")
    before = streams(elastic.client, settings.prefix)
    elastic.client.index(
        index=f"{settings.prefix}-abc",
        op_type="create",
        document={"@timestamp": "2026-05-04T12:00:00Z", "message": "x"},
    )
    newer_mapping(monkeypatch, added={"type": "keyword"})
    done = install(elastic.client, settings)
    assert f"stream {settings.prefix}-abc: version {mapping.VERSION}" in done
    assert index_of(elastic, settings, "abc")["mappings"]["properties"]["added"] == {"type": "keyword"}
    assert streams(elastic.client, settings.prefix) == before
    assert install(elastic.client, settings) == []


def test_what_cannot_be_added_comes_with_the_next_index(
    elastic: Elastic, settings: ElasticSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_stream(elastic.client, settings, "abc")
    newer_mapping(monkeypatch, tags={"type": "text"})
    assert f"stream {settings.prefix}-abc: version {mapping.VERSION} with its next index" in install(
        elastic.client, settings
    )
    write_index = streams(elastic.client, settings.prefix)[0].write_index
    assert version_of(elastic.client, write_index) == mapping.VERSION - 1


def test_an_older_program_leaves_a_newer_cluster_alone(
    elastic: Elastic, settings: ElasticSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer_mapping(newer, added={"type": "keyword"})
        install(elastic.client, settings)
    assert install(elastic.client, dataclasses.replace(settings, refresh_interval="9s")) == []
    assert template_of(elastic, settings)["version"] == mapping.VERSION + 1


def test_changed_settings_reach_living_indices(elastic: Elastic, settings: ElasticSettings) -> None:
    ensure_stream(elastic.client, settings, "abc")
    install(elastic.client, dataclasses.replace(settings, refresh_interval="9s", field_limit=1800))
    found = index_of(elastic, settings, "abc")["settings"]
    assert (found["index.refresh_interval"], found["index.mapping.total_fields.limit"]) == ("9s", "1800")


def test_processes_that_start_together_agree(elastic: Elastic, settings: ElasticSettings) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            with connect(settings) as es:
                install(es, settings)
                ensure_stream(es, settings, "abc")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(streams(elastic.client, settings.prefix)) == 1
