"""Processes that send the same keys through one database, and are killed: each key is stored by one of them, once."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from services.clock import SystemClock
from services.database import Database
from services.log_store.elasticsearch.bookkeeping import Bookkeeping
from services.log_store.elasticsearch.spool import Spool
from tests.conftest import ROOT
from tests.databases import database
from tests.faults.racing_child import KEYS

__all__ = ["database"]

pytestmark = pytest.mark.faults

PROCESSES = 3


def start(folder: Path, database: Database, number: int) -> "subprocess.Popen[str]":
    url = database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.faults.racing_child", str(folder), url, str(number)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_each_key_is_stored_by_one_process_once_whoever_is_killed(tmp_path: Path, database: Database) -> None:
    said: list[str] = []
    children = [start(tmp_path, database, number) for number in range(PROCESSES)]
    for number, lines in ((0, 5), (1, 12), (0, 20)):
        child = children[number]
        assert child.stdout is not None
        said += [child.stdout.readline() for _ in range(lines)]
        child.kill()
        said += child.stdout.readlines()
        child.wait()
        children[number] = start(tmp_path, database, number)
    for child in children:
        out, _ = child.communicate(timeout=90)
        said += out.splitlines(keepends=True)
        assert child.returncode == 0

    answers = {tuple(line.split()) for line in said if line.endswith("\n")}
    assert len(answers) == len(KEYS)  # the same id whoever answered
    stored: Counter[str] = Counter()
    for number in range(PROCESSES):
        books = Bookkeeping(database, SystemClock())
        spool = Spool(tmp_path / f"spool{number}", SystemClock(), books, max_bytes=1 << 30)
        while frames := spool.take(1 << 20, 0):
            stored.update(text for frame in frames for text in frame.batch.column("message").to_pylist())
        spool.close()
    assert stored == Counter(KEYS)
