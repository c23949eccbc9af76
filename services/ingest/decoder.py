"""The process that reads an upload: `python -m services.ingest.decoder`.

Standard input brings one line of JSON (see `request_of`), and a second one (`completion_of`) where the file was still
growing at the first; standard output carries an Arrow IPC stream of `CODED_SCHEMA`, one
batch per chunk with what else belongs to the chunk in its metadata. A crash, a bomb or a lack of memory ends here.
"""

import contextlib
import dataclasses
import json
import os
import re
import resource
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from services.errors import CallerError
from services.ingest.growing import EarlyReading, GrowingFile
from services.ingest.options import Defaults, IngestLimits, ParseOptions
from services.ingest.pipeline import Chunk, Reading, parsing_connection, read_file
from services.ingest.upload_problems import LISTED_PROBLEMS, capped, shortened
from services.model import CODED_SCHEMA

FINISHED = b"finished"
CHUNK = b"chunk"
REFUSED = b"refused"
"""Keys of a batch's metadata: the content ended; a chunk and its particulars; the sentence why the file is refused."""

OUT_OF_MEMORY = 77
"""Exit code of a decoder that grew too large."""


def request_of(path: Path, position: int, reading: Reading, *, growing: bool = False) -> bytes:
    """What the decoder reads from its standard input. `growing`: the file is still written, and more will be said."""
    said = dataclasses.asdict(reading) | {"now": reading.now.isoformat(), "path": str(path), "position": position}
    return json.dumps(said | {"growing": growing}).encode() + b"\n"


def completion_of(path: Path, reading: Reading) -> bytes:
    """What the decoder reads when the file that was growing is complete."""
    defaults = dataclasses.asdict(reading.defaults)
    said = {"path": str(path), "size_bytes": path.stat().st_size, "defaults": defaults, "now": reading.now.isoformat()}
    return json.dumps(said).encode() + b"\n"


def _reading(said: dict[str, Any]) -> Reading:
    defaults = Defaults(**(said["defaults"] | {"tags": tuple(said["defaults"]["tags"])}))
    limits, options = IngestLimits(**said["limits"]), ParseOptions(**said["options"])
    now = datetime.fromisoformat(said["now"])
    make = EarlyReading if said["growing"] else Reading
    return make(said["name"], options, defaults, now, limits, coded=True)


def _opened(path: Path, reading: Reading) -> BinaryIO:
    if not isinstance(reading, EarlyReading):
        return path.open("rb")
    reading.completion.listen(sys.stdin.buffer, lambda: os._exit(0))
    return cast(BinaryIO, GrowingFile(path, reading.completion))


def metadata_of(chunk: Chunk) -> bytes:
    """A chunk without its batch."""
    said = {each.name: getattr(chunk, each.name) for each in dataclasses.fields(chunk) if each.name != "batch"}
    problems = [dataclasses.astuple(shortened(each)) for each in chunk.problems[:LISTED_PROBLEMS]]
    return json.dumps(said | {"problems": problems, "reasons": capped(chunk.reasons)}).encode()


def main() -> int:
    """Read the request, write the chunks; 0 when the content was read to its end or refused."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the server ends it, and it ends with the server
        signal.signal(each, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    con = parsing_connection()
    request = sys.stdin.buffer.readline()  # it may be started long before it is asked
    if not request:
        return 0
    said = json.loads(request)
    reading = _reading(said)
    _bound_memory(reading.limits.decoder_bytes)
    with os.fdopen(os.dup(1), "wb") as sink, pa.ipc.new_stream(sink, CODED_SCHEMA) as writer:
        ending = {FINISHED: b"1"}
        try:
            with contextlib.closing(_opened(Path(said["path"]), reading)) as file:
                for chunk in read_file(con, file, reading, said["position"]):
                    _write(writer, chunk.batch, {CHUNK: metadata_of(chunk)})
        except CallerError as error:
            ending = {REFUSED: str(error).encode()}
        _write(writer, CODED_SCHEMA.empty_table(), ending)
    return 0


def _end_with(parent: int) -> None:
    """End this process when its parent has ended: between two chunks it would not notice for long."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _bound_memory(limit_bytes: int) -> None:
    """End this process with `OUT_OF_MEMORY` when it holds more than that.

    What is held is looked at 20 times a second: the limits of the system count what allocators only reserve, which is
    a gigabyte before the first line is read. One of those stands behind, for a single huge step.
    """
    reserved = _status("VmData")
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (reserved + 3 * limit_bytes, resource.RLIM_INFINITY))

    def watch() -> None:
        while _status("VmRSS") < limit_bytes:
            time.sleep(0.05)
        os._exit(OUT_OF_MEMORY)

    threading.Thread(target=watch, daemon=True).start()


def _status(name: str) -> int:
    """A figure of /proc/self/status in bytes; 0 on systems without it."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found.group(1)) << 10 if found else 0


def _write(writer: pa.ipc.RecordBatchStreamWriter, table: pa.Table, metadata: dict[bytes, bytes]) -> None:
    batches = table.combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], schema=CODED_SCHEMA)]
    writer.write_batch(batches[0], custom_metadata=metadata)


if __name__ == "__main__":
    sys.exit(main())
