"""Reading a file whose end is still on its way: what stands in it already is read meanwhile.

Whether there will be records, and what is said about them, is known when the file is complete. Until then lines are
taken apart and nothing leaves the process.
"""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from services.ingest.detect import HEAD_BYTES
from services.ingest.options import Defaults
from services.ingest.pipeline import Reading
from services.ingest.unpack import is_packed

LOOK_AGAIN_S = 0.005


class Completion:
    """The news that the file is complete, where it is, its size, and what its sender said; waited for by those who need it."""

    def __init__(self) -> None:
        self._come = threading.Event()
        self._said: dict[str, Any] = {}

    def listen(self, stream: BinaryIO, abandoned: Callable[[], None]) -> None:
        """Wait for the news, one line of JSON, in a thread; `abandoned` is called where the stream ends without it."""

        def wait() -> None:
            line = stream.readline()
            if not line:
                abandoned()
                return
            self._said = json.loads(line)
            self._come.set()

        threading.Thread(target=wait, daemon=True).start()

    def come_within(self, timeout_s: float | None) -> bool:
        """Whether the file is complete, at the latest after `timeout_s`."""
        return self._come.wait(timeout_s)

    @property
    def path(self) -> Path:
        """Where the complete file is; waits for the news."""
        self._come.wait()
        return Path(self._said["path"])

    @property
    def size_bytes(self) -> int:
        """The size of the complete file; wait for the news before."""
        return int(self._said["size_bytes"])

    def said(self) -> tuple[Defaults, datetime]:
        """The defaults and the time of arrival, once they are known."""
        self._come.wait()
        defaults = self._said["defaults"]
        return Defaults(**(defaults | {"tags": tuple(defaults["tags"])})), datetime.fromisoformat(self._said["now"])


@dataclass(frozen=True)
class EarlyReading(Reading):
    """A reading that begins before it is known what is said about the records."""

    completion: Completion = field(default_factory=Completion)

    def said(self) -> tuple[Defaults, datetime]:
        """See `Reading.said`; waits until the file is complete."""
        return self.completion.said()


def _opened(path: Path, completion: Completion) -> FileIO:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:  # it was complete, and moved, before it was looked at
        return completion.path.open("rb", buffering=0)


class GrowingFile:
    """The file at `path` as if it were complete: whoever reads past what is there waits. A packed file is waited for."""

    def __init__(self, path: Path, completion: Completion) -> None:
        self._file = _opened(path, completion)
        self._completion = completion
        head = self.read(HEAD_BYTES)
        self._file.seek(0)
        if is_packed(head):
            completion.come_within(None)

    def read(self, size: int = -1) -> bytes:
        """`size` bytes, or the rest of the file where that is less; all of it without a size."""
        pieces: list[bytes] = []
        missing = size if size >= 0 else 1 << 62
        while missing:
            complete = self._completion.come_within(0)  # asked first: what is read behind it is all there is
            piece = self._file.read(min(missing, 1 << 30))
            if piece:
                pieces.append(piece)
                missing -= len(piece)
            elif complete and self._file.tell() >= self._completion.size_bytes:
                break
            elif not complete:
                self._completion.come_within(LOOK_AGAIN_S)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file's; the end is that of what is there."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The position."""
        return self._file.tell()

    def seekable(self) -> bool:
        """True."""
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
