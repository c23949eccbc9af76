"""The application with ELASTICSEARCH_HOSTS: what it does at start, what commands say, what it refuses."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.elastic import Elastic, delete_all, elastic  # noqa: F401
from tests.elastic_front import OPENSEARCH, answering
from tests.running import ROOT, RunningServer, free_port, wait_for

PATH = "/usr/local/bin:/usr/bin:/bin"


def command(data_dir: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    environ = {"PATH": PATH, "DATA_DIR": str(data_dir), "PORT": str(free_port()), **settings}
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def settings(elastic: Elastic, tmp_path: Path) -> Iterator[dict[str, str]]:  # noqa: F811
    prefix = f"{elastic.prefix}-app-{tmp_path.name[-12:].lower().strip('_')}"
    yield {
        "ELASTICSEARCH_HOSTS": elastic.url,
        "ELASTICSEARCH_STREAM_PREFIX": prefix,
        "ELASTICSEARCH_REPLICAS": "0",
        "FRESH_WAIT_S": "30",
    }
    delete_all(elastic.client, prefix)


# -- start -----------------------------------------------------------------------------------------------------------


def test_opensearch_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    with answering(200, OPENSEARCH) as url:
        ended = command(tmp_path, ELASTICSEARCH_HOSTS=url)
    assert ended.returncode == 2
    assert ended.stderr.startswith("elk-vision: ELASTICSEARCH_HOSTS leads to OpenSearch 2.19.1, which is not supported")
    assert "Traceback" not in ended.stderr


def test_refused_credentials_end_the_start_without_showing_them(tmp_path: Path) -> None:
    refused = {"error": {"type": "security_exception", "reason": "unable to authenticate user [ada]"}}
    with answering(401, refused, product=True) as url:
        ended = command(
            tmp_path,
            DEBUG="true",
            ELASTICSEARCH_HOSTS=url,
            ELASTICSEARCH_USER="ada",
            ELASTICSEARCH_PASSWORD="never-to-be-shown",
        )
    assert ended.returncode == 2
    assert "check ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD" in ended.stderr
    assert "never-to-be-shown" not in ended.stdout + ended.stderr


def test_credentials_in_the_clear_are_warned_of_at_start(tmp_path: Path) -> None:
    away = f"http://elasticsearch.invalid:{free_port()}"
    with RunningServer(
        tmp_path,
        ELASTICSEARCH_HOSTS=away,
        ELASTICSEARCH_API_KEY="bmV2ZXItdG8tYmUtc2hvd24=",
    ) as server:
        assert [line for line in server.lines if "others can read or answer" in line]
        assert not [line for line in server.lines if "bmV2ZXItdG8tYmUtc2hvd24" in line]


def test_records_are_accepted_while_the_server_is_away_and_found_when_it_is_back(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    away = settings | {"ELASTICSEARCH_HOSTS": f"http://127.0.0.1:{free_port()}", "FRESH_WAIT_S": "0"}
    with RunningServer(tmp_path, **away) as server:
        token = server.account()
        sent = server.request("POST", "/api/logs/", {"message": "sent while away"}, token=token)
        assert sent.status == 201
        assert server.request("GET", "/api/logs/search/", token=token).status == 503
        health = server.request("GET", "/api/health/ready/", token=token)
        assert (health.status, health.json["status"]) == (200, "degraded")
        logs = next(part for part in health.json["parts"] if part["name"] == "logs")
        assert logs["error"].startswith("Elasticsearch cannot be reached. Records are accepted and wait")
        server.stop()
    with RunningServer(tmp_path, **settings) as server:
        login = {"username": "alice", "password": "correct horse battery"}
        token = server.request("POST", "/api/auth/login/", login).json["token"]
        (found,) = wait_for(lambda: server.request("GET", "/api/logs/search/?q=away", token=token).json["results"])
        assert found["id"] == sent.json["id"]


# -- commands --------------------------------------------------------------------------------------------------------


def test_create_indices_prepares_a_cluster_and_says_what_was_missing(
    tmp_path: Path,
    elastic: Elastic,  # noqa: F811
    settings: dict[str, str],
) -> None:
    with RunningServer(tmp_path) as server:
        server.account()
    prefix = settings["ELASTICSEARCH_STREAM_PREFIX"]
    first = command(tmp_path, "create-indices", **settings)
    assert first.returncode == 0, first.stderr
    assert [line.split(" ")[0] for line in first.stdout.splitlines()] == ["templates", "stream", "Elasticsearch"]
    (stream,) = elastic.client.indices.get_data_stream(name=f"{prefix}-*")["data_streams"]
    assert f"stream {stream['name']}" in first.stdout
    second = command(tmp_path, "create-indices", **settings)
    assert second.stdout.splitlines()[0] == "nothing was missing"


@pytest.mark.parametrize(
    ("hosts", "words"),
    [("", "set ELASTICSEARCH_HOSTS"), ("http://127.0.0.1:1", "Elasticsearch does not answer")],
)
def test_create_indices_says_why_it_cannot(tmp_path: Path, hosts: str, words: str) -> None:
    ended = command(tmp_path, "create-indices", ELASTICSEARCH_HOSTS=hosts)
    assert ended.returncode == 2
    assert words in ended.stderr


def test_a_command_of_the_embedded_store_says_that_it_is_none_of_elasticsearch(tmp_path: Path) -> None:
    ended = command(tmp_path, "rebuild-index", ELASTICSEARCH_HOSTS="http://127.0.0.1:1")
    assert ended.returncode == 2
    assert "rebuild-index is for the embedded log store" in ended.stderr


# -- indices of other tools ------------------------------------------------------------------------------------------


def test_a_chosen_organisation_reads_other_tools_indices_through_the_same_addresses(
    tmp_path: Path,
    elastic: Elastic,  # noqa: F811
    settings: dict[str, str],
) -> None:
    index = f"{elastic.prefix}-filebeat-1"
    document = {"@timestamp": "2026-05-04T12:00:00Z", "message": "from filebeat", "log": {"level": "warn"}}
    elastic.client.index(index=index, document=document, refresh=True)
    with RunningServer(tmp_path) as server:
        organisation = server.request("GET", "/api/organisation/", token=server.account()).json["id"]
    reading = settings | {"ELASTICSEARCH_READ_INDICES": f"{organisation}={elastic.prefix}-filebeat-*"}
    with RunningServer(tmp_path, **reading) as server:
        login = {"username": "alice", "password": "correct horse battery"}
        token = server.request("POST", "/api/auth/login/", login).json["token"]
        (found,) = server.request("GET", "/api/logs/search/?q=level:warning", token=token).json["results"]
        assert (found["message"], found["level"]) == ("from filebeat", "warning")
        assert server.request("GET", f"/api/logs/{found['id']}/", token=token).json["message"] == "from filebeat"
        assert server.request("GET", f"/api/logs/{found['id']}/context/", token=token).status == 200
        assert server.request("GET", "/api/logs/stats/", token=token).json["total"] == 1
        assert server.request("GET", "/api/logs/fields/", token=token).status == 200
        assert server.request("GET", "/api/logs/patterns/", token=token).status == 200
        refused = server.request("POST", "/api/logs/", {"message": "x"}, token=token)
        assert (refused.status, "indices of another tool" in refused.json["detail"]) == (403, True)
        assert server.request("GET", "/api/health/").json["status"] == "ok"


def test_a_pattern_that_nothing_fits_is_told_at_start_and_by_health(tmp_path: Path, settings: dict[str, str]) -> None:
    with RunningServer(tmp_path, **settings, ELASTICSEARCH_READ_INDICES="0123456789=no-such-index-*") as server:
        words = "what organisation 0123456789 is to read is not there"
        assert [line for line in server.lines if words in line]
        health = server.request("GET", "/api/health/", token=server.account())
        assert (health.status, health.json["status"]) == (200, "degraded")
        assert [
            part["error"] for part in health.json["parts"] if part["name"] == "other_indices" and words in part["error"]
        ]
