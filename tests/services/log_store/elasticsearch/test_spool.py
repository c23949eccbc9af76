"""The spool as its users see it: what is acknowledged is handed out, in order, until it is done."""

import threading
from pathlib import Path

import pyarrow as pa
import pytest

from services.errors import BackendUnavailable, QuotaExceeded
from services.log_store.elasticsearch.spool import Spool
from services.log_store.interface import UploadProgress
from services.log_store.sequence import worker_of_seq
from services.model import CODED_SCHEMA, LOG_SCHEMA, record_id
from tests.clocks import HandClock
from tests.records import batch, messages, record
from tests.services.log_store.elasticsearch.spools import (
    LARGE,
    Open,
    clock,
    open_spool,
    segments,
    taken,
    texts,
)

__all__ = ["clock", "open_spool"]


@pytest.fixture
def spool(open_spool: Open) -> Spool:
    return open_spool()


# -- appending and taking ----------------------------------------------------------------------------------------


def test_what_is_appended_is_taken_with_its_seq(spool: Spool) -> None:
    appended = spool.append("acme", messages(3))
    (frame,) = spool.take(LARGE, 1)
    assert (frame.organisation_id, frame.rows, frame.in_doubt) == ("acme", 3, False)
    assert texts([frame]) == ["message 0", "message 1", "message 2"]
    times, seqs = frame.batch.column("timestamp").cast(pa.int64()).to_pylist(), frame.batch.column("seq").to_pylist()
    assert [record_id(*pair) for pair in zip(times, seqs, strict=True)] == list(appended.ids)
    assert (appended.first_seq, seqs[-1]) == (seqs[0], frame.last_seq)
    assert spool.pending("acme").last_seq == frame.last_seq


def test_a_batch_comes_back_as_it_went_in_from_memory_and_from_the_disk(open_spool: Open) -> None:
    odd = batch(
        record(
            "π\n" * 20_000, tags=["a", "b"], attributes='{"n":1.0}', level="error", raw="r", problem="p", upload_id="u"
        ),
        record("", tags=None, shape=None, at=-1),
    )
    coded = messages(5_000, source="s", attributes='{"a":[1,2]}').cast(CODED_SCHEMA)
    for memory_bytes in (LARGE, 0):
        spool = open_spool(f"spool{memory_bytes}", memory_bytes=memory_bytes)
        for given in (odd, coded):
            spool.append("acme", given)
        for given, frame in zip((odd, coded), taken(spool), strict=True):
            assert frame.batch.drop_columns(["seq"]).equals(given)


def test_frames_come_in_the_order_of_their_seq_whatever_the_memory_budget(open_spool: Open) -> None:
    spool = open_spool(memory_bytes=20_000, segment_bytes=30_000)
    for number in range(30):
        spool.append(f"org{number % 3}", messages(20, f"batch {number} row"))
        if number % 4 == 3:
            assert len(spool.take(1, 0)) == 1
    rest = taken(spool, 5_000)
    assert len(rest) == 23
    assert [frame.last_seq for frame in rest] == sorted(frame.last_seq for frame in rest)


def test_taking_stops_at_the_size_asked_for_but_gives_one_frame(spool: Spool) -> None:
    for _ in range(3):
        spool.append("acme", messages(100))
    (first,) = spool.take(1, 0)
    assert [frame.rows for frame in spool.take(2 * first.size_bytes, 0)] == [100, 100]
    assert spool.take(1, 0) == []


def test_taking_waits_for_the_next_frame(spool: Spool) -> None:
    threading.Timer(0.05, lambda: spool.append("acme", messages(1))).start()
    assert len(spool.take(1, 20)) == 1


