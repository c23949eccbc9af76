"""Refused records: kept once, shown, sent again exactly once, discarded, bounded."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.errors import BackendUnavailable, NotFound, StorageFull
from services.log_store.elasticsearch.bulk import ItemError
from services.log_store.elasticsearch.dead_letters import DeadLetters
from services.log_store.interface import Appended
from services.model import LOG_SCHEMA, LogBatch
from tests.clocks import HandClock
from tests.conftest import ROOT
from tests.records import batch, messages, record
from tests.services.log_store.elasticsearch.delivering import MemorySpool

REFUSED = ItemError(400, "document_parsing_exception", "no such thing")


def letters(folder: Path, **options: Any) -> DeadLetters:
    return DeadLetters(folder, HandClock(), **options)


def add(to: DeadLetters, records: LogBatch, *ids: str, organisation_id: str = "acme") -> int:
    return to.add(organisation_id, records, ids, [REFUSED] * len(ids), 2)


class Failing(MemorySpool):
    """A spool that stores and then fails, as one that dies before it answers."""

    is_failing = True

    def append(self, *arguments: Any, **options: Any) -> Appended:
        answer = super().append(*arguments, **options)
        if self.is_failing:
            raise BackendUnavailable("gone")
        return answer


def test_a_refused_record_is_shown_with_its_reason_and_survives_a_restart(tmp_path: Path) -> None:
    full = record(
        "héllo", at=1.5, service="s", tags=["a", "b"], attributes='{"a": 1.0}', raw="x\ny", problem="p", upload_id="u"
    )
    add(letters(tmp_path), batch(full), "id-1")
    for found in letters(tmp_path).newest("acme"), letters(tmp_path).newest("acme", limit=1):
        (letter,) = found
        assert (letter.id, letter.status, letter.type, letter.reason, letter.attempts) == (
            "id-1",
            400,
            "document_parsing_exception",
            "no such thing",
            2,
        )
        assert letter.at == HandClock().now()
        assert letter.record["message"] == "héllo" and letter.record["attributes"] == '{"a": 1.0}'


def test_newest_come_first_in_pages_and_organisations_are_apart(tmp_path: Path) -> None:
    kept = letters(tmp_path)
    for number in range(5):
        add(kept, messages(1), f"id-{number}")
    add(kept, messages(2), "x", "y", organisation_id="other")
    assert [each.id for each in kept.newest("acme", limit=2, offset=1)] == ["id-3", "id-2"]
    assert kept.counts() == {"acme": 5, "other": 2} and kept.count("nobody") == 0
    assert kept.newest("nobody") == []


def test_the_same_record_is_kept_once(tmp_path: Path) -> None:
    kept = letters(tmp_path)
    assert add(kept, messages(2), "a", "b") == 2
    assert add(kept, messages(3), "a", "b", "c") == 1
    assert add(letters(tmp_path), messages(1), "c") == 0
    assert kept.count("acme") == 3


def test_a_record_that_is_sent_again_is_the_same_record(tmp_path: Path) -> None:
    records = batch(record("one", at=0.25, tags=["t"], attributes='{"k":1.50}'), record("two", at=1, level="error"))
    kept, spool = letters(tmp_path), MemorySpool()
    add(kept, records, "a", "b")
    assert kept.redrive("acme", spool.append, ["b"]) == 1
    assert kept.redrive("acme", spool.append) == 1
    sent = [frame.batch.select(LOG_SCHEMA.names) for frame in spool.open]
    assert [each.to_pylist() for each in sent] == [records.slice(1).to_pylist(), records.slice(0, 1).to_pylist()]
    assert kept.counts() == {} and letters(tmp_path).counts() == {}
    assert b"message" not in (tmp_path / "acme.jsonl").read_bytes()


def test_a_record_that_left_does_not_come_back_with_its_frame(tmp_path: Path) -> None:
    kept, spool = letters(tmp_path), MemorySpool()
    add(kept, messages(3), "a", "b", "c")
    kept.redrive("acme", spool.append, ["a"])
    kept.discard("acme", ["b", "c"])
    assert add(letters(tmp_path), messages(3), "a", "b", "c") == 0
    assert letters(tmp_path).counts() == {}


def test_what_left_long_ago_is_forgotten(tmp_path: Path) -> None:
    clock = HandClock()
    kept = DeadLetters(tmp_path, clock)
    add(kept, messages(1), "a")
    kept.discard("acme")
    clock.move(days=8)
    add(kept, messages(1), "b")
    kept.discard("acme")
    assert add(kept, messages(2), "a", "b") == 1


def test_sending_again_that_is_interrupted_is_finished_later_and_doubles_nothing(tmp_path: Path) -> None:
    kept, spool = letters(tmp_path), Failing()
    add(kept, messages(3), "a", "b", "c")
    with pytest.raises(BackendUnavailable):
        kept.redrive("acme", spool.append, ["a", "b"])
    assert kept.count("acme") == 3
    spool.is_failing = False
    again = letters(tmp_path)
    assert again.resume(spool.append) == 2
    assert again.resume(spool.append) == 0
    assert sum(frame.rows for frame in spool.open) == 2
    assert [each.id for each in again.newest("acme")] == ["c"]


def test_a_record_that_is_damaged_while_it_is_sent_again_stops_nothing(tmp_path: Path) -> None:
    kept, spool = letters(tmp_path), Failing()
    add(kept, messages(2), "a", "b")
    with pytest.raises(BackendUnavailable):
        kept.redrive("acme", spool.append)
    path = tmp_path / "acme.jsonl"
    content = bytearray(path.read_bytes())
    content[60] ^= 1  # within the line of "a"
    path.write_bytes(content)
    spool.is_failing = False
    again = letters(tmp_path)
    assert again.resume(spool.append) == 2
    assert again.resume(spool.append) == 0
    assert again.counts() == {} and sum(frame.rows for frame in spool.open) == 2


def test_what_is_discarded_while_it_is_sent_again_does_not_stop_the_others(tmp_path: Path) -> None:
    kept, spool = letters(tmp_path), Failing()
    add(kept, messages(2), "a", "b")
    with pytest.raises(BackendUnavailable):
        kept.redrive("acme", spool.append)
    kept.discard("acme", ["a"])
    spool.is_failing = False
    assert kept.redrive("acme", spool.append) == 1
    assert kept.counts() == {} and sum(frame.rows for frame in spool.open) == 2


def test_an_open_redrive_is_finished_before_a_new_one_with_other_ids(tmp_path: Path) -> None:
    kept, spool = letters(tmp_path), Failing()
    add(kept, messages(3), "a", "b", "c")
    with pytest.raises(BackendUnavailable):
        kept.redrive("acme", spool.append, ["a", "b"])
    spool.is_failing = False
    assert kept.redrive("acme", spool.append, ["b", "c"]) == 2
    assert sum(frame.rows for frame in spool.open) == 3 and kept.counts() == {}


def test_discarded_records_are_gone_and_unknown_ids_are_refused(tmp_path: Path) -> None:
    kept = letters(tmp_path)
    add(kept, messages(3), "a", "b", "c")
    with pytest.raises(NotFound):
        kept.discard("acme", ["a", "zz"])
    assert kept.discard("acme", ["a"]) == 1 and kept.discard("acme") == 2
    assert kept.discard("acme") == 0 and letters(tmp_path).counts() == {}


def test_beyond_the_bound_nothing_is_kept_and_nothing_lost(tmp_path: Path) -> None:
    kept = letters(tmp_path, max_bytes=1_500)
    add(kept, messages(1), "a")
    with pytest.raises(StorageFull, match="acme has too many"):
        add(kept, messages(5), *"bcdef")
    assert kept.count("acme") == 1
    kept.discard("acme")
    assert add(kept, messages(2), "b", "c") == 2


@pytest.mark.parametrize("cut", [1, 10, 100])
def test_what_a_kill_left_of_the_last_line_is_cut_off(tmp_path: Path, cut: int) -> None:
    kept = letters(tmp_path)
    add(kept, messages(1), "a")
    add(kept, messages(1), "b")
    path = tmp_path / "acme.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    again = letters(tmp_path)
    assert [each.id for each in again.newest("acme")] == ["a"]
    assert add(again, messages(1), "b") == 1
    assert letters(tmp_path).count("acme") == 2


def test_a_flipped_byte_costs_one_line_and_is_counted(tmp_path: Path) -> None:
    kept = letters(tmp_path)
    for name in "abc":
        add(kept, messages(1), name)
    path = tmp_path / "acme.jsonl"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    again = letters(tmp_path)
    assert [each.id for each in again.newest("acme")] == ["c", "a"]
    assert again.unreadable() == 1


def test_a_long_history_does_not_keep_its_bytes(tmp_path: Path) -> None:
    kept = letters(tmp_path)
    long = batch(*(record("x" * 50_000, at=number) for number in range(100)))
    add(kept, messages(1), "stays")
    for round_ in range(3):
        ids = [f"{round_}-{number}" for number in range(100)]
        add(kept, long, *ids)
        kept.discard("acme", ids)
    assert (tmp_path / "acme.jsonl").stat().st_size < 10_000
    assert [each.id for each in letters(tmp_path).newest("acme")] == ["stays"]


CHILD = """
import sys
from pathlib import Path
from tests.services.log_store.elasticsearch.test_dead_letters import add, letters
from tests.records import messages
kept = letters(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 100_000):
    add(kept, messages(1), str(number))
    print(number, flush=True)
"""


def test_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    first = 0
    for lines in (3, 17, 40):
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(first)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        os.kill(child.pid, signal.SIGKILL)
        said += child.stdout.readlines()
        child.wait()
        told = int([line for line in said if line.endswith("\n")][-1])
        kept = [int(each.id) for each in reversed(letters(tmp_path).newest("acme", limit=100_000))]
        assert kept == list(range(len(kept))) and len(kept) >= told + 1
        first = told
