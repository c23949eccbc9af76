"""Idempotency keys and upload progress: stored once whatever happens, by whichever process, and answered alike."""

import errno
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from services.database import Database
from services.errors import BackendUnavailable, Conflict, StorageFull
from services.log_store.elasticsearch import spool_keys
from services.log_store.elasticsearch.bookkeeping import Bookkeeping, KeyOf
from services.log_store.elasticsearch.frame import packed_times, unpacked_times
from services.log_store.elasticsearch.models import StoredKey, StoredUpload
from services.log_store.elasticsearch.spool import Spool
from services.log_store.interface import Appended, Idempotency, UploadProgress
from tests.clocks import HandClock
from tests.records import batch, messages, record
from tests.services.log_store.elasticsearch.spools import LARGE, Open, clock, taken, texts

__all__ = ["clock"]

KEY = Idempotency("k", "hash")


class Tried(Bookkeeping):
    """The real one, which can be made to fail; counts how often it was asked."""

    error: Exception | None = None
    poison = "no key that is used"
    asked = 0

    def exchange(self, spool: str, **work: Any) -> Any:
        self.asked += 1
        if self.error is not None:
            raise self.error
        done = super().exchange(spool, **work)
        if any(key.key == KeyOf.of("", Idempotency(self.poison, "")).key for key in work["wanted"]):
            raise ValueError("this one is never taken")
        return done


@pytest.fixture
def books(database: Database, clock: HandClock) -> Tried:
    return Tried(database, clock)


@pytest.fixture
def open_spool(tmp_path: Path, books: Tried, clock: HandClock) -> Iterator[Open]:
    opened: list[Spool] = []

    def opening(name: str = "spool", **settings: Any) -> Spool:
        opened.append(Spool(tmp_path / name, clock, books, **{"max_bytes": LARGE, **settings}))
        return opened[-1]

    yield opening
    books.error = None
    for spool in opened:
        spool.close()


def count(database: Database, table: Any) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def forget(database: Database) -> None:
    """As if the process had been killed before it could tell the database."""
    with database.session() as session:
        session.execute(delete(StoredKey))
        session.execute(delete(StoredUpload))


# -- one process -------------------------------------------------------------------------------------------------


def test_a_repeated_key_is_answered_alike(open_spool: Open) -> None:
    spool = open_spool(worker=7)
    first = spool.append("acme", messages(300), KEY)
    again = spool.append("acme", messages(300), KEY)
    spool.close()
    spool = open_spool()
    later = spool.append("acme", messages(300), KEY)
    assert [first.replayed, again.replayed, later.replayed] == [False, True, True]
    assert (first.count, first.first_seq) == (later.count, later.first_seq)
    assert list(first.ids) == list(again.ids) == list(later.ids) == [later.ids[n] for n in range(300)]
    assert len(texts(taken(spool))) == 300


def test_a_key_with_another_payload_is_a_conflict(open_spool: Open) -> None:
    spool = open_spool()
    spool.append("acme", messages(3), KEY)
    with pytest.raises(Conflict):
        spool.append("acme", messages(2), Idempotency("k", "other"))
    assert not spool.append("rival", messages(2), Idempotency("k", "other")).replayed
    assert len(texts(taken(spool))) == 5


def test_a_key_is_forgotten_after_a_day_and_taken_out(open_spool: Open, database: Database, clock: HandClock) -> None:
    spool = open_spool()
    for number in range(3):
        spool.append("acme", messages(1), Idempotency(f"k{number}", "hash"))
    clock.move(hours=25)
    assert not spool.append("acme", messages(1), Idempotency("k0", "other")).replayed
    spool.close()
    assert count(database, StoredKey) == 1
    forget(database)
    clock.move(hours=25)
    open_spool()  # frames older than a day bring no keys back
    assert count(database, StoredKey) == 0


def test_a_key_is_forgotten_after_a_day_also_where_the_database_does_not_know_of_it_yet(
    open_spool: Open, books: Tried, clock: HandClock, database: Database
) -> None:
    spool = open_spool()
    gate = threading.Event()
    settle = books.exchange

    def slow(spool: str, **work: Any) -> Any:
        if work["stored"]:
            gate.wait(20)
        return settle(spool, **work)

    books.exchange = slow  # type: ignore[method-assign]
    spool.append("acme", messages(1), KEY)
    clock.move(hours=25)
    threading.Timer(0.05, gate.set).start()
    assert not spool.append("acme", messages(1), Idempotency("k", "other")).replayed
    with pytest.raises(Conflict):
        spool.append("acme", messages(1), KEY)
    spool.close()
    assert count(database, StoredKey) == 1


