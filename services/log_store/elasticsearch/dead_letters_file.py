"""The file of one organisation's dead letters: only ever appended to, one checked line after the other.

A line is 16 hex digits of BLAKE2b over the rest, a blank, and a JSON object with `op`:
    add      a record and why it was refused
    redrive  `ids` go back to the spool under the idempotency key `key`; whoever reads this without the `gone` that
             follows does it again, under the same key
    gone     `ids` are stored elsewhere or discarded, `at` some time; for a week they are known all the same: the frame that
             they came with may be delivered again, after a kill, and would bring them back
What a kill left of the last line is cut off. A damaged line before it is left out, said, and kept in the file.
"""

import logging
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from services.log_store.elasticsearch.segment import sync_folder

_CHECK = 16
_KNOWN_FOR = timedelta(days=7)
_KNOWN_IDS = 50_000

log = logging.getLogger(__name__)


def _checked(text: bytes) -> bytes:
    return blake2b(text, digest_size=_CHECK // 2).hexdigest().encode()


def line_of(entry: dict[str, Any]) -> bytes:
    """The line of one entry."""
    text = orjson.dumps(entry)
    return _checked(text) + b" " + text + b"\n"


def entry_of(line: bytes) -> dict[str, Any] | None:
    """The entry of a whole line; None where its bytes are not what was written."""
    check, _, text = line[:-1].partition(b" ")
    if not line.endswith(b"\n") or check != _checked(text):
        return None
    entry: dict[str, Any] = orjson.loads(text)
    return entry


class DeadLetterFile:
    """What is left of one organisation's dead letters. Not safe to use from several threads.

    places    id -> (offset, length) of its `add` line, in the order in which they came
    open      idempotency key -> ids, of redrives that were begun and not finished
    gone      id -> when it left, ISO 8601
    """

    def __init__(self, path: Path):
        self.path = path
        self.places: dict[str, tuple[int, int]] = {}
        self.open: dict[str, list[str]] = {}
        self.gone: dict[str, str] = {}
        self.unreadable = 0
        self.size_bytes = 0
        if path.exists():
            self._load()

    def knows(self, identity: str) -> bool:
        """Whether that record is here, or was."""
        return identity in self.places or identity in self.gone

    @property
    def live_bytes(self) -> int:
        """Bytes of the lines of what is left."""
        return sum(length for _, length in self.places.values())

    def read(self, identity: str) -> dict[str, Any] | None:
        """The `add` entry of an id; None where it can no longer be read, or was not when the file was opened."""
        if identity not in self.places:
            return None
        offset, length = self.places[identity]
        with self.path.open("rb") as file:
            file.seek(offset)
            return entry_of(file.read(length))

    def append(self, entries: list[dict[str, Any]]) -> None:
        """Write entries and return when they are on the disk. Raises `OSError`, with nothing of it in the file."""
        lines = [line_of(entry) for entry in entries]
        is_new = not self.path.exists()
        with self.path.open("ab") as file:
            try:
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(self.path, self.size_bytes)
                raise
        if is_new:
            sync_folder(self.path.parent)
        for entry, line in zip(entries, lines, strict=True):
            self._take_in(entry, len(line))

    def shorten(self, now: datetime) -> None:
        """Write the file anew with what is left; a kill leaves the old one or the new one."""
        kept = [entry for entry in map(self.read, self.places) if entry is not None]
        kept += [{"op": "redrive", "key": key, "ids": ids} for key, ids in self.open.items()]
        kept += self._known_for_a_while(now)
        self._replace(b"".join(map(line_of, kept)))
        sync_folder(self.path.parent)
        self.places, self.open, self.gone, self.size_bytes = {}, {}, {}, 0
        self._load()

    def _known_for_a_while(self, now: datetime) -> list[dict[str, Any]]:
        since = (now - _KNOWN_FOR).isoformat()
        by_time: defaultdict[str, list[str]] = defaultdict(list)
        for identity, at in list(self.gone.items())[-_KNOWN_IDS:]:
            if at >= since:
                by_time[at].append(identity)
        return [{"op": "gone", "ids": ids, "at": at} for at, ids in by_time.items()]

    def _replace(self, content: bytes) -> None:
        written = self.path.with_suffix(".new")
        with written.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written.replace(self.path)

    def _load(self) -> None:
        for line in self._lines():
            entry = entry_of(line)
            if entry is None:
                self.unreadable += 1
                log.error("a damaged line at %d of %s is left out", self.size_bytes, self.path.name)
                self.size_bytes += len(line)
            else:
                self._take_in(entry, len(line))

    def _lines(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                yield line
        if self.path.stat().st_size > self.size_bytes:
            log.warning("the last line of %s was not finished and is cut off", self.path.name)
            os.truncate(self.path, self.size_bytes)

    def _take_in(self, entry: dict[str, Any], length: int) -> None:
        if entry["op"] == "add":
            self.places.setdefault(entry["id"], (self.size_bytes, length))
        elif entry["op"] == "redrive":
            self.open[entry["key"]] = entry["ids"]
        else:
            self._forget(set(entry["ids"]))
            self.gone |= dict.fromkeys(entry["ids"], entry["at"])
        self.size_bytes += length

    def _forget(self, ids: set[str]) -> None:
        for identity in ids:
            self.places.pop(identity, None)
        left = {key: [each for each in begun if each not in ids] for key, begun in self.open.items()}
        self.open = {key: begun for key, begun in left.items() if begun}
