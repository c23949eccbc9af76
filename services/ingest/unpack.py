"""Packed files as streams of plain bytes: gzip, zstd, bzip2 and zip, by their first bytes and never by their name.

Each member of a zip is a file of its own. Archives inside archives are not opened. Everything is read in small steps, so
that memory does not grow with the content; `UnpackLimits` bounds what a small file may become.
"""

import bz2
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

import zstandard

from services.errors import TooLarge

STEP_BYTES = 256 << 10
_MAX_ZSTD_WINDOW_BYTES = 1 << 27  # what the zstd program itself accepts without being asked (--long=27)
_GZIP, _BZIP2, _ZSTD = b"\x1f\x8b\x08", b"BZh", b"\x28\xb5\x2f\xfd"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True)
class UnpackLimits:
    """How far a packed file may grow.

    max_unpacked_bytes  all members together
    max_ratio           unpacked to packed size, looked at after `ratio_free_bytes`: log files reach 100
    max_entries         members of a zip
    """

    max_unpacked_bytes: int = 64 << 30
    max_ratio: int = 250
    ratio_free_bytes: int = 64 << 20
    max_entries: int = 1000


class Stream(Protocol):
    """`read(size)` gives at most `size` bytes and b"" at the end."""

    def read(self, size: int, /) -> bytes: ...


class Damaged(Exception):
    """The rest of a packed stream cannot be read; the text says why."""


@dataclass
class Member:
    """One file of the content. `problem` is set when it ended before its time or was left out; read it after the bytes."""

    name: str
    stream: Stream
    budget: "_Budget"
    packed: bool = False
    in_archive: bool = False
    problem: str | None = None
    _head: bytes = field(default=b"", repr=False)

    def peek(self, size: int) -> bytes:
        """Up to `size` first bytes of what is still to be read, without taking them."""
        while len(self._head) < size:
            step = self._next(size - len(self._head))
            if not step:
                break
            self._head += step
        return self._head[:size]

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; b"" at the end. Raises `TooLarge` when the content grows past the limits."""
        if self._head:
            step, self._head = self._head[:size], self._head[size:]
            return step
        return self._next(size)

    def _next(self, size: int) -> bytes:
        if self.problem:
            return b""
        try:
            step = self.stream.read(size)
        except (Damaged, zipfile.BadZipFile, zlib.error, zstandard.ZstdError, EOFError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            self.problem = f"the packed file ends early or is damaged: {error or type(error).__name__}"
            return b""
        self.budget.spend(len(step), self.packed)
        return step


@dataclass
class _Budget:
    limits: UnpackLimits
    packed_bytes: int
    spent: int = 0

    def spend(self, count: int, packed: bool) -> None:
        self.spent += count
        if not packed:
            return
        if self.spent > self.limits.max_unpacked_bytes:
            raise TooLarge(
                f"The file unpacks to more than {self.limits.max_unpacked_bytes} bytes.",
                limit=f"UNPACK_MAX_BYTES={self.limits.max_unpacked_bytes}",
            )
        if self.spent > self.limits.ratio_free_bytes and self.spent > self.limits.max_ratio * self.packed_bytes:
            raise TooLarge(
                f"The file unpacks to more than {self.limits.max_ratio} times its size.",
                limit=f"UNPACK_MAX_RATIO={self.limits.max_ratio}",
            )


class _Step(Protocol):
    """One decompressor for one member: `ended` after its end, `holds` while it has output left for no new input."""

    ended: bool
    holds: bool

    def feed(self, data: bytes, size: int) -> tuple[bytes, bytes]:
        """(output, input that was not used)."""


class _Chained:
    """A stream over decompressors that stop at the end of their member: packed files may hold several in a row."""

    def __init__(self, file: BinaryIO, make: Callable[[], _Step], magic: bytes, step_bytes: int = STEP_BYTES):
        self._file = file
        self._make = make
        self._magic = magic
        self._step_bytes = step_bytes
        self._step: _Step | None = make()
        self._rest = b""

    def read(self, size: int) -> bytes:
        while self._step is not None or self._begin_next():
            step = self._step
            assert step is not None  # noqa: S101  (for the type checker)
            self._rest = self._rest or self._file.read(self._step_bytes)
            if not self._rest and not step.holds:
                raise Damaged("it stops in the middle")
            out, self._rest = step.feed(self._rest, size)
            if step.ended:
                self._step = None
            if out:
                return out
        return b""

    def _begin_next(self) -> bool:
        self._rest = self._rest.lstrip(b"\0") or self._file.read(self._step_bytes).lstrip(b"\0")
        if not self._rest:
            return False
        self._rest += self._file.read(4) if len(self._rest) < 4 else b""
        if not self._rest.startswith(self._magic):
            raise Damaged("there is something else after its end")
        self._step = self._make()
        return True


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self.ended = self.holds = False

    def feed(self, data: bytes, size: int) -> tuple[bytes, bytes]:
        out = self._inner.decompress(data, size)
        self.ended = self._inner.eof
        self.holds = len(out) == size
        return out, self._inner.unused_data if self.ended else self._inner.unconsumed_tail


class _Bzip2:
    def __init__(self) -> None:
        self._inner = bz2.BZ2Decompressor()
        self.ended = self.holds = False

    def feed(self, data: bytes, size: int) -> tuple[bytes, bytes]:
        out = self._inner.decompress(data, size)
        self.ended = self._inner.eof
        self.holds = not self.ended and not self._inner.needs_input
        return out, self._inner.unused_data if self.ended else b""


class _Zstd:
    """Output cannot be bounded here, so the input is: 2 kB make at most 64 MB (4 bytes of a run give 128 kB)."""

    STEP_BYTES = 2 << 10

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW_BYTES).decompressobj()
        self._out = b""
        self.ended = self.holds = False

    def feed(self, data: bytes, size: int) -> tuple[bytes, bytes]:
        rest = data
        if not self._out:
            self._out = self._inner.decompress(data)
            rest = self._inner.unused_data if self._inner.eof else b""
        out, self._out = self._out[:size], self._out[size:]
        self.holds = bool(self._out)
        self.ended = self._inner.eof and not self._out
        return out, rest


def is_packed(head: bytes) -> bool:
    """True where the first bytes are those of a packed file that `unpack` opens."""
    return head.startswith((_GZIP, _BZIP2, _ZSTD, *_ZIP))


def unpack(file: BinaryIO, name: str, limits: UnpackLimits) -> Iterator[Member]:
    """The files in `file`, one after the other; a plain file is the only member of itself.

    A member is read before the next is asked for. Members that cannot be opened come with `problem` and no bytes.
    Raises `TooLarge` for too many entries.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    budget = _Budget(limits, max(size, 1))
    if head.startswith(_ZIP):
        yield from _zip_members(file, name, budget)
        return
    yield Member(_inner_name(name) if is_packed(head) else name, _stream(file, head), budget, packed=is_packed(head))


