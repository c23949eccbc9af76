"""The server's side of the decoder: starts the process, reads its chunks ahead, tells how it ended."""

import contextlib
import fcntl
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from services.errors import InvalidInput
from services.ingest.decoder import CHUNK, FINISHED, OUT_OF_MEMORY, REFUSED, completion_of, request_of
from services.ingest.options import ParseOptions
from services.ingest.pipeline import Chunk, LineProblem, Reading

_KEEP_FREED_MEMORY = {
    "MIMALLOC_PURGE_DELAY": "500",
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
}
"""Each chunk needs what the last one freed: giving it back to the system between them costs a fifth of the time."""

SPARE_S = 120.0
"""So long a process waits for a file that was announced; what takes longer to arrive is not slowed by starting one."""

_ROOT = Path(__file__).resolve().parents[2]


class DecoderDied(Exception):
    """The decoder ended before the content did; the text says how. `may_pass`: another one may come further."""

    def __init__(self, message: str, *, may_pass: bool = True) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class Refused(InvalidInput):
    """What the file holds cannot be read, by no decoder."""


class Decoders:
    """Starts the processes that read files; one can be started ahead, while its file is still on the way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spare: _Decoder | None = None

    def expect(self) -> None:
        """A file will come: have a process ready for it. It is ended again when none has come after `SPARE_S`."""
        with self._lock:
            if self._spare is not None and self._spare.process.poll() is None:
                return
            self._spare = spare = _Decoder.start()
        timer = threading.Timer(SPARE_S, self._dismiss, (spare,))
        timer.daemon = True
        timer.start()

    def begin(self, path: Path, reading: Reading) -> None:
        """The file has begun to grow at `path`: the process that waits for one reads what is there already.

        Its options and name are known; what else `reading` says counts only when `decoded` is called for that file.
        """
        with self._lock:
            if self._spare is not None and self._spare.begun is None:
                self._spare.begun = _Begun(_identity(path), reading.name, reading.options)
                self._spare.send(request_of(path, 0, reading, growing=True))

    def forget(self, path: Path) -> None:
        """The file at `path` will not be complete: end the process that reads it already."""
        with self._lock:
            spare = self._spare
        if spare is not None and spare.begun is not None and spare.begun.identity == _identity(path):
            self._dismiss(spare)

    def close(self) -> None:
        """End a process that still waits for its file."""
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.end()

    def _dismiss(self, spare: "_Decoder") -> None:
        with self._lock:
            if self._spare is not spare:
                return
            self._spare = None
        spare.end()

    def _take(self, path: Path, reading: Reading, position: int) -> "_Decoder":
        """A process that has begun with nothing yet, or with this file and as it is to be read."""
        wanted = _Begun(_identity(path), reading.name, reading.options)
        with self._lock:
            spare = self._spare
            if spare is None or (spare.begun is not None and spare.begun.identity != wanted.identity):
                return _Decoder.start()
            self._spare = None
        fits = spare.begun is None or (spare.begun == wanted and position == 0)
        if fits and spare.process.poll() is None:
            return spare
        spare.end()
        return _Decoder.start()

    def decoded(
        self, path: Path, reading: Reading, position: int, holds: Callable[[Callable[[], None]], None]
    ) -> Generator[Chunk, None, None]:
        """The chunks of a file behind `position`, read by a process of their own, one read ahead of the caller.

        `holds` is called with what kills the process. Raises `Refused` with the sentence for the sender where the file
        is refused, `DecoderDied` where the process ends before its time. Closing the iterator ends the process.
        """
        decoder = self._take(path, reading, position)
        process = decoder.process
        try:
            holds(process.kill)
            decoder.ask(path, reading, position)
            yield from _ahead(process)
            process.wait()
        except (pa.ArrowInvalid, OSError, _Ended) as error:
            process.kill()
            raise _death(process, decoder.complaints) from error
        finally:
            decoder.end()


@dataclass(frozen=True)
class _Begun:
    """What a process reads before it is asked for it: the file (by device and inode: it will be renamed), and how."""

    identity: tuple[int, int]
    name: str
    options: ParseOptions


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


@dataclass
class _Decoder:
    """One process, the file that its complaints go to, and what it has begun with."""

    process: subprocess.Popen[bytes]
    complaints: IO[bytes]
    begun: _Begun | None = None

    @classmethod
    def start(cls) -> "_Decoder":
        complaints = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `end`)
        process = subprocess.Popen(
            [sys.executable, "-m", "services.ingest.decoder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            cwd=_ROOT,
            start_new_session=True,  # a signal to the server's group is the server's to answer
            env=os.environ | _KEEP_FREED_MEMORY,
        )
        _widen(process)
        return cls(process, complaints)

    def send(self, line: bytes) -> None:
        """Say something to the process. Raises `OSError` where it has ended."""
        assert self.process.stdin is not None  # noqa: S101  (for the type checker)
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def ask(self, path: Path, reading: Reading, position: int) -> None:
        """Have it send the chunks of a file, the one that it has begun with if it has."""
        is_new = self.begun is None
        self.send(request_of(path, position, reading) if is_new else completion_of(path, reading))

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.complaints):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


def _widen(process: subprocess.Popen[bytes]) -> None:
    """A pipe of a megabyte: fewer turns between the two processes."""
    if process.stdout is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(process.stdout.fileno(), fcntl.F_SETPIPE_SZ, 1 << 20)


class _Ended(Exception):
    """The stream of chunks ended without saying that it is the end."""


def _ahead(process: subprocess.Popen[bytes]) -> Iterator[Chunk]:
    """The chunks, one being read while the caller has the one before: never more than two are held."""
    chunks: queue.Queue[Chunk | BaseException | None] = queue.Queue()
    room, stop = threading.Semaphore(1), threading.Event()
    arguments = (process, chunks, room, stop)
    thread = threading.Thread(target=_read, args=arguments, name="decoder-reader", daemon=True)
    thread.start()
    try:
        while (item := chunks.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            room.release()
            yield item
    finally:
        stop.set()
        room.release()
        process.kill()
        thread.join()


def _read(
    process: subprocess.Popen[bytes], chunks: "queue.Queue[Any]", room: threading.Semaphore, stop: threading.Event
) -> None:
    try:
        room.acquire()
        for chunk in _chunks(process):
            chunks.put(chunk)
            del chunk
            room.acquire()
            if stop.is_set():
                return
        chunks.put(None)
    except Exception as error:  # whatever it is, the caller waits for it
        chunks.put(error)


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[Chunk]:
    with pa.ipc.open_stream(process.stdout) as reader:
        while True:
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                raise _Ended from None
            if FINISHED in metadata:
                return
            if REFUSED in metadata:
                raise Refused(metadata[REFUSED].decode(), field="file")
            yield _chunk(batch, json.loads(metadata[CHUNK]))


def _chunk(batch: pa.RecordBatch, said: dict[str, Any]) -> Chunk:
    problems = [LineProblem(*each) for each in said.pop("problems")]
    return Chunk(batch=pa.Table.from_batches([batch]), problems=problems, **said)


def _death(process: subprocess.Popen[bytes], complaints: IO[bytes]) -> DecoderDied:
    code = process.wait()
    complaints.seek(0)
    last = complaints.read()[-4000:].decode(errors="replace").strip().splitlines()[-1:] or [""]
    if code == OUT_OF_MEMORY or "MemoryError" in last[0] or "OutOfMemory" in last[0]:
        return DecoderDied("Reading the file takes more memory than is allowed.", may_pass=False)
    if code < 0:
        return DecoderDied(f"The process that reads the file was ended by signal {-code}.")
    return DecoderDied(f"The process that reads the file failed: {last[0][:300] or f'exit code {code}'}")