def test_any_text_is_a_key(open_spool: Open) -> None:
    spool = open_spool()
    for text in ("", "\0", "\ud800", "x" * 10_000, "ключ"):
        assert not spool.append("acme", messages(1), Idempotency(text, text)).replayed
        assert spool.append("acme", messages(1), Idempotency(text, text)).replayed


def test_one_key_sent_many_times_at_once_is_stored_once(open_spool: Open) -> None:
    spool = open_spool()
    answers: list[Appended] = []
    gate = threading.Barrier(12)

    def send(number: int) -> None:
        gate.wait()
        answers.append(spool.append("acme", messages(2), Idempotency(f"k{number % 3}", "hash")))

    run_all(send, 12)
    assert Counter(answer.replayed for answer in answers) == {False: 3, True: 9}
    assert len({tuple(answer.ids) for answer in answers}) == 3
    assert len(texts(taken(spool))) == 6


def run_all(send: Any, threads: int) -> None:
    begun = [threading.Thread(target=send, args=(number,)) for number in range(threads)]
    for thread in begun:
        thread.start()
    for thread in begun:
        thread.join()


def test_upload_progress_is_the_last_one_stored(open_spool: Open, database: Database) -> None:
    spool = open_spool()
    assert spool.upload_progress("acme", "u") is None
    spool.append("acme", messages(2), upload=UploadProgress("u", 100, 2, 0))
    spool.append("acme", messages(0), upload=UploadProgress("u", 250, 5, 1))
    spool.append("acme", messages(1), upload=UploadProgress("other", 9, 1, 0))
    assert spool.upload_progress("acme", "u") == UploadProgress("u", 250, 5, 1)
    assert spool.upload_progress("rival", "u") is None
    assert count(database, StoredUpload) == 2  # the caller was answered when the database had it


def test_appends_without_key_or_upload_never_ask_the_database(open_spool: Open, books: Tried) -> None:
    spool = open_spool()
    for _ in range(3):
        spool.append("acme", messages(1))
    assert books.asked == 0


# -- a database that does not answer, or refuses one -------------------------------------------------------------


def test_without_the_database_only_keys_are_refused(open_spool: Open, books: Tried, database: Database) -> None:
    spool = open_spool(segment_bytes=1)
    spool.append("acme", messages(1))
    books.error = BackendUnavailable("down")
    with pytest.raises(BackendUnavailable, match="down"):
        spool.append("acme", messages(1), KEY)
    spool.append("acme", messages(1))
    spool.append("acme", messages(2), upload=UploadProgress("u", 100, 2, 0))
    assert spool.upload_progress("acme", "u") == UploadProgress("u", 100, 2, 0)
    spool.done(taken(spool))
    spool.append("acme", messages(1))
    assert spool.state().segments == 2  # the one whose upload is not known to the database is still needed
    books.error = None
    assert not spool.append("acme", messages(1), KEY).replayed
    spool.close()
    assert (count(database, StoredUpload), count(database, StoredKey)) == (1, 1)


def test_what_the_database_never_heard_of_is_found_in_the_frames(
    open_spool: Open, books: Tried, database: Database
) -> None:
    spool = open_spool()
    first = spool.append("acme", messages(3), KEY)
    spool.append("acme", messages(2), upload=UploadProgress("u", 100, 2, 0))
    spool.append("acme", messages(2), Idempotency("k2", "h"), UploadProgress("u", 200, 4, 0))
    spool.close()
    forget(database)
    spool = open_spool()
    assert list(spool.append("acme", messages(3), KEY).ids) == list(first.ids)
    assert spool.append("acme", messages(2), Idempotency("k2", "h")).replayed
    assert spool.upload_progress("acme", "u") == UploadProgress("u", 200, 4, 0)
    assert len(texts(taken(spool))) == 7


