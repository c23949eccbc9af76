"""A segment of the spool: a file that frames are appended to, and that is deleted as a whole.

`<number>-<salt>.spool` begins with a header: the highest tick given out before it, and where the segment before it ended.
What lies behind that end there was never acknowledged, whatever it looks like.
"""

import os
import re
import secrets
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from services.log_store.elasticsearch.frame import CHECK_BYTES, checksum

Sync = Callable[[int], None]
"""Makes what was written to a file descriptor durable."""

_MAGIC = b"EvSpool1"
_HEADER = struct.Struct("<8sQqQQ")
HEADER_BYTES = _HEADER.size + CHECK_BYTES
_NAME = re.compile(r"(\d{12})-([0-9a-f]{16})\.spool")
_PIECES = 512
"""Buffers of one system call; Linux takes 1,024 (IOV_MAX)."""


@dataclass(frozen=True)
class SegmentHeader:
    """last_tick  the highest tick given out before; -1 where there was none
    previous, previous_end  number of the segment before and how many of its bytes hold; 0 where there was none
    """

    last_tick: int
    previous: int
    previous_end: int


class Segment:
    """One file. Not safe to use from several threads but for `read`."""

    def __init__(self, path: Path):
        """Raises `ValueError` where the name is not that of a segment."""
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path.name} is not a segment of the spool")
        self.path = path
        self.number = int(match[1])
        self.salt = bytes.fromhex(match[2])
        self._file: int | None = None

    @classmethod
    def create(cls, folder: Path, number: int, header: SegmentHeader, sync: Sync) -> "Segment":
        """A new, durable, empty segment. Raises `OSError` with nothing left behind."""
        segment = cls(folder / f"{number:012d}-{secrets.token_hex(8)}.spool")
        try:
            segment._file = os.open(segment.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            packed = _HEADER.pack(_MAGIC, number, header.last_tick, header.previous, header.previous_end)
            segment.write([packed, checksum(segment.salt, packed)], 0)
            sync(segment._file)
            sync_folder(folder)
        except OSError:
            segment.remove()
            raise
        return segment

    def header(self) -> SegmentHeader | None:
        """What the segment begins with; None where that is damaged or was never finished."""
        found = self.read(0, HEADER_BYTES)
        if len(found) < HEADER_BYTES or checksum(self.salt, found[: _HEADER.size]) != found[_HEADER.size :]:
            return None
        magic, number, *rest = _HEADER.unpack_from(found)
        return SegmentHeader(*rest) if (magic, number) == (_MAGIC, self.number) else None

    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self._descriptor()).st_size

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`, fewer at the end of the file. Raises `OSError`."""
        pieces = []
        while length > 0:
            piece = os.pread(self._descriptor(), length, offset)
            if not piece:
                break
            pieces.append(piece)
            offset, length = offset + len(piece), length - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def write(self, pieces: Iterable[bytes | memoryview], offset: int) -> int:
        """Write all pieces from `offset`; where they end. Raises `OSError`, with some of it written perhaps."""
        left = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
        while left:
            written = os.pwritev(self._descriptor(), left[:_PIECES], offset)
            offset += written
            left = _without(left, written)
        return offset

    def sync(self, sync: Sync) -> None:
        """Make it durable. Raises `OSError`: then nobody knows what of it is, however often it is asked again."""
        sync(self._descriptor())

    def cut(self, end: int) -> None:
        """Forget all bytes from `end`. Raises `OSError`."""
        os.ftruncate(self._descriptor(), end)

    def close(self) -> None:
        """Give the file back; it is opened again when it is needed."""
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def remove(self) -> None:
        """Delete the file, where it is there."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _descriptor(self) -> int:
        if self._file is None:
            self._file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        return self._file


def segments_of(folder: Path) -> list[Segment]:
    """The segments in a folder, oldest first."""
    found = [Segment(path) for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda segment: segment.number)


def sync_folder(folder: Path) -> None:
    """Make names in `folder` durable. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _without(pieces: list[memoryview], written: int) -> list[memoryview]:
    """What is left of `pieces` when the first `written` bytes are on their way."""
    for number, piece in enumerate(pieces):
        if written < len(piece):
            return [piece[written:], *pieces[number + 1 :]]
        written -= len(piece)
    return []
