"""Request bodies, read by the event loop before a worker thread is taken.

A client that stalls holds a coroutine and its part of a byte budget, never one of the few threads that serve everybody.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from python_multipart.multipart import MultipartParser, parse_options_header

from services.errors import CallerError, InvalidInput, QuotaExceeded, StorageFull, TooLarge, UnsupportedMedia
from services.ingest.uploads import SpooledFile

Receive = Callable[[], Awaitable[dict[str, Any]]]

WRITE_BYTES = 1 << 20
"""Parts are parsed and written in pieces of this size, in a thread: the loop never waits for the disk."""

PROGRESS_BYTES = 64 << 10
"""What must arrive of a body within the idle time-out."""

MAX_FIELDS = 100
MAX_PART_HEADERS = 32
FILE_FIELD = "file"

DRAIN_BYTES = 64 << 20
DRAIN_S = 5
"""What is read of a body after its request was refused."""

FIELD_BYTES = 1 << 20
"""All plain form fields of an upload together."""


class Disconnected(Exception):
    """The client went away before its body was complete; nobody is left to answer."""


class Stalled(CallerError):
    """The body made no progress for the time limit (HTTP 408)."""


async def pieces(receive: Receive, idle_timeout_s: float) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises `Disconnected` at a hang-up, `Stalled` where neither the end of the body nor
    `PROGRESS_BYTES` more came within `idle_timeout_s`: a byte now and then is no progress.
    """
    loop = asyncio.get_running_loop()
    more, due, gained = True, loop.time() + idle_timeout_s, 0
    while more:
        try:
            message = await asyncio.wait_for(receive(), max(0.0, due - loop.time()))
        except TimeoutError:
            raise Stalled(f"The request body made no progress for {idle_timeout_s:g} seconds.") from None
        if message["type"] == "http.disconnect":
            raise Disconnected
        more, piece = message.get("more_body", False), message.get("body", b"")
        gained += len(piece)
        if gained >= PROGRESS_BYTES:
            due, gained = loop.time() + idle_timeout_s, 0
        yield piece


async def drain(receive: Receive) -> None:
    """Read on for a moment and forget it: a client that is still sending would see a broken pipe, not its answer."""
    left = DRAIN_BYTES
    with suppress(TimeoutError, Disconnected, Stalled):
        async with asyncio.timeout(DRAIN_S):
            async for piece in pieces(receive, DRAIN_S):
                left -= len(piece)
                if left < 0:
                    return


class Budget:
    """Bytes of request bodies that all requests together may hold in memory."""

    def __init__(self, size_bytes: int):
        self._free = size_bytes

    @asynccontextmanager
    async def body(self, receive: Receive, limit_bytes: int, limit_name: str, idle_timeout_s: float):  # type: ignore[no-untyped-def]
        """The whole body as bytes; its share of the budget is given back at exit."""
        taken = 0
        try:
            parts = []
            async for piece in pieces(receive, idle_timeout_s):
                taken += len(piece)
                self._free -= len(piece)
                refuse_larger(taken, limit_bytes, limit_name)
                if self._free < 0:
                    raise QuotaExceeded(
                        "The server is reading too many large requests. Try again soon.", retry_after_s=2
                    )
                parts.append(piece)
            yield b"".join(parts)
        finally:
            self._free += taken


def refuse_larger(size_bytes: int, limit_bytes: int, limit_name: str) -> None:
    """Raise `TooLarge` naming the setting when `size_bytes` is over it."""
    if size_bytes > limit_bytes:
        raise TooLarge(
            f"The request body is larger than {limit_bytes:,} bytes ({limit_name}).",
            limit=f"{limit_name}={limit_bytes}",
        )


class Arrivals(Protocol):
    """Who is told of files while they are on their way; called in the threads that write them."""

    def begun(self, path: Path, name: str, said: Collection[str]) -> None:
        """A file of this name grows at `path`, behind fields of the names in `said`."""

    def dropped(self, path: Path) -> None:
        """The file at `path` is about to be removed: nobody took it."""