def _stream(file: BinaryIO, head: bytes) -> Stream:
    if head.startswith(_GZIP):
        return _Chained(file, _Gzip, _GZIP)
    if head.startswith(_BZIP2):
        return _Chained(file, _Bzip2, _BZIP2)
    if head.startswith(_ZSTD):
        return _Chained(file, _Zstd, _ZSTD, _Zstd.STEP_BYTES)
    return file


def _inner_name(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return stem if dot and ending.lower() in {"gz", "bz2", "zst", "zstd", "gzip"} else name


def _zip_members(file: BinaryIO, name: str, budget: _Budget) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        yield Member(name, _Nothing(), budget, problem=f"the zip file cannot be read: {error}")
        return
    entries = [entry for entry in archive.infolist() if _is_content(entry)]
    if len(entries) > budget.limits.max_entries:
        raise TooLarge(
            f"The zip file holds {len(entries)} files, more than {budget.limits.max_entries}.",
            limit=f"UNPACK_MAX_ENTRIES={budget.limits.max_entries}",
        )
    for entry in entries:
        yield _zip_member(archive, entry, budget)


def _is_content(entry: zipfile.ZipInfo) -> bool:
    parts = entry.filename.split("/")
    return not entry.is_dir() and parts[0] != "__MACOSX" and not parts[-1].startswith("._") and parts[-1] != ".DS_Store"


def _zip_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: _Budget) -> Member:
    if entry.flag_bits & 0x1:
        return Member(entry.filename, _Nothing(), budget, in_archive=True, problem="it is encrypted; it was left out")
    try:
        stream = archive.open(entry)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
        return Member(entry.filename, _Nothing(), budget, in_archive=True, problem=f"it cannot be unpacked: {error}")
    member = Member(entry.filename, stream, budget, packed=True, in_archive=True)
    if is_packed(member.peek(4)):
        return Member(
            entry.filename, _Nothing(), budget, in_archive=True, problem="an archive inside the archive is not opened"
        )
    return member


class _Nothing:
    def read(self, size: int, /) -> bytes:
        return b""
