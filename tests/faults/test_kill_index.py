"""kill -9 while files are sealed, grouped, promoted and compacted: nothing that was kept is lost, and every search stays exact."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from services.clock import SystemClock
from services.log_store.duckdb import DuckDBLogStore, blocks, maintenance
from services.log_store.interface import LogQuery
from services.query.language import parse
from services.query.tree import Phrase, Regex
from tests.conftest import ROOT
from tests.services.query.filled import Filled, all_records
from tests.services.query.random_trees import random_leaf, random_tree

pytestmark = pytest.mark.faults

KILLS = 4
QUERIES = 4


def work_until_killed(folder: Path, run: str, lines: int) -> list[str]:
    """What a child had stored when it was killed after `lines` lines of its output."""
    command = [sys.executable, "-m", "tests.faults.indexing_child", str(folder), run]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = [child.stdout.readline() for _ in range(lines)]
    child.kill()
    said += child.stdout.readlines()
    child.wait()
    return [line.strip() for line in said if line.endswith("\n")]


def check(store: DuckDBLogStore, kept: list[str], rng: random.Random) -> None:
    filled = Filled(store, all_records(store))
    assert len({entry["id"] for entry in filled.records}) == len(filled.records)
    for text in kept:
        assert store.search("acme", LogQuery(query=Phrase(f"kept {text}"))).total == 1
    queries = [random_tree(rng) for _ in range(QUERIES)] + [random_leaf(rng) for _ in range(QUERIES)]
    for query in [*queries, parse("NOT service:kept"), parse("user.id:42")]:
        if not isinstance(query, Regex) and "Regex(" not in repr(query):
            filled.check(query)


def test_every_search_is_exact_after_each_of_many_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 60)
    monkeypatch.setattr(maintenance, "WORTH_RECORDS", 0)
    rng = random.Random(20260302)
    kept: list[str] = []
    for number in range(KILLS):
        kept += work_until_killed(tmp_path / "logs", f"run{number}", rng.randint(5, 25))
        store = DuckDBLogStore(tmp_path / "logs", SystemClock(), maintain=False)
        check(store, kept, rng)
        store.maintain("acme")
        check(store, kept, rng)
        store.close()
    assert not list((tmp_path / "logs").glob("*.compacting*"))
