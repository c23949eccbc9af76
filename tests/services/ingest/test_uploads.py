"""Uploads from the file on disk to the report, with a real store, real documents and a real decoder process."""

import gzip
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from services.database import Database
from services.documents.sql import SqlDocumentStore
from services.errors import BackendUnavailable, Forbidden, InvalidInput, NotFound, StorageFull
from services.ingest import decoder_process, uploads
from services.ingest.options import Defaults, IngestLimits, ParseOptions
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


@dataclass
class Place:
    """Everything that uploads need, over one folder."""

    folder: Path
    store: DuckDBLogStore
    documents: SqlDocumentStore
    uploads: Uploads
    started: list[tuple[str, str]]

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

    def count(self, upload_id: str) -> int:
        return self.store.search("acme", LogQuery(query=Field("upload_id", upload_id), limit=1)).total or 0

    def spooled(self) -> list[str]:
        return [each.name for each in (self.folder / "spool").iterdir()]


@pytest.fixture
def place(tmp_path: Path, sqlite: Database) -> Iterator[Place]:
    store, documents = DuckDBLogStore(tmp_path / "logs", HandClock()), SqlDocumentStore(sqlite)
    started: list[tuple[str, str]] = []
    limits = IngestLimits(chunk_rows=100)
    made = Uploads(store, documents, HandClock(), tmp_path / "spool", limits, lambda *args: started.append(args))
    yield Place(tmp_path, store, documents, made, started)
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
    assert len(place.uploads.problems(EDITOR, done.id)) == uploads.LISTED_PROBLEMS
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


def test_a_full_disk_fails_with_a_sentence_that_says_what_is_stored(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_append(place, monkeypatch, StorageFull("The disk is full."), lambda call: call > 2)
    failed = place.upload(LINES)
    assert (failed.state, failed.rows) == ("failed", 200)
    assert failed.error == "The disk is full. The 200 records before are stored."
    assert place.count(failed.id) == 200


def test_a_store_that_is_away_for_a_moment_is_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "RETRIES_S", (0.0, 0.0))
    failing_append(place, monkeypatch, BackendUnavailable("away"), lambda call: call in (2, 3))
    done = place.upload(LINES)
    assert (done.state, done.rows, place.count(done.id)) == ("done", 500, 500)


def test_a_store_that_stays_away_leaves_the_upload_open(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "RETRIES_S", (0.0,))
    with monkeypatch.context() as away:
        failing_append(place, away, BackendUnavailable("away"), lambda call: call > 1)
        open_ = place.upload(LINES)
    assert open_.state == "running"
    assert place.spooled() == [open_.id]
    place.uploads.process("acme", open_.id)
    assert place.count(open_.id) == 500


def test_a_decoder_that_dies_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process.sys, "executable", "/bin/false")
    failed = place.upload(LINES)
    assert failed.state == "failed"
    assert "failed" in (failed.error or "")


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
    assert (failed.state, failed.error) == ("failed", "Reading the file takes more memory than is allowed.")


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
