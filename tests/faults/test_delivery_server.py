"""kill -9 of the server under a thousand records a second: a node of this test's own, on a port of its own."""

import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from tests.conftest import ROOT, missing
from tests.faults.numbered import ALL, Load, assert_each_once, in_the_stream, opened, seconds_until_delivered
from tests.running import free_port

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not ALL, reason="make faults starts a node of its own")]


class Node:
    """An Elasticsearch that can be killed and started again on the same data."""

    def __init__(self, folder: Path):
        self._script = ROOT.parent / "shared" / "servers" / "elasticsearch" / "elasticsearch.sh"
        home = Path(os.environ.get("SERVERS_HOME", "/var/tmp/elkvision-servers")) / "elasticsearch"
        if not (self._script.is_file() and (home / ".ready").exists()):
            missing("an Elasticsearch that tests may kill (../shared/servers)")
        self._environ = {**os.environ, "ES_HOME": str(home)}
        self._folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._call("start", str(self._folder), str(self._port))

    def kill(self) -> None:
        self._call("kill", str(self._folder))

    def _call(self, *arguments: str) -> None:
        subprocess.run([self._script, *arguments], env=self._environ, check=True, capture_output=True, timeout=180)


@pytest.fixture
def node() -> Iterator[Node]:
    folder = Path("/var/tmp") / f"elkvision-node-{uuid.uuid4().hex[:8]}"  # the server's user may enter it
    found = Node(folder)
    found.start()
    yield found
    found.kill()
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_kills_of_the_server_lose_and_double_nothing(node: Node, tmp_path: Path) -> None:
    with opened(node.url, "killed", tmp_path) as store:
        with Load(store) as load:
            for _ in range(2):
                time.sleep(4)
                node.kill()
                node.start()
                back = time.monotonic()
                while store.delivery.state(None).records > 500:
                    time.sleep(0.05)
                print(f"\nkill -9 of the server: caught up {time.monotonic() - back:.1f} s after it answered again")
        seconds_until_delivered(store, 60)
    with Elasticsearch(node.url) as es:
        assert_each_once(load.acknowledged, in_the_stream(es, "killed"))
