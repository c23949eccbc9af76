"""kill -9 in the middle of an upload that was answered: it goes on where it stood, nothing is lost, nothing comes twice."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from services.clock import SystemClock
from services.database import Database
from services.documents.sql import SqlDocumentStore
from services.ingest.options import IngestLimits
from services.ingest.uploads import Uploads
from services.log_store.duckdb.store import DuckDBLogStore
from services.log_store.interface import LogQuery
from tests.faults.uploading_child import EDITOR

ROOT = Path(__file__).resolve().parents[2]
RECORDS = 9_500
BAD = (10, 4_003, 9_499)

pytestmark = pytest.mark.faults


def content(form: str) -> bytes:
    """Records that are all different; some lines of NDJSON are broken."""
    if form == "log":
        lines = [f"2026-01-02 03:04:05,123 ERROR [main] a.B: number {n}\n\tat a.b(C.java:{n})" for n in range(RECORDS)]
    else:
        lines = [f"{{broken {n}" if n in BAD else f'{{"message":"number {n}","level":"info"}}' for n in range(RECORDS)]
    return "\n".join(lines).encode()


def run(folder: Path, *command: str, kill_at: str | None = None) -> list[str]:
    """Run the child; kill it when `kill_at` was said for the last time that it asks for: "stored 3" is the third."""
    word, _, times = (kill_at or "").partition(" ")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.uploading_child", str(folder), *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line.split()[0])
        if word and said.count(word) == int(times):
            process.kill()
            break
    process.wait(60)
    process.stdout.close()
    return said


@pytest.mark.parametrize(
    ("form", "kills"),
    [
        ("ndjson", ["accepted 1"]),
        ("ndjson", ["storing 1"]),
        ("log", ["stored 1"]),
        ("ndjson", ["storing 5"]),
        ("ndjson", ["stored 10", "storing 1"]),
        ("log", ["storing 3", "storing 2", "stored 4"]),
    ],
)
def test_a_killed_upload_is_resumed_exactly_once(tmp_path: Path, form: str, kills: list[str]) -> None:
    file = tmp_path / f"sent.{form}"
    file.write_bytes(content(form))
    folder = tmp_path / "data"
    folder.mkdir()
    run(folder, "accept", str(file), kill_at=kills[0])
    for kill in kills[1:]:
        run(folder, "resume", kill_at=kill)
    assert run(folder, "resume")[-1] == "ended"
    _check(folder, form)


def _check(folder: Path, form: str) -> None:
    store, database = DuckDBLogStore(folder / "logs", SystemClock()), Database.at("", folder)
    uploads = Uploads(
        store, SqlDocumentStore(database), SystemClock(), folder / "spool", IngestLimits(), lambda *_: None
    )
    try:
        (upload,), _ = uploads.list(EDITOR)
        assert (upload.state, upload.rows) == ("done", RECORDS)
        assert upload.problems == (0 if form == "log" else len(BAD))
        listed = [each.line for each in uploads.problems(EDITOR, upload.id)]
        assert listed == ([] if form == "log" else [number + 1 for number in BAD])
        messages = Counter(_messages(store))
        assert len(messages) == sum(messages.values()) == RECORDS
        assert list((folder / "spool").iterdir()) == []
    finally:
        store.close()
        database.close()


def _messages(store: DuckDBLogStore) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = store.search("acme", LogQuery(limit=1000, cursor=cursor))
        found += [record["message"] for record in page.records]
        cursor = page.next_cursor
        if cursor is None:
            return found
