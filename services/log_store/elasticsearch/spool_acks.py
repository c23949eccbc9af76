"""Which frames of a segment are done: a small file beside it, written without fsync.

What is lost of it is delivered again, so an entry counts only where its own checksum says that it is one. Records that
were deleted meanwhile would come back: who deletes calls `sync` first.
"""

import logging
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from services.log_store.elasticsearch.frame import CHECK_BYTES, checksum

_OFFSET = struct.Struct("<Q")
_ENTRY_BYTES = _OFFSET.size + CHECK_BYTES

log = logging.getLogger(__name__)


class Acks:
    """The offsets of the frames of one segment that are done. Not safe to use from several threads."""

    def __init__(self, segment_path: Path, salt: bytes):
        self._path = segment_path.with_suffix(".done")
        self._salt = salt
        self._file: int | None = None

    def read(self) -> set[int]:
        """All offsets that were noted; damaged entries are left out."""
        try:
            content = self._path.read_bytes()
        except OSError:
            return set()
        entries = (content[at : at + _ENTRY_BYTES] for at in range(0, len(content), _ENTRY_BYTES))
        return {_OFFSET.unpack_from(entry)[0] for entry in entries if self._is_good(entry)}

    def add(self, offsets: Iterable[int]) -> None:
        """Note frames as done. A disk that does not take it only costs a second delivery after a restart."""
        entries = b"".join(offset + checksum(self._salt, offset) for offset in map(_OFFSET.pack, offsets))
        try:
            self._write(self._opened(), entries)
        except OSError as error:
            log.warning("could not note delivered frames in %s: %s", self._path.name, error)

    def _write(self, file: int, entries: bytes) -> None:
        written = os.write(file, entries)
        if written < len(entries):  # a full disk: half an entry would shift all that come after it
            os.ftruncate(file, os.fstat(file).st_size - written % _ENTRY_BYTES)
            log.warning("could not note all delivered frames in %s: the disk is full", self._path.name)

    def sync(self) -> None:
        """Make durable what was noted, also by an earlier process; the folder is the caller's. Raises `OSError`."""
        if self._file is not None or self._path.exists():
            os.fsync(self._opened())

    def _opened(self) -> int:
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return self._file

    def remove(self) -> None:
        """Delete the file, where it is there."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def _is_good(self, entry: bytes) -> bool:
        offset = entry[: _OFFSET.size]
        return len(entry) == _ENTRY_BYTES and checksum(self._salt, offset) == entry[_OFFSET.size :]
