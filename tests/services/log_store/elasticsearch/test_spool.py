"""The spool as its users see it: what is acknowledged is handed out, in order, until it is done."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from services.database import Database
from services.errors import BackendUnavailable, Conflict, QuotaExceeded
from services.log_store.elasticsearch.bookkeeping import Bookkeeping
from services.log_store.elasticsearch.frame import Frame
from services.log_store.elasticsearch.spool import Spool
from services.log_store.interface import Idempotency, UploadProgress
from services.model import CODED_SCHEMA, LOG_SCHEMA, record_id
from tests.clocks import HandClock
from tests.records import batch, messages, record

Open = Callable[..., Spool]
LARGE = 1 << 30


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def open_spool(tmp_path: Path, database: Database, clock: HandClock) -> Iterator[Open]:
    """Opens the spool in one folder; the one before must be closed."""
    opened: list[Spool] = []

    def opening(**settings: int) -> Spool:
        folder = tmp_path / "spool"
        spool = Spool(folder, clock, Bookkeeping(database, clock), **{"max_bytes": LARGE, **settings})
        opened.append(spool)
        return spool

    yield opening
    for spool in opened:
        spool.close()


@pytest.fixture
def spool(open_spool: Open) -> Spool:
    return open_spool()


def taken(spool: Spool) -> list[Frame]:
    """All that waits."""
    frames: list[Frame] = []
    while more := spool.take(1 << 20, 0):
        frames += more
    return frames


def texts(frames: list[Frame]) -> list[str]:
    return [text for frame in frames for text in frame.batch.column("message").to_pylist()]


def test_what_is_appended_is_taken_with_its_seq(spool: Spool) -> None:
    appended = spool.append("acme", messages(3))
    (frame,) = spool.take(LARGE, 1)
    assert (frame.organisation_id, frame.rows, frame.in_doubt) == ("acme", 3, False)
    assert frame.batch.column("message").to_pylist() == ["message 0", "message 1", "message 2"]
    rows = frame.batch.select(["timestamp", "seq"]).set_column(
        0, "timestamp", frame.batch.column("timestamp").cast(pa.int64())
    )
    assert [record_id(row["timestamp"], row["seq"]) for row in rows.to_pylist()] == list(appended.ids)
    assert frame.batch.column("seq")[-1].as_py() == frame.last_seq == spool.pending("acme").last_seq


def test_a_repeated_key_is_answered_alike(open_spool: Open) -> None:
    spool = open_spool()
    first = spool.append("acme", messages(3), Idempotency("k", "hash"))
    again = spool.append("acme", messages(3), Idempotency("k", "hash"))
    spool.close()
    spool = open_spool()
    later = spool.append("acme", messages(3), Idempotency("k", "hash"))
    assert [first.replayed, again.replayed, later.replayed] == [False, True, True]
    assert list(first.ids) == list(again.ids) == list(later.ids)
    assert len(texts(taken(spool))) == 3
    with pytest.raises(Conflict):
        spool.append("acme", messages(3), Idempotency("k", "other"))


def test_upload_progress_is_the_last_one(open_spool: Open) -> None:
    spool = open_spool()
    assert spool.upload_progress("acme", "u") is None
    spool.append("acme", messages(2), upload=UploadProgress("u", 100, 2, 0))
    spool.append("acme", messages(0), upload=UploadProgress("u", 250, 5, 1))
    assert spool.upload_progress("acme", "u") == UploadProgress("u", 250, 5, 1)
    spool.close()
    assert open_spool().upload_progress("acme", "u") == UploadProgress("u", 250, 5, 1)


def test_frames_that_are_not_done_come_again_after_a_restart(open_spool: Open) -> None:
    spool = open_spool()
    for number in range(4):
        spool.append("acme", batch(record(f"number {number}")))
    frames = taken(spool)
    spool.done([frames[0], frames[2]])
    assert spool.pending("acme").records == 2
    spool.close()
    spool = open_spool()
    assert spool.pending("acme").records == 2
    again = taken(spool)
    assert texts(again) == ["number 1", "number 3"]
    assert all(frame.in_doubt for frame in again)
    spool.done(again)
    spool.append("acme", messages(1))
    assert (spool.pending().records, spool.state().segments) == (1, 1)
