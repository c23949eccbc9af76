"""kill -9 of the application at points of spool and drain: each acknowledged record is stored once or refused once."""

import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.elastic import Elastic, elastic
from tests.faults.delivering_child import POINTS, batch_of, rows_of
from tests.faults.numbered import (
    ALL,
    ORGANISATION,
    assert_each_once,
    in_dead_letters,
    in_the_stream,
    opened,
    seconds_until_delivered,
)
from tests.faults.proxy import Proxy

__all__ = ["elastic"]

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1_800)]

FAULTS = {"busy": 0.05, "items": 0.1, "reset": 0.1, "lost": 0.05}
SOME = (
    "after a frame is on the disk",
    "after a bulk is answered",
    "before frames are noted as done",
    "after a dead letter is kept",
    "after dead letters are on the spool again",
)
SEED = 20261123


@pytest.fixture
def proxy(elastic: Elastic) -> Iterator[Proxy]:
    with Proxy(elastic.url, seed=SEED) as running:
        running.faults = FAULTS
        yield running


def run_until_dead(folder: Path, url: str, prefix: str, run: str, point: str, times: int) -> tuple[set[str], set[str]]:
    """(sent, acknowledged) names of the batches of a child that kills itself."""
    command = [sys.executable, "-m", "tests.faults.delivering_child", str(folder), url, prefix, run, point, str(times)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        ending = threading.Timer(90, child.send_signal, [signal.SIGABRT])  # which tells where its threads are
        ending.start()
        said = child.communicate()[0]
        ending.cancel()
    assert child.returncode == -9, f"{point} was not reached {times} times"
    pairs = [line.split() for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return {name for word, name in pairs if word == "sent"}, {name for word, name in pairs if word == "stored"}


def messages_of(names: set[str]) -> set[str]:
    return {message for name in names for message in batch_of(name)["message"].to_pylist()}


def rows_per_batch(found: Counter[str]) -> Counter[str]:
    return Counter(message.partition("#")[0] for message in found.elements())


def test_kills_of_the_application_lose_and_double_nothing(elastic: Elastic, proxy: Proxy, tmp_path: Path) -> None:
    rng = random.Random(SEED)
    prefix = f"{elastic.prefix}-kill"
    sent: set[str] = set()
    acknowledged: set[str] = set()
    for number, point in enumerate(POINTS if ALL else SOME):
        many = rng.randint(1, 12) if "segment" not in point and "looked" not in point else 1
        found = run_until_dead(tmp_path, proxy.url, prefix, f"run{number}", point, many)
        sent, acknowledged = sent | found[0], acknowledged | found[1]
        if number % 3 == 1:
            elastic.client.indices.rollover(alias=f"{prefix}-{ORGANISATION}")
    proxy.faults = {}
    with opened(proxy.url, prefix, tmp_path) as store:
        took_s = seconds_until_delivered(store, 60)
    there = in_the_stream(elastic.client, prefix) + in_dead_letters(tmp_path)
    print(
        f"\n{number + 1} kills, {len(acknowledged)} batches acknowledged, delivered {took_s:.1f} s after the last start"
    )
    assert acknowledged
    assert_each_once(messages_of(acknowledged), there)
    assert all(rows == rows_of(name) and name in sent for name, rows in rows_per_batch(there).items())