def test_replaying_never_steps_back(open_spool: Open, books: Tried) -> None:
    spool = open_spool()
    spool.append("acme", messages(1), KEY, UploadProgress("u", 1, 1, 0))
    spool.close()
    other = open_spool("other")  # goes on with the upload, in another process
    other.append("acme", messages(1), upload=UploadProgress("u", 2, 2, 0))
    other.close()
    assert open_spool().upload_progress("acme", "u") == UploadProgress("u", 2, 2, 0)


def test_a_key_that_the_database_never_takes_hurts_no_other(open_spool: Open, books: Tried) -> None:
    books.poison = "poison"
    spool = open_spool()
    answers: dict[str, object] = {}
    gate = threading.Barrier(6)

    def send(number: int) -> None:
        key = "poison" if number == 3 else f"k{number}"
        gate.wait()
        try:
            answers[key] = spool.append("acme", messages(1), Idempotency(key, "h")).count
        except BackendUnavailable as error:
            answers[key] = error

    run_all(send, 6)
    assert isinstance(answers.pop("poison"), BackendUnavailable)
    assert set(answers.values()) == {1}


# -- several processes -------------------------------------------------------------------------------------------


def test_spools_that_race_on_a_key_store_it_once(open_spool: Open, database: Database) -> None:
    spools = [open_spool(f"spool{number}", worker=number) for number in range(3)]
    answers: list[tuple[str, Appended]] = []
    gate = threading.Barrier(12)

    def send(number: int) -> None:
        gate.wait()
        for key in ("a", "b", "c"):
            answers.append((key, spools[number % 3].append("acme", messages(2, key), Idempotency(key, "hash"))))

    run_all(send, 12)
    for key in ("a", "b", "c"):
        given = [answer for name, answer in answers if name == key]
        assert [answer.replayed for answer in given].count(False) == 1
        assert len({tuple(answer.ids) for answer in given}) == 1
    stored = [text for spool in spools for text in texts(taken(spool))]
    assert Counter(stored) == {f"{key} {number}": 1 for key in ("a", "b", "c") for number in range(2)}


def test_a_key_that_another_process_never_finishes_is_refused_until_that_one_starts_again(
    open_spool: Open, books: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_keys, "ELSEWHERE_WAIT_S", 0.25)
    other = open_spool("other")
    identity = other._lock.identity
    other.close()
    books.exchange(identity, stored=[], released=[], wanted=[KeyOf.of("acme", KEY)])  # and then it was killed
    spool = open_spool()
    with pytest.raises(BackendUnavailable, match="Another process"):
        spool.append("acme", messages(1), KEY)
    with pytest.raises(Conflict):
        spool.append("acme", messages(1), Idempotency("k", "other"))
    open_spool("other")  # it knows that nothing was stored
    assert not spool.append("acme", messages(1), KEY).replayed


def test_a_reservation_of_an_earlier_run_does_not_stand_in_the_way(open_spool: Open, books: Tried) -> None:
    spool = open_spool()
    books.exchange(spool._lock.identity, stored=[], released=[], wanted=[KeyOf.of("acme", KEY)])
    assert not spool.append("acme", messages(1), KEY).replayed  # the answer to the commit was lost
    assert spool.append("acme", messages(1), KEY).replayed


def test_a_write_that_fails_gives_its_key_back(open_spool: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    spool, other = open_spool(fsync=full), open_spool("other")
    with pytest.raises(StorageFull):
        spool.append("acme", messages(1), KEY)
    assert not other.append("acme", messages(1), KEY).replayed


# -- parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [0, 1, 2, 5_000])
def test_timestamps_are_packed_and_unpacked(rows: int) -> None:
    column = messages(rows).column("timestamp")
    assert unpacked_times(packed_times(column)).to_pylist() == column.to_pylist()
    assert unpacked_times(packed_times(column)).type == column.type
    assert len(packed_times(column)) < 300
    slice_of_it = column.slice(rows // 2)
    assert unpacked_times(packed_times(slice_of_it)).to_pylist() == slice_of_it.to_pylist()


def test_odd_timestamps_are_packed_too() -> None:
    times = [datetime(2261, 12, 31, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]
    times.append(times[0] - timedelta(microseconds=1))
    column = batch(*(record(timestamp=time) for time in times)).column("timestamp")
    assert unpacked_times(packed_times(column)).to_pylist() == times
