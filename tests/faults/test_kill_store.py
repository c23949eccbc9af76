"""kill -9 in the middle of writing: what was acknowledged is there, once; what was not can be sent again."""

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from services.clock import SystemClock
from services.log_store.duckdb import DuckDBLogStore
from services.log_store.interface import Aggregation, Idempotency, LogQuery, LogStore
from services.query.language import MatchAll
from tests.conftest import ROOT
from tests.faults.storing_child import batch_of, rows_of

pytestmark = pytest.mark.faults

KILLS = 10


def write_until_killed(folder: Path, run: str, lines: int) -> tuple[set[str], set[str]]:
    """(sent, acknowledged) keys of a child that is killed after `lines` lines of its output."""
    command = [sys.executable, "-m", "tests.faults.storing_child", str(folder), run]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = [child.stdout.readline() for _ in range(lines)]
    child.kill()
    said += child.stdout.readlines()  # written before it died: acknowledged all the same
    child.wait()
    pairs = [line.split() for line in said if line.endswith("\n")]
    return {key for word, key in pairs if word == "sent"}, {key for word, key in pairs if word == "stored"}


def rows_per_key(store: LogStore) -> Counter[str]:
    table = store.aggregate("acme", MatchAll(), Aggregation(by=("service",), limit=1_000)).table
    return Counter({row["service"]: row["count"] for row in table.to_pylist()})


def test_acknowledged_batches_survive_ten_kills_and_none_is_there_twice(tmp_path: Path) -> None:
    rng = random.Random(20260301)
    sent: set[str] = set()
    acknowledged: set[str] = set()
    for number in range(KILLS):
        new_sent, new_acknowledged = write_until_killed(tmp_path / "logs", f"run{number}", rng.randint(12, 160))
        sent |= new_sent
        acknowledged |= new_acknowledged
    assert acknowledged
    store = DuckDBLogStore(tmp_path / "logs", SystemClock())
    try:
        there = rows_per_key(store)
        assert {key: there[key] for key in acknowledged} == {key: rows_of(key) for key in acknowledged}
        assert all(rows == rows_of(key) for key, rows in there.items())  # whole or not at all
        for key in sorted(sent - acknowledged):
            store.append("acme", batch_of(key), idempotency=Idempotency(key, "same"))
        assert rows_per_key(store) == Counter({key: rows_of(key) for key in sent})
        ids = all_ids(store)
        assert len(ids) == len(set(ids)) == sum(map(rows_of, sent))
    finally:
        store.close()


def all_ids(store: LogStore) -> list[str]:
    ids, cursor = [], None
    while True:
        page = store.search("acme", LogQuery(limit=1_000, cursor=cursor, with_total=False))
        ids += [entry["id"] for entry in page.records]
        cursor = page.next_cursor
        if cursor is None:
            return ids
