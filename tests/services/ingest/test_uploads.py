"""Uploads from the file on disk to the report, with a real store, real documents and a real decoder process."""

import gzip
import io
import os
import select
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pyarrow as pa
import pytest

from services.database import Database
from services.documents.sql import SqlDocumentStore
from services.errors import (
    BackendTimeout,
    BackendUnavailable,
    Forbidden,
    InvalidInput,
    NotFound,
    QuotaExceeded,
    StorageFull,
    TooLarge,
)
from services.ingest import decoder_process, uploads
from services.ingest.options import Defaults, IngestLimits, ParseOptions
from services.ingest.pipeline import Chunk, LineProblem
from services.ingest.upload_problems import LISTED_PROBLEMS, UploadProblems
from services.ingest.uploads import SpooledFile, Upload, Uploads
from services.log_store.duckdb.store import DuckDBLogStore
from services.log_store.interface import LogQuery
from services.principal import SCOPES_OF_ROLE, Principal, Role
from services.query.tree import Field
from tests.clocks import HandClock
from tests.databases import sqlite

__all__ = ["sqlite"]

EDITOR = Principal("u1", "ann", "acme", Role.EDITOR, SCOPES_OF_ROLE[Role.EDITOR])
LINES = b"".join(b'{"message":"line %d","level":"info"}\n' % number for number in range(500))
LONG_LINES = b"".join(b'{"message":"%d%s"}\n' % (number, b" word" * 8_000) for number in range(500))
LIMITS = IngestLimits(chunk_rows=100)
ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Place:
    """Everything that uploads need, over one folder."""

    folder: Path
    store: DuckDBLogStore
    documents: SqlDocumentStore
    started: list[tuple[str, str]] = field(default_factory=list)
    queue: "SimpleQueue[tuple[str, str]]" = field(default_factory=SimpleQueue)

    def __post_init__(self) -> None:
        self.uploads = self.again()

    def accept(
        self, content: bytes, name: str = "app.ndjson", defaults: Defaults | None = None, **options: Any
    ) -> Upload:
        path = self.folder / "incoming"
        path.write_bytes(content)
        spooled = SpooledFile(path, name, len(content))
        return self.uploads.accept(EDITOR, spooled, defaults or Defaults(), ParseOptions(**options))

    def upload(
        self, content: bytes, name: str = "app.ndjson", defaults: Defaults | None = None, **options: Any
    ) -> Upload:
        """Accepted and read to its end."""
        accepted = self.accept(content, name, defaults, **options)
        self.uploads.process("acme", accepted.id)
        return self.uploads.get(EDITOR, accepted.id)

    def worked_on(self, upload_id: str) -> Upload:
        """The upload when workers have done all that was started."""
        while self.uploads.get(EDITOR, upload_id).state in ("queued", "running"):
            self.uploads.process(*self.queue.get(timeout=30))
        return self.uploads.get(EDITOR, upload_id)

    def again(self) -> Uploads:
        """As the next process has it."""
        return Uploads(self.store, self.documents, HandClock(), self.folder / "spool", LIMITS, self.start)

    def start(self, *task: str) -> None:
        self.started.append((task[0], task[1]))
        self.queue.put((task[0], task[1]))

    def count(self, upload_id: str) -> int:
        return self.store.search("acme", LogQuery(query=Field("upload_id", upload_id), limit=1)).total or 0

    def spooled(self) -> list[str]:
        return [each.name for each in (self.folder / "spool").iterdir()]


@pytest.fixture
def place(tmp_path: Path, sqlite: Database) -> Iterator[Place]:
    store, documents = DuckDBLogStore(tmp_path / "logs", HandClock()), SqlDocumentStore(sqlite)
    place = Place(tmp_path, store, documents)
    yield place
    place.uploads.stop()
    store.close()