class UploadForm:
    """The parts of a multipart body: `files` lie on disk in the spool folder, `fields` in memory."""

    def __init__(self, folder: Path, max_files: int, arrivals: Arrivals):
        self._arrivals = arrivals
        self.files: list[SpooledFile] = []
        self.fields: dict[str, list[str]] = {}
        self._folder = folder
        self._max_files = max_files
        self._header = [b"", b""]
        self._headers: dict[str, bytes] = {}
        self._sink: Any = None
        self._field_bytes = 0
        self._field_count = 0
        self._current: tuple[str, str | None] = ("", None)

    def callbacks(self) -> dict[str, Any]:
        """What python-multipart calls."""
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._add(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._add(1, data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._open_part,
            "on_part_data": self._write,
            "on_part_end": self._close_part,
        }

    def discard(self) -> None:
        """Remove every file that was spooled."""
        paths = [file.path for file in self.files]
        if self._sink is not None and self._current[1] is not None:
            self._sink.close()
            paths.append(Path(self._sink.name))
        for path in paths:
            self._arrivals.dropped(path)
            path.unlink(missing_ok=True)

    def _add(self, part: int, data: bytes) -> None:
        self._header[part] += data
        if len(self._header[part]) > 8192:
            raise InvalidInput("A header of a form part is too long.")

    def _end_header(self) -> None:
        if len(self._headers) >= MAX_PART_HEADERS:
            raise InvalidInput("A form part has too many headers.")
        self._headers[self._header[0].decode("latin-1").lower()] = self._header[1]
        self._header = [b"", b""]

    def _open_part(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        file_name = options.get(b"filename")
        self._current = (name, None if file_name is None else file_name.decode("utf-8", "replace"))
        if file_name is None:
            self._count_field(len(name))
            self._sink = bytearray()
            return
        if name != FILE_FIELD:
            raise InvalidInput("Send files in parts named file.", field=name[:100])
        if len(self.files) >= self._max_files:
            raise TooLarge(
                f"One request takes at most {self._max_files} files (UPLOAD_MAX_FILES).",
                limit=f"UPLOAD_MAX_FILES={self._max_files}",
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sink = tempfile.NamedTemporaryFile(dir=self._folder, prefix="part-", delete=False)  # noqa: SIM115
        self._arrivals.begun(Path(self._sink.name), self._current[1] or "", self.fields)

    def _count_field(self, size_bytes: int) -> None:
        self._field_count += 1
        self._field_bytes += size_bytes
        if self._field_count > MAX_FIELDS:
            raise TooLarge(f"A form takes at most {MAX_FIELDS} fields.", limit=f"form fields={MAX_FIELDS}")

    def _write(self, data: bytes, start: int, end: int) -> None:
        if self._current[1] is None:
            self._field_bytes += end - start
            refuse_larger(self._field_bytes, FIELD_BYTES, "form fields")
            self._sink += data[start:end]
        else:
            self._sink.write(memoryview(data)[start:end])

    def _close_part(self) -> None:
        name, file_name = self._current
        sink, self._sink = self._sink, None
        if file_name is None:
            self.fields.setdefault(name, []).append(bytes(sink).decode("utf-8", "replace"))
            return
        size_bytes = sink.tell()
        sink.close()
        self.files.append(SpooledFile(path=Path(sink.name), name=file_name, size_bytes=size_bytes))


async def spool_form(
    receive: Receive,
    content_type: bytes,
    folder: Path,
    arrivals: Arrivals,
    *,
    max_files: int,
    max_bytes: int,
    idle_timeout_s: float,
) -> UploadForm:
    """Read a multipart body to the disk. On any error what was spooled is removed and the error raised:
    `UnsupportedMedia`, `TooLarge`, `InvalidInput`, `StorageFull`, `Stalled`, `Disconnected`.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise UnsupportedMedia("Send the files as multipart/form-data, each in a part named file.")
    form = UploadForm(folder, max_files, arrivals)
    try:
        parser = MultipartParser(options[b"boundary"], form.callbacks())
        await _feed(parser, receive, max_bytes, idle_timeout_s)
        await asyncio.to_thread(_finish, parser)
    except BaseException:
        form.discard()
        raise
    return form


async def _feed(parser: Any, receive: Receive, max_bytes: int, idle_timeout_s: float) -> None:
    pending, total = bytearray(), 0
    async for piece in pieces(receive, idle_timeout_s):
        total += len(piece)
        refuse_larger(total, max_bytes, "UPLOAD_MAX_BYTES")
        pending += piece
        if len(pending) >= WRITE_BYTES:
            full, pending = pending, bytearray()
            await asyncio.to_thread(_parse, parser, full)
    await asyncio.to_thread(_parse, parser, pending)


def _parse(parser: Any, data: bytearray) -> None:
    from python_multipart.exceptions import MultipartParseError

    try:
        parser.write(data)
    except MultipartParseError as error:
        raise InvalidInput(f"The multipart body is malformed: {error}.") from error
    except OSError as error:
        raise StorageFull(f"The upload could not be kept: {error.strerror}.") from error


def _finish(parser: Any) -> None:
    from python_multipart.multipart import MultipartState

    if parser.state != MultipartState.END:
        raise InvalidInput("The multipart body ends before its last boundary.")
