"""Packed files: several members, damage, and what grows too far."""

import bz2
import gzip
import io
import random
import zipfile

import pytest
import zstandard

from services.errors import TooLarge
from services.ingest.unpack import Stream, UnpackLimits, unpack

PLAIN = b"".join(b"line %d %x\n" % (number, random.Random(number).getrandbits(60)) for number in range(3000))


def zstd(content: bytes) -> bytes:
    stream = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return stream.compress(content) + stream.flush()


def zipped(**files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return target.getvalue()


def everything(stream: Stream) -> bytes:
    pieces = []
    while piece := stream.read(1000):
        pieces.append(piece)
    return b"".join(pieces)


def unpacked(content: bytes, name: str = "x.log", **limits: int) -> list[tuple[str, bytes, str | None]]:
    found = []
    for member in unpack(io.BytesIO(content), name, UnpackLimits(**limits)):
        text = everything(member)
        found.append((member.name, text, member.problem))
    return found


PACKERS = pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstd, zstandard.compress])


@PACKERS
def test_packed_files_are_read_whole_and_lose_their_ending(pack) -> None:
    assert unpacked(pack(PLAIN), "app.log.gz") == [("app.log", PLAIN, None)]


@PACKERS
def test_members_in_a_row_are_one_file(pack) -> None:
    assert unpacked(pack(PLAIN) + pack(b"more\n"))[0][1:] == (PLAIN + b"more\n", None)


@PACKERS
def test_what_ends_early_keeps_what_could_be_read_and_says_so(pack) -> None:
    _, text, problem = unpacked(pack(PLAIN)[:-20])[0]
    assert PLAIN.startswith(text)
    assert problem is not None
    assert "ends early" in problem


@PACKERS
def test_junk_behind_a_packed_file_is_told(pack) -> None:
    _, text, problem = unpacked(pack(PLAIN) + b"some other bytes")[0]
    assert text == PLAIN
    assert problem is not None


def test_plain_files_are_their_own_member() -> None:
    assert unpacked(PLAIN) == [("x.log", PLAIN, None)]
    assert unpacked(b"") == [("x.log", b"", None)]


def test_each_file_of_a_zip_is_a_member_without_the_junk_of_systems() -> None:
    content = zipped(**{"a.log": PLAIN, "d__b.log": b"b\n", "__MACOSX__._a.log": b"junk", "d__.DS_Store": b"junk"})
    assert [(name, text) for name, text, _ in unpacked(content)] == [("a.log", PLAIN), ("d/b.log", b"b\n")]


def test_an_archive_in_an_archive_is_not_opened() -> None:
    (name, text, problem), other = unpacked(zipped(**{"a.gz": gzip.compress(PLAIN), "b.log": b"b\n"}))
    assert (name, text) == ("a.gz", b"")
    assert problem is not None
    assert other == ("b.log", b"b\n", None)


def test_a_damaged_member_does_not_hurt_the_next() -> None:
    content = bytearray(zipped(**{"a.log": PLAIN, "b.log": b"b\n"}))
    content[500] ^= 0xFF
    (_, _, problem), other = unpacked(bytes(content))
    assert problem is not None
    assert other == ("b.log", b"b\n", None)


@PACKERS
def test_a_bomb_is_refused_after_a_part_of_it(pack) -> None:
    bomb = pack(bytes(8 << 20))
    with pytest.raises(TooLarge, match="times its size"):
        unpacked(bomb, ratio_free_bytes=1 << 20, max_ratio=20)
    with pytest.raises(TooLarge, match="more than"):
        unpacked(bomb, max_unpacked_bytes=4 << 20)


def test_a_zip_with_too_many_files_is_refused() -> None:
    with pytest.raises(TooLarge) as refused:
        unpacked(zipped(**{f"{number}.log": b"x" for number in range(11)}), max_entries=10)
    assert refused.value.limit == "UNPACK_MAX_ENTRIES=10"