def test_an_upload_is_kept_queued_read_and_told(place: Place) -> None:
    defaults = Defaults(service="shop", tags=("a",), metadata={"run": 7})
    accepted = place.accept(LINES, "dir\\app.ndjson", defaults)
    assert (accepted.state, accepted.name, accepted.size_bytes) == ("queued", "app.ndjson", len(LINES))
    assert place.spooled() == [accepted.id]
    assert place.started == [("acme", accepted.id)]
    assert not (place.folder / "incoming").exists()
    place.uploads.process("acme", accepted.id)
    done = place.uploads.get(EDITOR, accepted.id)
    assert (done.state, done.rows, done.problems, done.format) == ("done", 500, 0, "ndjson")
    assert (done.done_bytes, done.error, done.source) == (len(LINES), None, "app.ndjson")
    assert place.spooled() == []
    record = place.store.search("acme", LogQuery(limit=1)).records[0]
    assert (record["upload_id"], record["service"], record["tags"]) == (done.id, "shop", ["a"])
    assert record["attributes"] == '{"run":7}'
    assert place.count(done.id) == 500


def test_a_second_call_stores_nothing_twice(place: Place) -> None:
    done = place.upload(LINES)
    place.uploads.process("acme", done.id)
    place.uploads.process("acme", "no such upload")
    assert place.count(done.id) == 500


def test_problems_are_listed_with_line_reason_and_sample_and_counted_by_reason(place: Place) -> None:
    content = LINES + b"{bad\n" + LINES + b"[1,\n" + b'{"message":"x","time":"soon"}\n'
    done = place.upload(content)
    assert (done.rows, done.problems) == (1003, 3)
    listed = place.uploads.problems(EDITOR, done.id)
    assert [(each.line, each.sample[:4]) for each in listed] == [(501, "{bad"), (1002, "[1,"), (1003, "x")]
    assert sum(done.reasons.values()) == 3
    assert len(done.reasons) == 3


def test_a_broken_file_of_many_lines_lists_the_first_problems_and_counts_all(place: Place) -> None:
    done = place.upload(b"{bad\n" * 2000)
    assert (done.state, done.rows, done.problems) == ("done", 2000, 2000)
    assert len(place.uploads.problems(EDITOR, done.id)) == LISTED_PROBLEMS
    assert sum(done.reasons.values()) == 2000


def test_packed_files_are_read_and_a_truncated_one_keeps_what_could_be_read(place: Place) -> None:
    assert place.upload(gzip.compress(LINES), "a.log.gz").rows == 500
    content = gzip.compress(b"".join(b"%s %d\n" % (os.urandom(30).hex().encode(), n) for n in range(500)))
    cut = place.upload(content[:-4000], "a.gz")
    assert cut.state == "done"
    assert 300 < cut.rows < 500
    assert "ends early" in place.uploads.problems(EDITOR, cut.id)[-1].reason


def test_an_empty_file_is_done_with_nothing(place: Place) -> None:
    assert (place.upload(b"").state, place.upload(b"\n\n").rows) == ("done", 0)


