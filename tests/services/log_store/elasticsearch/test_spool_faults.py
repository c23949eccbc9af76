"""A disk that refuses: nothing is acknowledged then, what was acknowledged stays, and writing comes back."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from services.errors import BackendUnavailable, QuotaExceeded, StorageFull
from services.log_store.elasticsearch import spool_acks, spool_group, spool_writer
from services.log_store.elasticsearch.spool import Spool
from services.log_store.interface import Idempotency
from tests.records import batch, messages, record
from tests.services.log_store.elasticsearch.spools import Open, clock, open_spool, segments, taken, texts

__all__ = ["clock", "open_spool"]


class Disk:
    """Stands before the real calls; `failing` is the error that the next ones raise."""

    def __init__(self) -> None:
        self.failing: int | None = None
        self.short = 0

    def sync(self, file: int) -> None:
        self._fail()
        os.fdatasync(file)

    def pwritev(self, file: int, pieces: list[memoryview], offset: int) -> int:
        if self.failing is not None and self.short:
            os.pwrite(file, b"".join(pieces)[: self.short], offset)
        self._fail()
        return PWRITEV(file, pieces, offset)

    def _fail(self) -> None:
        if self.failing is not None:
            raise OSError(self.failing, os.strerror(self.failing))


PWRITEV: Callable[..., int] = os.pwritev


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, StorageFull), (errno.EIO, BackendUnavailable)])
@pytest.mark.parametrize("at", ["write", "sync"])
def test_a_write_that_fails_is_refused_and_leaves_nothing(
    open_spool: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk, number: int, kind: type, at: str
) -> None:
    if at == "write":
        monkeypatch.setattr(os, "pwritev", disk.pwritev)
        spool = open_spool()
    else:
        spool = open_spool(fsync=disk.sync)
    spool.append("acme", batch(record("before")))
    disk.failing, disk.short = number, 900
    for _ in range(3):
        with pytest.raises(kind):
            spool.append("acme", batch(record("refused")), Idempotency("k", "h"))
    assert spool.state().failure
    disk.failing = None
    assert not spool.append("acme", batch(record("after")), Idempotency("k", "h")).replayed
    assert spool.state().failure == ""
    assert texts(taken(spool)) == ["before", "after"]
    spool.close()
    spool = open_spool()
    assert texts(taken(spool)) == ["before", "after"]
    assert (spool.state().torn_bytes, spool.state().damaged) == (0, 0)
    assert len(segments(tmp_path / "spool")) == (1 if at == "write" else 2)  # a file is not trusted after a failed sync


def test_a_segment_that_cannot_be_cut_ends_where_the_next_one_says(
    open_spool: Open, monkeypatch: pytest.MonkeyPatch, disk: Disk
) -> None:
    def refuse(file: int, length: int) -> None:
        raise OSError(errno.EIO, "no")

    spool = open_spool(fsync=disk.sync)
    monkeypatch.setattr(os, "ftruncate", refuse)
    spool.append("acme", batch(record("before")))
    disk.failing = errno.EIO
    with pytest.raises(BackendUnavailable):
        spool.append("acme", batch(record("refused")))
    disk.failing = None
    spool.append("acme", batch(record("after")))
    spool.close()
    assert texts(taken(open_spool())) == ["before", "after"]


def test_a_spool_whose_first_segment_cannot_be_made_works_later(open_spool: Open, tmp_path: Path, disk: Disk) -> None:
    disk.failing = errno.ENOSPC
    spool = open_spool(fsync=disk.sync)
    for _ in range(3):
        with pytest.raises(StorageFull):
            spool.append("acme", messages(1))
    assert segments(tmp_path / "spool") == []
    disk.failing = None
    spool.append("acme", messages(1))
    assert len(taken(spool)) == 1


def test_one_bad_write_of_a_group_hurts_no_other(open_spool: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = spool_group.packed

    def refusing(header: object, records: object, salt: bytes) -> object:
        if "poison" in records.column("message").to_pylist():  # type: ignore[attr-defined]
            raise ValueError("cannot be packed")
        return packed(header, records, salt)  # type: ignore[arg-type]

    monkeypatch.setattr(spool_group, "packed", refusing)
    gate = threading.Event()
    spool = open_spool(fsync=lambda file: (gate.wait(20), os.fdatasync(file))[0])
    answers: dict[str, object] = {}

    def send(number: int) -> None:
        text = "poison" if number == 5 else f"number {number}"
        try:
            answers[text] = spool.append(f"org{number % 2}", batch(record(text))).count
        except BackendUnavailable as error:
            answers[text] = error

    threads = [threading.Thread(target=send, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert isinstance(answers.pop("poison"), BackendUnavailable)
    assert set(answers.values()) == {1}
    assert sorted(texts(taken(spool))) == sorted(answers)


def test_a_batch_too_large_for_the_disk_hurts_no_smaller_one(open_spool: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def little_room(file: int, pieces: list[memoryview], offset: int) -> int:
        if offset + sum(map(len, pieces)) > 100_000:
            raise OSError(errno.ENOSPC, "full")
        return PWRITEV(file, pieces, offset)

    monkeypatch.setattr(os, "pwritev", little_room)
    gate = threading.Event()
    spool = open_spool(fsync=lambda file: (gate.wait(20), os.fdatasync(file))[0])
    outcomes: list[int] = []

    def send(rows: int) -> None:
        try:
            spool.append("acme", batch(*(record(os.urandom(300).hex()) for _ in range(rows))))
            outcomes.append(rows)
        except StorageFull:
            outcomes.append(-rows)

    threads = [threading.Thread(target=send, args=(rows,)) for rows in (1, 2, 500, 3, 4)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [-500, 1, 2, 3, 4]
    assert sum(frame.rows for frame in taken(spool)) == 10


def test_a_segment_that_cannot_be_read_back_is_kept_for_the_next_start(
    open_spool: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool(memory_bytes=0, segment_bytes=1)
    for number in range(3):
        spool.append("acme", batch(record(f"number {number}")))
    pread = os.pread
    first = segments(tmp_path / "spool")[0]

    def failing(file: int, length: int, offset: int) -> bytes:
        if os.path.samestat(os.fstat(file), first.stat()):
            raise OSError(errno.EIO, "bad sector")
        return pread(file, length, offset)

    monkeypatch.setattr(os, "pread", failing)
    frames = taken(spool)
    assert texts(frames) == ["number 1", "number 2"]
    spool.done(frames)
    assert first.exists()
    spool.close()
    monkeypatch.setattr(os, "pread", pread)
    assert texts(taken(open_spool())) == ["number 0"]


def test_a_queue_without_room_refuses_after_a_wait(open_spool: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_writer, "QUEUE_BYTES", 1)
    monkeypatch.setattr(spool_writer, "QUEUE_WAIT_S", 0.05)
    gate = threading.Event()
    spool: Spool = open_spool(fsync=lambda file: (gate.wait(20), os.fdatasync(file))[0])
    results: list[object] = []

    def send() -> None:
        try:
            results.append(spool.append("acme", messages(1)).count)
        except QuotaExceeded as error:
            results.append(error)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(0.3)
    gate.set()
    for thread in threads:
        thread.join()
    assert 1 <= results.count(1) <= 2
    assert sum(isinstance(result, QuotaExceeded) for result in results) == 4 - results.count(1)


def test_a_disk_that_takes_half_of_a_note_does_not_spoil_those_after_it(
    open_spool: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool()
    for number in range(3):
        spool.append("acme", messages(1, f"text {number}"))
    first, second, third = taken(spool)

    def half(file: int, content: bytes) -> int:
        monkeypatch.undo()
        return os.write(file, content[: len(content) // 2])

    monkeypatch.setattr(spool_acks, "os", SimpleNamespace(**{**vars(os), "write": half}))
    spool.done([first])
    spool.done([second])
    spool.close()
    assert texts(taken(open_spool())) == texts([first, third])


def test_what_is_done_is_durable_when_that_is_asked_for(
    open_spool: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = open_spool()
    spool.append("acme", messages(1))
    spool.done(taken(spool))
    spool.close()
    spool = open_spool()  # an earlier process noted it
    synced: list[str] = []

    def fsync(file: int) -> None:
        synced.append(Path(f"/proc/self/fd/{file}").readlink().suffix)

    monkeypatch.setattr(os, "fsync", fsync)
    spool.sync_done()
    assert synced == [".done", ""]
