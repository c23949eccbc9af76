"""A server with security on, a node of this test's own: passwords, and an API key with just what the guide says."""

import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import ApiError, Elasticsearch

from services.clock import SystemClock
from services.database import Database
from services.errors import BackendUnavailable, ConfigError
from services.log_store.elasticsearch.connection import ElasticSettings, check_server, connect
from services.log_store.elasticsearch.external import ExternalLogStore
from services.log_store.elasticsearch.lifecycle import Lifecycle
from services.log_store.elasticsearch.residual import ResidualEngine
from services.log_store.elasticsearch.store import ElasticLogStore
from services.log_store.elasticsearch.templates import install
from services.log_store.interface import Aggregation, LogQuery
from services.query.language import parse
from tests.conftest import ROOT, missing
from tests.records import messages
from tests.running import free_port, wait_for

pytestmark = pytest.mark.faults
PASSWORD = "a pass-word of the test"


@pytest.fixture(scope="module")
def secured() -> Iterator[ElasticSettings]:
    """A running node, and how the user `elastic` reaches it."""
    script = ROOT.parent / "shared" / "servers" / "elasticsearch" / "elasticsearch.sh"
    home = Path(os.environ.get("SERVERS_HOME", "/var/tmp/elkvision-servers")) / "elasticsearch"
    if not (script.is_file() and (home / ".ready").exists()):
        missing("an Elasticsearch of the tests' own (../shared/servers)")
    folder, port = Path("/var/tmp") / f"elkvision-node-{uuid.uuid4().hex[:8]}", free_port()
    environ = {**os.environ, "ES_HOME": str(home), "ES_PASSWORD": PASSWORD, "ES_HEAP": "400m"}
    subprocess.run([script, "start", folder, str(port)], env=environ, check=True, capture_output=True, timeout=180)
    found = ElasticSettings((f"http://127.0.0.1:{port}",), user="elastic", password=PASSWORD, replicas=0)
    wait_for(lambda: _keeps_users(found))
    yield found
    subprocess.run([script, "kill", folder], env=environ, check=True, capture_output=True, timeout=60)
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def _keeps_users(secured: ElasticSettings) -> bool:
    """Whether the node reads its users from the index that it makes for them at first."""
    with Elasticsearch(secured.hosts[0], basic_auth=(secured.user, secured.password)) as es:
        try:
            es.security.put_role(name="nothing", cluster=[], indices=[])
        except ApiError:
            return False
        return True


@pytest.fixture(scope="module")
def least(secured: ElasticSettings) -> ElasticSettings:
    """The same node by an API key that has what the guide asks for, and nothing else."""
    guide = (ROOT / "docs" / "guide" / "elasticsearch.md").read_text()
    asked = re.search(r"POST /_security/api_key\n(.*?)```", guide, re.S)
    assert asked is not None
    return replace(secured, user="", password="", api_key=key_of(secured, json.loads(asked[1])["role_descriptors"]))


def key_of(secured: ElasticSettings, roles: dict[str, Any]) -> str:
    with Elasticsearch(secured.hosts[0], basic_auth=(secured.user, secured.password)) as es:
        return str(es.security.create_api_key(name="tests", role_descriptors=roles)["encoded"])


def test_only_the_right_password_lets_in(secured: ElasticSettings) -> None:
    with connect(secured) as es:
        assert check_server(es).startswith("8.")
    for wrong in (replace(secured, password="another"), replace(secured, user="", password="")):
        with connect(wrong) as es, pytest.raises(ConfigError, match="check ELASTICSEARCH_API_KEY, or ELASTICSEARCH_U"):
            check_server(es)


def test_a_key_without_privileges_is_told_which_are_missing(secured: ElasticSettings) -> None:
    nothing = replace(secured, user="", password="", api_key=key_of(secured, {"none": {"cluster": [], "indices": []}}))
    with connect(nothing) as es, pytest.raises(ConfigError, match="monitor and manage_index_templates"):
        check_server(es)
    monitor = key_of(secured, {"some": {"cluster": ["monitor"], "indices": []}})
    with connect(replace(nothing, api_key=monitor)) as es, pytest.raises(BackendUnavailable, match="403"):
        install(es, secured)


def test_the_key_of_the_guide_is_enough_for_everything(least: ElasticSettings, tmp_path: Path) -> None:
    database = Database.at("", tmp_path)
    database.upgrade()
    store = ElasticLogStore(least, SystemClock(), database, tmp_path / "delivery", fresh_wait_s=30)
    store.start()
    ids = store.append("acme", messages(3)).ids
    assert store.search("acme", LogQuery(parse("message"))).total == 3
    assert store.get("acme", ids[0])["message"]
    assert store.aggregate("acme", parse(""), Aggregation(by=("level",))).table["count"].to_pylist() == [3]
    assert store.fields("acme", parse("")).total == store.patterns("acme", parse("")).total == 3
    assert store.delete("acme", parse(f"id:{ids[0]}")) == 1
    assert store.usage("acme").records == 2
    store.check()
    grown = replace(least, rollover_bytes=1)
    done = Lifecycle(store.es, grown, SystemClock(), lambda _: nullcontext(True), "tests").run()
    assert done.rolled_over == ("logs-elkvision-acme",)
    store.close()
    database.close()


def test_the_key_of_the_guide_reads_other_tools_indices_and_no_more(
    secured: ElasticSettings, least: ElasticSettings
) -> None:
    with Elasticsearch(secured.hosts[0], basic_auth=(secured.user, secured.password)) as es:
        for index in ("filebeat-1", "payroll"):
            es.index(index=index, document={"@timestamp": "2026-05-04T12:00:00Z", "message": index}, refresh=True)
    with connect(least) as es:
        store = ExternalLogStore(es, ResidualEngine(), {"acme": "filebeat-*", "rival": "payroll"}, least.prefix)
        assert store.search("acme", LogQuery()).total == 1
        assert store.usage("acme").records == 1
        assert store.search("rival", LogQuery()).total == 0
        with pytest.raises(BackendUnavailable, match=r"organisation rival .* the credentials may not read it"):
            store.check()
        store.close()
