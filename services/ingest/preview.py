"""How the beginning of a file would be read. It is made in the process that serves everybody: every step is bounded."""

import dataclasses
import io
from dataclasses import dataclass
from typing import Any

import duckdb

from services.errors import InvalidInput
from services.ingest.decode import is_binary
from services.ingest.detect import HEAD_BYTES
from services.ingest.pipeline import Chunk, LineProblem, Reading, read_file
from services.ingest.unpack import Member, UnpackLimits, is_packed, unpack

UNPACKED_BYTES = 1 << 20
"""So much of a packed file is unpacked, all its members together."""

LINES = 20_000
"""So many lines are read."""


@dataclass(frozen=True)
class Preview:
    """The first rows of a file as they would be stored. `details` says what was found out about the format."""

    format: str
    details: dict[str, Any]
    rows: list[dict[str, Any]]
    problems: list[LineProblem]


def preview_of(con: duckdb.DuckDBPyConnection, head: bytes, reading: Reading, rows: int) -> Preview:
    """The first `rows` records of a file that begins with `head`. Raises `InvalidInput` where it is no text."""
    problems: list[LineProblem] = []
    left = UNPACKED_BYTES
    limits = UnpackLimits(2 * UNPACKED_BYTES, max_entries=reading.limits.unpack_entries)
    for member in unpack(io.BytesIO(head), reading.name, limits):
        content = _beginning(member, left)
        left -= len(content)
        if not (is_packed(content) or is_binary(content)):
            lines = _whole_lines(content, is_cut=len(head) >= HEAD_BYTES or left <= 0)
            chunk = _first_chunk(con, lines, dataclasses.replace(reading, name=member.name))
            if chunk is not None:
                return _preview(chunk, rows)
        elif not member.in_archive:
            raise InvalidInput(f"{reading.name or 'The file'} is not a log file: it holds binary data.", field="file")
        if member.problem:
            problems.append(LineProblem(None, member.problem))
        if left <= 0:
            break
    return Preview("text", {"bytes": len(head), "records": 0}, [], problems[:rows])


def _beginning(member: Member, most: int) -> bytes:
    pieces: list[bytes] = []
    while most > 0 and (step := member.read(most)):
        pieces.append(step)
        most -= len(step)
    return b"".join(pieces)


def _whole_lines(content: bytes, *, is_cut: bool) -> bytes:
    """The first lines of `content`; where it is the beginning of more, without the line that is cut."""
    if is_cut and b"\n" in content:
        content = content[: content.rfind(b"\n") + 1]
    lines = content.split(b"\n", LINES)
    return content if len(lines) <= LINES else content[: len(content) - len(lines[-1])]


def _first_chunk(con: duckdb.DuckDBPyConnection, content: bytes, reading: Reading) -> Chunk | None:
    return next((chunk for chunk in read_file(con, io.BytesIO(content), reading) if len(chunk.batch)), None)


def _preview(chunk: Chunk, rows: int) -> Preview:
    shown = [
        {name: value for name, value in row.items() if value not in (None, []) and name not in ("shape", "upload_id")}
        for row in chunk.batch.slice(0, rows).to_pylist()
    ]
    for row in shown:
        row["timestamp"] = row["timestamp"].isoformat().replace("+00:00", "Z")
    details = {"records": len(chunk.batch), "problems": chunk.problem_count}
    return Preview(chunk.format, details, shown, chunk.problems[:rows])
