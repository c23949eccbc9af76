"""kill -9 at every step of the spool: each acknowledged record is handed out, none has two seqs, keys and uploads hold."""

import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from services.clock import SystemClock
from services.database import Database
from services.log_store.elasticsearch.bookkeeping import Bookkeeping
from services.log_store.elasticsearch.spool import Spool
from services.log_store.interface import Idempotency
from tests.conftest import ROOT
from tests.faults.spooling_child import SEGMENT_BYTES, batch_of, rows_of

pytestmark = pytest.mark.faults

STEPS = [
    *(("write", times) for times in (1, 2, 5, 9, 23, 60)),
    *(("before sync", times) for times in (1, 3, 17)),
    *(("after sync", times) for times in (1, 2, 16, 40)),
    *((f"{when} reserve", times) for when in ("before", "after") for times in (1, 4)),
    *((f"{when} settle", times) for when in ("before", "after") for times in (1, 6)),
    *((f"{when} done", times) for when in ("before", "after") for times in (1, 8)),
]


class Told:
    """What children said before they died: names of batches."""

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.stored: set[str] = set()

    def run(self, folder: Path, run: str, step: str, times: int) -> None:
        command = [sys.executable, "-m", "tests.faults.spooling_child", str(folder), run, step, str(times)]
        child = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
        assert child.returncode == -9
        for line in child.stdout.splitlines(keepends=True):
            word, _, name = line.strip().partition(" ")
            if name and line.endswith("\n"):
                (self.sent if word == "sent" else self.stored).add(name)


def opened(folder: Path, database: Database) -> Spool:
    books = Bookkeeping(database, SystemClock())
    return Spool(folder / "spool", SystemClock(), books, max_bytes=1 << 30, segment_bytes=SEGMENT_BYTES)


def rest(spool: Spool) -> list[tuple[str, int]]:
    """Text and seq of all that is handed out now."""
    found: list[tuple[str, int]] = []
    while frames := spool.take(1 << 20, 0):
        for frame in frames:
            assert frame.in_doubt
            found += zip(frame.batch.column("message").to_pylist(), frame.batch.column("seq").to_pylist(), strict=True)
    return found


def delivered(folder: Path) -> list[tuple[str, int]]:
    lines = (folder / "delivered").read_text().splitlines(keepends=True)
    pairs = [line.split() for line in lines if line.endswith("\n")]
    return [(text, int(seq)) for text, seq in pairs]


def check(told: Told, handed_out: list[tuple[str, int]]) -> None:
    """Every record has one seq and every seq one record; batches are whole or not there; what was stored is there."""
    seqs, texts, rows = defaultdict(set), defaultdict(set), Counter()
    for text, seq in handed_out:
        seqs[text].add(seq)
        texts[seq].add(text)
    assert all(len(found) == 1 for found in [*seqs.values(), *texts.values()])
    rows.update(text.split("#")[0] for text in seqs)
    assert all(count == rows_of(name) for name, count in rows.items())
    assert told.stored <= set(rows) <= told.sent


def test_what_was_acknowledged_survives_kills_at_every_step(tmp_path: Path) -> None:
    told = Told()
    uploads: dict[str, int] = {}
    handed_out: set[tuple[str, int]] = set()
    for number, (step, times) in enumerate(STEPS):
        run = f"run{number}"
        told.run(tmp_path, run, step, times)
        uploads[run] = sum(1 for name in told.stored if name.startswith(f"{run}.2."))
    assert len(told.stored) > 200
    database = Database.at("", tmp_path)
    spool = opened(tmp_path, database)
    handed_out |= {*delivered(tmp_path), *rest(spool)}
    check(told, sorted(handed_out))
    there = {text.split("#")[0] for text, _ in handed_out}

    for run, stored in uploads.items():
        progress = spool.upload_progress("org2", run)
        position = progress.position if progress is not None else 0
        assert position >= stored
        assert position == sum(1 for name in there if name.startswith(f"{run}.2."))

    for name in sorted(name for name in told.sent if int(name.split(".")[1]) < 2):
        organisation_id = f"org{name.split('.')[1]}"
        again = spool.append(organisation_id, batch_of(name), Idempotency(name, "same"))
        assert again.replayed is (name in there)
        assert again.count == rows_of(name)
    spool.close()
    database.close()


@pytest.mark.parametrize("times", [3, 11])
def test_what_was_done_is_not_handed_out_again_after_a_kill(tmp_path: Path, times: int) -> None:
    told = Told()
    told.run(tmp_path, "run", "after done", times)
    database = Database.at("", tmp_path)
    spool = opened(tmp_path, database)
    once = Counter([*delivered(tmp_path), *rest(spool)])
    assert set(once.values()) == {1}
    check(told, list(once))
    spool.close()
    database.close()