@pytest.mark.parametrize("content", [b"\x7fELF" + bytes(100), b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_binary_files_are_refused_at_once(place: Place, content: bytes) -> None:
    with pytest.raises(InvalidInput, match="not a log file"):
        place.accept(content, "a.bin")
    assert place.uploads.list(EDITOR) == ([], 0)
    assert not (place.folder / "incoming").exists()


def test_a_packed_binary_and_a_bomb_fail_with_a_sentence(place: Place) -> None:
    failed = place.upload(gzip.compress(b"\x7fELF" + bytes(100)), "a.gz")
    assert (failed.state, failed.rows) == ("failed", 0)
    assert "not a log file" in (failed.error or "")
    bomb = place.upload(gzip.compress(bytes(300 << 20), 9), "bomb.gz")
    assert bomb.state == "failed"
    assert place.spooled() == []


@pytest.mark.parametrize("content", [b"just text\n", b"a,b,c\n1,2,3\n", b"[" * 3000, b"2026-01-01T00:00:00Z INFO x\n"])
@pytest.mark.parametrize("name", ["x.json", "x.csv", "x.log"])
def test_any_small_text_becomes_records(place: Place, content: bytes, name: str) -> None:
    done = place.upload(content, name)
    assert done.state == "done"
    assert place.count(done.id) == done.rows > 0


def test_what_an_earlier_process_left_is_resumed_and_orphans_go(place: Place) -> None:
    first, second = place.accept(LINES), place.accept(LINES)
    place.uploads.process("acme", first.id)
    orphan = place.folder / "spool" / ("0" * 32)
    orphan.write_bytes(b"x")
    place.started.clear()
    assert place.uploads.resume_all() == 1
    assert place.started == [("acme", second.id)]
    assert place.spooled() == [second.id]


def test_an_upload_resumes_behind_what_is_stored(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = place.accept(LINES[:-1] + b"\n{bad\n")
    append, calls = place.store.append, 0

    def failing(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return append(*args, **more)

    monkeypatch.setattr(place.store, "append", failing)
    with pytest.raises(KeyboardInterrupt):
        place.uploads.process("acme", accepted.id)
    assert place.count(accepted.id) == 200
    assert place.uploads.get(EDITOR, accepted.id).state == "running"
    place.uploads.process("acme", accepted.id)
    done = place.uploads.get(EDITOR, accepted.id)
    assert (done.state, done.rows, done.problems) == ("done", 501, 1)
    assert place.count(accepted.id) == 501
    assert [each.line for each in place.uploads.problems(EDITOR, accepted.id)] == [501]


def failing_append(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception, fails: Callable[[int], bool]
) -> None:
    append, calls = place.store.append, 0

    def sometimes(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if fails(calls):
            raise error
        return append(*args, **more)

    monkeypatch.setattr(place.store, "append", sometimes)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is tried again at once."""
    monkeypatch.setattr(uploads, "PAUSES_S", (0.0,))


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "error",
    [
        StorageFull("The disk is full."),
        QuotaExceeded("Too much."),
        BackendTimeout("Too slow."),
        BackendUnavailable("Away."),
        OSError(24, "Too many open files"),
    ],
)
def test_what_passes_is_waited_for_and_then_everything_is_stored_once(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(error, "retry_after_s", 0, raising=False)
    failing_append(place, monkeypatch, error, lambda call: call in (3, 4))
    waiting = place.upload(LINES)
    assert (waiting.state, waiting.rows) == ("queued", 200)
    assert (waiting.error or "").lower() == f"waiting: {getattr(error, 'strerror', error)}".lower().rstrip(".") + "."
    assert place.spooled() == [waiting.id]
    done = place.worked_on(waiting.id)
    assert (done.state, done.error, done.rows, place.count(done.id)) == ("done", None, 500, 500)
    assert place.spooled() == []


@pytest.mark.usefixtures("at_once")
def test_an_upload_that_waits_can_be_deleted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_append(place, monkeypatch, StorageFull("The disk is full."), lambda call: call > 1)
    waiting = place.upload(LINES)
    assert place.uploads.delete(EDITOR, waiting.id, with_logs=True) == 100
    place.uploads.process("acme", waiting.id)
    assert (place.uploads.list(EDITOR)[1], place.spooled()) == (0, [])


@pytest.mark.usefixtures("at_once")
def test_an_error_that_nobody_expected_fails_and_keeps_the_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_append(place, monkeypatch, ZeroDivisionError(), lambda call: call > 2)
    failed = place.upload(LINES)
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.endswith("The 200 records before are stored. The file is kept until the upload is deleted.")
    assert place.uploads.resume_all() == 0
    assert place.spooled() == [failed.id]
    place.uploads.delete(EDITOR, failed.id)
    assert place.spooled() == []


@pytest.mark.usefixtures("at_once")
def test_a_decoder_that_always_dies_is_given_up_and_the_file_is_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_process.sys, "executable", "/bin/false")
    accepted = place.accept(LINES)
    failed = place.worked_on(accepted.id)
    assert failed.state == "failed"
    assert "process that reads the file failed" in (failed.error or "")
    assert place.started == [("acme", accepted.id)] * uploads.READERS
    assert place.spooled() == [failed.id]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_decoder_that_is_killed_is_replaced(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    started = started_decoders(monkeypatch)
    append = place.store.append

    def killing(*args: Any, **more: Any) -> Any:
        if len(started) == 1:
            started[0].process.send_signal(number)
            started[0].process.wait(10)
        return append(*args, **more)

    monkeypatch.setattr(place.store, "append", killing)
    accepted = place.accept(LONG_LINES)  # more than the pipe between the two holds
    done = place.worked_on(accepted.id)
    assert (done.state, done.rows, place.count(done.id)) == ("done", 500, 500)
    assert len(started) == 2


def test_the_end_of_the_server_leaves_the_upload_open(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    append, reading = place.store.append, threading.Event()
    ending = threading.Event()

    def slow(*args: Any, **more: Any) -> Any:
        reading.set()
        ending.wait(20)
        return append(*args, **more)

    accepted = place.accept(LINES)
    with monkeypatch.context() as slowly:
        slowly.setattr(place.store, "append", slow)
        thread = threading.Thread(target=place.uploads.process, args=("acme", accepted.id))
        thread.start()
        assert reading.wait(20)
        place.uploads.stop(timeout_s=0)
        ending.set()
        thread.join(20)
    assert place.uploads.get(EDITOR, accepted.id).state == "running"
    assert place.spooled() == [accepted.id]
    place.uploads = place.again()
    place.uploads.resume_all()
    assert place.worked_on(accepted.id).rows == place.count(accepted.id) == 500


def test_one_upload_of_an_organisation_is_read_at_a_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = place.accept(LINES), place.accept(LINES)
    append, others = place.store.append, [second.id]

    def meanwhile(*args: Any, **more: Any) -> Any:
        if others:
            place.started.clear()
            place.uploads.process("acme", others.pop())
            assert place.uploads.get(EDITOR, second.id).state == "queued"
            place.uploads.process("other", "an upload of another organisation is let in")
        return append(*args, **more)

    monkeypatch.setattr(place.store, "append", meanwhile)
    place.uploads.process("acme", first.id)
    assert place.started == [("acme", second.id)]
    assert place.worked_on(second.id).state == "done"


def test_what_was_being_deleted_is_deleted_by_the_workers(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PAUSES_S", (60.0,))
    done = place.upload(LINES)
    with monkeypatch.context() as away:
        away.setattr(place.store, "delete", _away)
        with pytest.raises(BackendUnavailable):
            place.uploads.delete(EDITOR, done.id, with_logs=True)
        place.started.clear()
        assert place.uploads.resume_all() == 1
    assert place.started == [("acme", done.id)]
    place.uploads.process("acme", done.id)
    assert (place.count(done.id), place.uploads.list(EDITOR)[1]) == (0, 0)


@pytest.mark.usefixtures("at_once")
def test_a_deletion_that_the_store_could_not_do_is_tried_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    done = place.upload(LINES)
    place.queue.get()
    with monkeypatch.context() as away:
        away.setattr(place.store, "delete", _away)
        with pytest.raises(BackendUnavailable):
            place.uploads.delete(EDITOR, done.id, with_logs=True)
    place.uploads.process(*place.queue.get(timeout=20))
    assert (place.count(done.id), place.uploads.list(EDITOR)[1]) == (0, 0)


def _away(*_: Any) -> int:
    raise BackendUnavailable("Away.")


def test_a_reader_that_says_nothing_is_ended_by_a_deletion(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    started = started_decoders(monkeypatch)
    place.uploads.expect()
    started[0].process.send_signal(signal.SIGSTOP)
    accepted = place.accept(LINES)
    thread = threading.Thread(target=place.uploads.process, args=("acme", accepted.id))
    thread.start()
    while place.uploads.get(EDITOR, accepted.id).state == "queued":
        thread.join(0.01)
    place.uploads.delete(EDITOR, accepted.id)
    thread.join(20)
    assert not thread.is_alive()
    assert started[0].process.poll() is not None
    assert (place.uploads.list(EDITOR)[1], place.spooled()) == (0, [])


def test_a_reader_ignores_the_signals_of_the_group_and_ends_with_the_server() -> None:
    code = "import sys, time; from services.ingest.decoder_process import _Decoder; "
    code += "print(_Decoder.start().process.pid, flush=True); sys.stdin.read()"
    server = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert server.stdout is not None
    reader = os.pidfd_open(int(server.stdout.readline()))
    os.killpg(server.pid, signal.SIGINT)
    os.killpg(server.pid, signal.SIGKILL)
    server.communicate()
    assert select.select([reader], [], [], 20)[0]
    os.close(reader)


@pytest.mark.parametrize("sample", ["x" * 400, "\U0001f600" * 400])
def test_any_number_of_kinds_of_problems_is_told_in_a_bounded_document(place: Place, sample: str) -> None:
    told = UploadProblems(place.documents)
    for number in range(300):
        reasons = [f"reason {number} {each} {sample}" for each in range(20)]
        problems = [LineProblem(each, reason, sample[:200]) for each, reason in enumerate(reasons)]
        batch = pa.table({"n": [1]}) if number % 2 else pa.table({"n": []})
        chunk = Chunk(batch, number, 0, "", problems, 20, dict.fromkeys(reasons, 1))
        told.add("acme", "u", chunk, number - 1)
        told.add("acme", "u", chunk, number - 1)
    reasons_told = told.reasons("acme", "u")
    assert sum(reasons_told.values()) == 6000
    assert len(reasons_told) == 101
    assert reasons_told["other"] == 5900
    assert 50 < len(told.listed("acme", "u")) <= 500


def test_times_that_cannot_be_read_are_one_kind_of_problem(place: Place) -> None:
    lines = "".join(f"2026-13-{day:02d} 03:04:05,123 ERROR [main] a.B: text\n" for day in range(1, 99))
    good = "".join(f"2026-01-02 03:04:05,{ms:03d} ERROR [main] a.B: text\n" for ms in range(200))
    done = place.upload((good + lines).encode(), "x.log")
    assert (done.state, done.rows) == ("done", 298)
    assert len(done.reasons) <= 1


def test_a_problem_list_that_cannot_be_kept_stops_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    put = place.documents.put

    def refusing(organisation_id: str, collection: str, *rest: Any) -> None:
        if collection == uploads.PROBLEMS:
            raise TooLarge("The document is larger than 1 MB.")
        put(organisation_id, collection, *rest)

    monkeypatch.setattr(place.documents, "put", refusing)
    done = place.upload(LINES + b"{bad\n")
    assert (done.state, done.rows, done.problems) == ("done", 501, 1)


def test_progress_moves_with_what_is_stored(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    append, shown = place.store.append, []

    def looking(*args: Any, **more: Any) -> Any:
        shown.append(place.uploads.list(EDITOR)[0][0].done_bytes)
        return append(*args, **more)

    monkeypatch.setattr(place.store, "append", looking)
    place.upload(LONG_LINES)
    assert shown[0] == 0
    assert len(set(shown)) > 3


def started_decoders(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every decoder process that is started from now on."""
    found: list[Any] = []
    start = decoder_process._Decoder.start

    def noted() -> Any:
        found.append(start())
        return found[-1]

    monkeypatch.setattr(decoder_process._Decoder, "start", noted)
    return found


def test_an_announced_file_is_read_by_the_process_that_was_started_for_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = started_decoders(monkeypatch)
    place.uploads.expect()
    place.uploads.expect()
    assert place.upload(LINES).rows == 500
    assert len(started) == 1
    assert place.upload(LINES).rows == 500
    assert [each.process.poll() is not None for each in started] == [True, True]


def test_a_process_that_died_while_it_waited_is_replaced(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    started = started_decoders(monkeypatch)
    place.uploads.expect()
    started[0].process.kill()
    started[0].process.wait()
    assert place.upload(LINES).rows == 500


def test_a_file_that_never_comes_leaves_no_process(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "SPARE_S", 0.0)
    started = started_decoders(monkeypatch)
    place.uploads.expect()
    started[0].process.wait(10)


def test_a_decoder_that_grows_too_large_is_ended(tmp_path: Path, place: Place) -> None:
    limits = IngestLimits(decoder_bytes=100 << 20)
    small = Uploads(place.store, place.documents, HandClock(), tmp_path / "spool", limits, lambda *_: None)
    place.uploads = small
    failed = place.upload(LINES * 3000)
    assert failed.state == "failed"
    assert (failed.error or "").startswith("Reading the file takes more memory than is allowed.")
    assert place.spooled() == [failed.id]


def test_tags_and_metadata_change_the_upload_only(place: Place) -> None:
    done = place.upload(LINES[:38], defaults=Defaults(tags=("a",)))
    changed = place.uploads.update(EDITOR, done.id, tags=["b"], metadata={"x": 1})
    assert (changed.tags, changed.metadata) == (("b",), {"x": 1})
    assert place.uploads.update(EDITOR, done.id).tags == ("b",)
    assert place.store.search("acme", LogQuery()).records[0]["tags"] == ["a"]


def test_deleting_takes_the_records_along_on_request(place: Place) -> None:
    kept, gone = place.upload(LINES), place.upload(LINES)
    assert place.uploads.delete(EDITOR, gone.id, with_logs=True) == 500
    assert place.uploads.delete(EDITOR, kept.id) == 0
    assert place.store.usage("acme").records == 500
    with pytest.raises(NotFound):
        place.uploads.get(EDITOR, gone.id)


def test_an_upload_that_is_being_read_can_be_deleted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted, append, reading = place.accept(LINES * 4), place.store.append, threading.Event()
    deleting = threading.Event()

    def slow(*args: Any, **more: Any) -> Any:
        reading.set()
        deleting.wait(10)
        return append(*args, **more)

    monkeypatch.setattr(place.store, "append", slow)
    thread = threading.Thread(target=place.uploads.process, args=("acme", accepted.id))
    thread.start()
    assert reading.wait(20)
    threading.Timer(0.2, deleting.set).start()
    place.uploads.delete(EDITOR, accepted.id, with_logs=True)
    thread.join(20)
    assert place.store.usage("acme").records == 0
    assert place.uploads.list(EDITOR) == ([], 0)
    assert place.spooled() == []


def test_others_and_viewers_get_nothing(place: Place) -> None:
    done = place.upload(LINES[:38])
    other, viewer = replace(EDITOR, organisation_id="other"), replace(EDITOR, role=Role.VIEWER)
    assert place.uploads.list(other) == ([], 0)
    for call in (place.uploads.get, place.uploads.problems, place.uploads.update, place.uploads.delete):
        with pytest.raises(NotFound):
            call(other, done.id)
    with pytest.raises(Forbidden):
        place.uploads.update(viewer, done.id)
    with pytest.raises(Forbidden):
        place.uploads.preview(viewer, LINES, "x", ParseOptions())


def test_a_preview_shows_the_first_rows_and_keeps_nothing(place: Place) -> None:
    shown = place.uploads.preview(EDITOR, LINES + b"{bad", "a.ndjson", ParseOptions(), rows=3)
    assert (shown.format, len(shown.rows), shown.details["records"]) == ("ndjson", 3, 501)
    assert shown.rows[0]["message"] == "line 0"
    assert [each.line for each in shown.problems] == [501]
    assert place.uploads.preview(EDITOR, b"", "a", ParseOptions()).rows == []
    head = (LINES * 20)[: 256 << 10]
    assert place.uploads.preview(EDITOR, head, "a", ParseOptions()).problems == []
    assert place.uploads.list(EDITOR)[1] == place.store.usage("acme").records == 0


def test_a_preview_is_bounded_however_much_is_packed(place: Place) -> None:
    for content in (b"\n" * (200 << 20), b"0" * (50 << 20), b"0\n" * (25 << 20)):
        packed = gzip.compress(content, 1)[: 256 << 10]
        began = time.perf_counter()
        shown = place.uploads.preview(EDITOR, packed, "a.gz", ParseOptions())
        assert time.perf_counter() - began < 3
        assert shown.details["records"] <= 20_000
    with pytest.raises(InvalidInput):
        place.uploads.preview(EDITOR, gzip.compress(gzip.compress(LINES)), "a.gz.gz", ParseOptions())


def test_a_preview_reads_packed_files_and_archives(place: Place) -> None:
    packed = gzip.compress(LINES * 200)
    assert place.uploads.preview(EDITOR, packed, "a.ndjson.gz", ParseOptions()).rows[0]["message"] == "line 0"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as entries:
        entries.writestr("picture.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100)
        entries.writestr("a.ndjson", LINES)
    shown = place.uploads.preview(EDITOR, archive.getvalue(), "a.zip", ParseOptions())
    assert (shown.format, shown.details["records"]) == ("ndjson", 500)
    cut = place.uploads.preview(EDITOR, archive.getvalue()[:200], "a.zip", ParseOptions())
    assert (cut.rows, len(cut.problems)) == ([], 1)


def test_a_preview_takes_a_zip_whole_up_to_two_megabytes(place: Place) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as entries:
        entries.writestr("noise.bin", b"\0" * (300 << 10))
        entries.writestr("a.ndjson", LINES)
    assert place.uploads.preview(EDITOR, archive.getvalue(), "a.zip", ParseOptions()).details["records"] == 500
    with pytest.raises(TooLarge):
        place.uploads.preview(EDITOR, archive.getvalue() + b"\0" * (2 << 20), "a.zip", ParseOptions())


def test_a_preview_refuses_long_heads_impossible_options_and_crowds(place: Place) -> None:
    with pytest.raises(TooLarge):
        place.uploads.preview(EDITOR, b"x" * ((256 << 10) + 1), "a", ParseOptions())
    for options in (ParseOptions(delimiter="€"), ParseOptions(timezone="Mars"), ParseOptions(encoding="ebcdic")):
        with pytest.raises(InvalidInput):
            place.uploads.preview(EDITOR, LINES, "a", options)
    slots = place.uploads._previews
    with slots, slots, pytest.raises(QuotaExceeded):
        place.uploads.preview(EDITOR, LINES, "a", ParseOptions())
    assert place.uploads.preview(EDITOR, LINES, "a", ParseOptions()).rows


def test_files_that_come_together_are_taken_together_or_not_at_all(place: Place) -> None:
    def spooled(*contents: bytes) -> list[SpooledFile]:
        paths = [place.folder / f"in{number}" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        return [SpooledFile(path, path.name, path.stat().st_size) for path in paths]

    with pytest.raises(InvalidInput):
        place.uploads.accept_all(EDITOR, spooled(LINES, b"\x89PNG\r\n"), Defaults(), ParseOptions())
    gone = spooled(LINES, LINES)
    gone[1].path.unlink()
    with pytest.raises(OSError):
        place.uploads.accept_all(EDITOR, gone, Defaults(), ParseOptions())
    with pytest.raises(StorageFull):  # the second is the first, which is moved away by then
        place.uploads.accept_all(EDITOR, spooled(LINES) * 2, Defaults(), ParseOptions())
    assert (place.uploads.list(EDITOR), place.started) == (([], 0), [])
    assert not (place.folder / "spool").exists() or place.spooled() == []
    assert len(place.uploads.accept_all(EDITOR, spooled(LINES, LINES), Defaults(), ParseOptions())) == 2
    assert len(place.started) == 2
