"""Flipped and missing bytes: every frame that is whole is handed out, nothing else is, and the damage is said."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from services.log_store.elasticsearch.segment import HEADER_BYTES, segments_of
from services.log_store.elasticsearch.segment_scan import Found, scan
from services.log_store.elasticsearch.spool import Spool
from services.log_store.sequence import tick_of_seq
from tests.records import batch, messages, record
from tests.services.log_store.elasticsearch.spools import Open, clock, open_spool, segments, taken, texts

__all__ = ["clock", "open_spool"]

FRAMES = 5
Spoil = Callable[[bytearray, int], None]


def flip_bit(content: bytearray, at: int) -> None:
    content[at] ^= 1 << at % 8


def invert(content: bytearray, at: int) -> None:
    content[at] ^= 0xFF


def zero_page(content: bytearray, at: int) -> None:
    content[at : at + 512] = bytes(len(content[at : at + 512]))


def take_out(content: bytearray, at: int) -> None:
    del content[at : at + 3]


@pytest.fixture
def whole(open_spool: Open, tmp_path: Path) -> Path:
    """A closed spool of five frames in one segment."""
    spool = open_spool("whole")
    for number in range(FRAMES):
        spool.append("acme", batch(*(record(f"frame {number} row {row}") for row in range(3 + 200 * (number == 3)))))
    spool.close()
    return tmp_path / "whole"


def places(folder: Path) -> list[Found]:
    """Where the frames of the first segment lie."""
    segment = segments_of(folder)[0]
    found = [piece for piece in scan(segment, segment.size(), with_payloads=True) if isinstance(piece, Found)]
    segment.close()
    return found


def spots(frames: list[Found]) -> list[int]:
    """A byte of every part of every frame, and some more."""
    rng = random.Random(20261101)
    inside = [0, 4, 6, 10, 18, 26, 34, 40]
    chosen = [frame.offset + at for frame in frames for at in inside]
    chosen += [frame.end - 1 - at for frame in frames for at in (0, 1, 8, 100)]
    return chosen + [rng.randrange(HEADER_BYTES, frames[-1].end) for _ in range(10)]


def copied(whole: Path, name: str) -> Path:
    return shutil.copytree(whole, whole.parent / name)


def numbers(spool: Spool) -> list[str]:
    return [text.split()[1] for text in texts(taken(spool)) if text.endswith("row 0")]


def is_said(spool: Spool, folder: Path) -> bool:
    state = spool.state()
    kept_aside = len(list(folder.glob("*.damaged")))
    return state.torn_bytes > 0 or (state.damaged == kept_aside and kept_aside in (1, 2))


@pytest.mark.parametrize("spoil", [flip_bit, invert, zero_page, take_out])
def test_damaged_bytes_cost_only_the_frames_that_they_lie_in(open_spool: Open, whole: Path, spoil: Spoil) -> None:
    frames = places(whole)
    for count, at in enumerate(spots(frames)):
        folder = copied(whole, f"{spoil.__name__}{count}")
        (file,) = segments(folder)
        content = bytearray(file.read_bytes())
        spoil(content, at)
        if content == file.read_bytes():
            continue  # these bytes were zero before
        file.write_bytes(content)
        reach = {zero_page: 512, take_out: 3}.get(spoil, 1)
        hit = {str(n) for n, frame in enumerate(frames) if frame.offset < at + reach and at < frame.end}
        spool = open_spool(folder.name)
        found = numbers(spool)
        lost = {str(n) for n in range(FRAMES)} - set(found)
        assert found == sorted(found)
        assert lost <= hit, (at, lost)
        assert len(lost) >= 1, at
        assert is_said(spool, folder), at
        last_tick = tick_of_seq(frames[-1].header.last_seq)
        appended = spool.append("acme", batch(record("frame 9 row 0")))
        assert tick_of_seq(appended.first_seq) > last_tick
        assert numbers(spool) == ["9"]
        spool.close()
        shutil.rmtree(folder)


def test_a_file_may_end_anywhere(open_spool: Open, whole: Path) -> None:
    frames = places(whole)
    ends = [frame.end for frame in frames]
    for count, end in enumerate(sorted({*spots(frames), *ends, 0, 1, HEADER_BYTES - 1, HEADER_BYTES})):
        folder = copied(whole, f"cut{count}")
        (file,) = segments(folder)
        file.write_bytes(file.read_bytes()[:end])
        spool = open_spool(folder.name)
        assert numbers(spool) == [str(number) for number, frame_end in enumerate(ends) if frame_end <= end]
        is_clean = end in (0, 1, HEADER_BYTES - 1, HEADER_BYTES, *ends)
        assert (spool.state().torn_bytes > 0) is not is_clean
        spool.append("acme", batch(record("frame 9 row 0")))
        spool.close()
        spool = open_spool(folder.name)  # what was cut is not found again
        assert (spool.state().torn_bytes, spool.state().damaged) == (0, 0)
        assert numbers(spool)[-1] == "9"
        spool.close()
        shutil.rmtree(folder)


def test_a_damaged_segment_header_costs_no_frame(open_spool: Open, whole: Path) -> None:
    (file,) = segments(whole)
    for at in range(HEADER_BYTES):
        folder = copied(whole, f"head{at}")
        content = bytearray(file.read_bytes())
        content[at] ^= 0x10
        (folder / file.name).write_bytes(content)
        spool = open_spool(folder.name)
        assert (numbers(spool), spool.state().damaged) == (["0", "1", "2", "3", "4"], 1)
        spool.close()
        shutil.rmtree(folder)


def test_bytes_behind_the_acknowledged_end_are_never_handed_out(open_spool: Open, whole: Path) -> None:
    """A segment that could not be cut after a failed sync: the next one says where it ends."""
    spool = open_spool("whole")
    spool.append("acme", batch(record("frame 5 row 0")))
    spool.close()
    old, _ = segments(whole)
    frame = places(whole)[1]
    content = old.read_bytes()
    old.write_bytes(content + content[frame.offset : frame.end])
    spool = open_spool("whole")
    assert numbers(spool) == ["0", "1", "2", "3", "4", "5"]


def test_damage_in_an_older_segment_is_found_when_it_is_read(open_spool: Open, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = open_spool(segment_bytes=1)
    for number in range(3):
        spool.append("acme", batch(*(record(f"frame {number} row {row}") for row in range(2))))
    spool.close()
    first = segments(folder)[0]
    content = bytearray(first.read_bytes())
    content[-5] ^= 1
    first.write_bytes(content)
    spool = open_spool()
    assert (spool.state().damaged, spool.pending().records) == (0, 6)
    frames = taken(spool)
    assert [text.split()[1] for text in texts(frames)] == ["1", "1", "2", "2"]
    spool.done(frames)
    state = spool.state()
    assert (state.damaged, state.lost_records, state.segments, state.pending.records) == (1, 2, 1, 0)
    assert len(list(folder.glob("*.damaged"))) == 1


def test_damage_of_a_running_spool_is_found_when_a_frame_is_read_back(open_spool: Open, tmp_path: Path) -> None:
    spool = open_spool(memory_bytes=0)
    for number in range(4):
        spool.append("acme", batch(record(f"frame {number} row 0")))
    (file,) = segments(tmp_path / "spool")
    frames = places(tmp_path / "spool")
    with file.open("r+b") as opened:
        opened.seek(frames[1].offset + 40)  # its header
        opened.write(b"\xff\xff")
        opened.seek(frames[2].end - 3)  # its payload
        opened.write(b"\xff\xff")
    assert numbers(spool) == ["0", "3"]
    assert spool.state().damaged == 2


def test_a_message_that_looks_like_a_frame_is_none(open_spool: Open, whole: Path) -> None:
    """What a client sends stands in the file as it is where it does not compress."""
    (file,) = segments(whole)
    first = places(whole)[0]
    fake = file.read_bytes()[first.offset : first.end].decode("latin-1")
    spool = open_spool("other")
    spool.append("rival", batch(record(fake.replace("\0", "").replace("\x1a", ""), raw=fake)))
    spool.append("acme", messages(1))
    spool.close()
    (file,) = segments(whole.parent / "other")
    content = bytearray(file.read_bytes())
    content[HEADER_BYTES] ^= 1
    file.write_bytes(content)
    assert texts(taken(open_spool("other"))) == ["message 0"]


def test_lost_or_damaged_marks_of_delivery_only_cost_a_second_delivery(open_spool: Open, tmp_path: Path) -> None:
    spool = open_spool()
    for number in range(4):
        spool.append("acme", batch(record(f"frame {number} row 0")))
    frames = taken(spool)
    spool.done(frames[:2])
    spool.close()
    (marks,) = (tmp_path / "spool").glob("*.done")
    content = bytearray(marks.read_bytes())
    content[-3] ^= 1
    marks.write_bytes(content + b"\0" * 7)
    spool = open_spool()
    assert numbers(spool) == ["1", "2", "3"]
    spool.close()
    marks.unlink()
    assert numbers(open_spool()) == ["0", "1", "2", "3"]


def test_what_was_left_while_files_were_made_and_deleted_is_taken_away(open_spool: Open, tmp_path: Path) -> None:
    spool = open_spool()
    spool.append("acme", messages(1))
    spool.close()
    (tmp_path / "spool" / f"{2:012d}-{'0' * 16}.spool").write_bytes(b"EvSp")
    (tmp_path / "spool" / f"{0:012d}-{'0' * 16}.done").write_bytes(b"")
    spool = open_spool()
    assert list((tmp_path / "spool").glob("*.done")) == []
    spool.append("acme", messages(1))
    assert (len(taken(spool)), spool.state().damaged) == (2, 0)