def test_writes_of_many_threads_are_answered_and_stored_once(spool: Spool) -> None:
    ids: list[str] = []

    def send(thread: int) -> None:
        for number in range(30):
            ids.extend(spool.append(f"org{thread % 3}", batch(record(f"{thread} {number}"))).ids)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    frames = taken(spool)
    assert len(set(ids)) == 240
    assert sorted(texts(frames)) == sorted(f"{thread} {number}" for thread in range(8) for number in range(30))
    for frame in frames:
        owners = {f"org{int(text.split()[0]) % 3}" for text in texts([frame])}
        assert owners == {frame.organisation_id}


def test_an_empty_batch_is_answered_and_never_handed_out(spool: Spool) -> None:
    appended = spool.append("acme", messages(0), upload=UploadProgress("u", 7, 0, 0))
    assert (appended.count, list(appended.ids)) == (0, [])
    assert spool.append("acme", messages(0)).count == 0
    assert (spool.take(1, 0), spool.pending().records) == ([], 0)
    spool.append("acme", messages(1))
    assert len(taken(spool)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        pa.table({"message": ["only"]}),
        messages(2).set_column(2, "message", pa.array(["a", None])),
        messages(2).set_column(0, "timestamp", pa.array(["no", "time"])),
    ],
)
def test_a_batch_of_another_kind_is_refused_and_hurts_nobody(spool: Spool, wrong: pa.Table) -> None:
    with pytest.raises(ValueError, match="not a batch"):
        spool.append("acme", wrong)
    spool.append("acme", messages(1))
    assert len(taken(spool)) == 1


def test_columns_that_only_differ_in_what_may_be_null_are_accepted(spool: Spool) -> None:
    loose = pa.table({name: messages(2).column(name) for name in LOG_SCHEMA.names})
    spool.append("acme", loose)
    (frame,) = taken(spool)
    assert frame.batch.drop_columns(["seq"]).schema.equals(LOG_SCHEMA)


# -- after a restart ---------------------------------------------------------------------------------------------


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
    assert (texts(again), [frame.in_doubt for frame in again]) == (["number 1", "number 3"], [True, True])
    assert [frame.last_seq for frame in again] == [frames[1].last_seq, frames[3].last_seq]
    spool.append("acme", messages(1))
    assert [frame.in_doubt for frame in taken(spool)] == [False]


def test_seq_grows_over_a_clock_that_steps_back_restarts_and_an_empty_spool(open_spool: Open, clock: HandClock) -> None:
    seqs: list[int] = []

    def append(spool: Spool, rows: int) -> None:
        spool.append("acme", messages(rows))
        for frame in taken(spool):
            seqs.extend(frame.batch.column("seq").to_pylist())
            spool.done([frame])

    for rows in (1, 9_000, 2):
        spool = open_spool()
        append(spool, rows)
        clock.move(seconds=-3_600)
        append(spool, rows)
        spool.close()
        open_spool().close()
    assert seqs == sorted(set(seqs))


def test_folders_have_workers_of_their_own_that_stay_the_same(open_spool: Open) -> None:
    def worker(name: str) -> int:
        spool = open_spool(name, worker=None)
        appended = spool.append("acme", messages(1))
        spool.close()
        return worker_of_seq(appended.first_seq)

    found = [worker(f"spool{number}") for number in range(5)]
    assert len(set(found)) > 1  # one of a thousand each: all alike is once in 10^12
    assert [worker(f"spool{number}") for number in range(5)] == found


def test_the_worker_is_part_of_every_seq(open_spool: Open) -> None:
    spool = open_spool(worker=1023)
    appended = spool.append("acme", messages(5_000))
    assert worker_of_seq(appended.first_seq) == 1023
    spool.close()
    (frame,) = taken(open_spool(worker=3))  # the one that wrote it stands in the frame
    assert {worker_of_seq(seq) for seq in frame.batch.column("seq").to_pylist()} == {1023}
    with pytest.raises(ValueError, match="1023"):
        open_spool("other", worker=1024)


# -- files -------------------------------------------------------------------------------------------------------


