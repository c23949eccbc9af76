"""kill -9 in the middle of a move, again and again: at the end everything is there once."""

import random
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from services.log_store.elasticsearch.names import stream_of
from services.query.language import parse
from tests.conftest import ROOT
from tests.elastic import Elastic, elastic
from tests.faults.moving_child import PORTION_ROWS, embedded
from tests.records import batch, record
from tests.services.test_moving import everything

__all__ = ["elastic"]

pytestmark = pytest.mark.faults

ROWS = 3_000


def killed_until_done(
    folder: Path, source: str, elastic: Elastic, prefix: str, rng: random.Random, after_kill: Callable[[], object]
) -> tuple[int, str]:
    """Kill the move within its next portions until one ends by itself: how many were killed, and the last line."""
    command = [sys.executable, "-m", "tests.faults.moving_child", str(folder), source, elastic.url, prefix]
    kills = 0
    while True:
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(rng.randint(1, 6))]
        if all(said):
            threading.Event().wait(rng.random() * 0.05)  # anywhere between two portions
            child.kill()
            said += child.stdout.readlines()
            kills += 1
        child.wait()
        last = [line for line in said if line][-1].strip()
        if last.startswith(("equal", "different")):
            return kills, last
        after_kill()


def test_a_move_there_and_back_that_is_killed_again_and_again_brings_every_record_once(
    elastic: Elastic, tmp_path: Path
) -> None:
    rng = random.Random(20261101)
    prefix = f"{elastic.prefix}-killed"
    rows = [
        record(f"row {n} of {n % 7}", at=n / 3, source=f"s{n % 3}", attributes=f'{{"n": {n}}}') for n in range(ROWS)
    ]
    with closing(embedded(tmp_path / "embedded")) as source:
        source.append("acme", batch(*rows))
        before = everything(source)

    def roll_over() -> None:
        if rng.random() < 0.4:
            elastic.client.options(ignore_status=404).indices.rollover(alias=stream_of(prefix, "acme"))

    there = killed_until_done(tmp_path, "embedded", elastic, prefix, rng, roll_over)
    stored = elastic.client.count(index=stream_of(prefix, "acme"))["count"]
    back = killed_until_done(tmp_path, "elasticsearch", elastic, prefix, rng, lambda: None)
    print(
        f"killed {there[0]} times on the way there, {back[0]} times on the way back, of {ROWS // PORTION_ROWS} portions"
    )
    assert (there[1], back[1], stored) == ("equal 0", "equal 0", ROWS)
    assert min(there[0], back[0]) >= 3
    with closing(embedded(tmp_path / "elasticsearch")) as target:
        assert everything(target) == before
        assert len(target.patterns("acme", parse("")).patterns) > 0