def test_segments_are_deleted_when_all_their_frames_are_done(open_spool: Open, tmp_path: Path) -> None:
    spool = open_spool(segment_bytes=10_000)
    for _ in range(12):
        spool.append("acme", messages(20))
    assert spool.state().segments == len(segments(tmp_path / "spool")) > 3
    frames = taken(spool)
    spool.done(frames[1:])
    assert len(segments(tmp_path / "spool")) == 2  # the first is needed, the newest is always kept
    spool.done(frames)
    assert (len(segments(tmp_path / "spool")), spool.pending().records) == (1, 0)
    assert len(list((tmp_path / "spool").glob("*.done"))) <= 1


def test_a_full_spool_refuses_until_frames_are_done(open_spool: Open) -> None:
    spool = open_spool(max_bytes=100_000)
    with pytest.raises(QuotaExceeded) as refused:
        while True:
            spool.append("acme", messages(20))
    assert refused.value.retry_after_s >= 1
    frames = taken(spool)
    spool.done(frames[: len(frames) // 2])
    spool.append("acme", messages(20))
    spool.done(frames + taken(spool))
    for _ in range(150):  # many times the size, all delivered
        spool.append("acme", messages(20))
        spool.done(taken(spool))
    assert spool.state().disk_bytes <= 100_000


def test_a_second_process_cannot_have_the_folder(open_spool: Open) -> None:
    spool = open_spool()
    with pytest.raises(BackendUnavailable, match="held by another process"):
        open_spool()
    spool.close()
    open_spool()


def test_a_folder_that_cannot_be_made_is_said(open_spool: Open, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackendUnavailable, match="cannot be written"):
        open_spool("file/spool")


# -- what is pending ---------------------------------------------------------------------------------------------


def test_pending_tells_of_one_organisation_and_of_all(open_spool: Open, clock: HandClock) -> None:
    spool = open_spool(memory_bytes=0)
    began = clock.now()
    for number in range(6):
        spool.append("acme" if number % 2 == 0 else "rival", messages(10))
        clock.move(seconds=10)
    assert (spool.pending().records, spool.pending("acme").records, spool.pending("none").records) == (60, 30, 0)
    assert (spool.pending("acme").oldest_at, spool.pending("none").oldest_at) == (began, None)
    frames = taken(spool)
    spool.done(frames[:2])
    pending = spool.pending("acme")
    assert (pending.records, pending.size_bytes) == (20, frames[2].size_bytes + frames[4].size_bytes)
    assert (pending.oldest_at, pending.last_seq) == (frames[2].header.stored_at, frames[4].last_seq)
    spool.done(frames)
    assert (spool.pending().records, spool.pending().size_bytes, spool.pending().oldest_at) == (0, 0, None)


def test_the_oldest_record_gets_younger_as_frames_are_done(open_spool: Open, clock: HandClock) -> None:
    spool = open_spool()
    began = clock.now()
    for _ in range(5):
        spool.append("acme", messages(1))
        clock.move(seconds=10)
    for number in range(4):
        spool.done(spool.take(1, 0))
        age_s = (spool.pending("acme").oldest_at - began).total_seconds()
        assert number * 10 <= age_s <= (number + 1) * 10


# -- closing -----------------------------------------------------------------------------------------------------


def test_a_closed_spool_refuses_and_gives_nothing(spool: Spool) -> None:
    spool.append("acme", messages(1))
    spool.close()
    spool.close()
    with pytest.raises(BackendUnavailable):
        spool.append("acme", messages(1))
    assert spool.take(1, 5) == []


def test_closing_finishes_what_callers_wait_for(open_spool: Open) -> None:
    spool = open_spool()
    answers: list[int] = []
    refused: list[BackendUnavailable] = []
    begun = threading.Barrier(9)

    def send() -> None:
        begun.wait()
        try:
            answers.append(spool.append("acme", messages(50)).count)
        except BackendUnavailable as error:
            refused.append(error)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    begun.wait()
    spool.close()
    for thread in threads:
        thread.join()
    assert len(answers) + len(refused) == 8
    assert sum(frame.rows for frame in taken(open_spool())) == sum(answers)
