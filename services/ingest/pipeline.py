"""From the bytes of one file to batches that can be stored, chunk by chunk, with the place to resume behind each.

A position is the number of the member (0 outside archives) shifted by 40 bits, plus the `end` of the last line read.
"""

import bisect
import io
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.errors import InvalidInput
from services.ingest.decode import LINES_SCHEMA, Block, is_binary
from services.ingest.detect import HEAD_BYTES, Format, detect
from services.ingest.normalise import normalise
from services.ingest.options import Defaults, IngestLimits, ParseOptions
from services.ingest.unpack import Member, UnpackLimits, unpack
from services.model import CODED_SCHEMA, LOG_SCHEMA, LogBatch

CHUNK_BYTES = 48 << 20
KEPT_PROBLEMS = 1000
"""So many problems are listed with line and sample; all are counted."""

SAMPLE_CHARACTERS = 200
NAME_CHARACTERS = 100
_MEMBER_SHIFT = 40


@dataclass(frozen=True)
class LineProblem:
    """What is wrong with one line. `line` is None where it is about a whole file of an archive."""

    line: int | None
    reason: str
    sample: str = ""


@dataclass(frozen=True)
class Chunk:
    """Records that are stored together.

    position    where to resume once they are
    read_bytes  how much of the file as it was sent is read by then
    problems    the first of this chunk's, `problem_count` how many there are, `reasons` how many of each sort
    """

    batch: LogBatch
    position: int
    read_bytes: int
    format: str
    problems: list[LineProblem] = field(default_factory=list)
    problem_count: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


def parsing_connection(memory: str = "256MB", threads: int = 1) -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own for reading records: no files, no extensions from elsewhere, UTC."""
    con = duckdb.connect(
        ":memory:",
        config={
            "threads": threads,
            "memory_limit": memory,
            "temp_directory": "",
            "autoinstall_known_extensions": False,
        },
    )
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET enable_progress_bar = false")  # it writes to standard output, where the decoder's chunks go
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    return con


@dataclass(frozen=True)
class Reading:
    """How one file is read. `coded`: its batches are of `CODED_SCHEMA`."""

    name: str
    options: ParseOptions
    defaults: Defaults
    now: datetime
    limits: IngestLimits = field(default_factory=IngestLimits)
    coded: bool = False

    def said(self) -> tuple[Defaults, datetime]:
        """What its records get that bring none of their own: the defaults, and the time of arrival."""
        return self.defaults, self.now


def read_file(con: duckdb.DuckDBPyConnection, file: BinaryIO, reading: Reading, position: int = 0) -> Iterator[Chunk]:
    """The chunks of `file` behind `position`, in order.

    Raises `InvalidInput` where the file is no text, `TooLarge` where it unpacks to more than the limits allow.
    """
    limits = reading.limits
    unpacking = UnpackLimits(limits.unpack_bytes, limits.unpack_ratio, max_entries=limits.unpack_entries)
    skip = position >> _MEMBER_SHIFT
    for index, member in enumerate(unpack(file, reading.name, unpacking)):
        if index < skip:
            continue
        start = position & ((1 << _MEMBER_SHIFT) - 1) if index == skip else 0
        yield from _read_member(con, file, member, index, reading, start)


def _read_member(
    con: duckdb.DuckDBPyConnection, file: BinaryIO, member: Member, index: int, reading: Reading, start: int
) -> Iterator[Chunk]:
    head = member.peek(HEAD_BYTES)
    if is_binary(head):
        if not member.in_archive:
            raise InvalidInput(f"{reading.name or 'The file'} is not a log file: it holds binary data.", field="file")
        member.problem = "it holds binary data; it was left out"
    elif head:
        form = detect(con, head, member.name, reading.options)
        chunks = _Chunks(con, form, reading, index << _MEMBER_SHIFT)
        yield from chunks.made_of(form.blocks(member, head, reading.options, start, reading.limits.record_bytes), file)
    if member.problem:
        yield _only_a_problem(member, (index << _MEMBER_SHIFT), file.tell(), reading)


def _only_a_problem(member: Member, base: int, read_bytes: int, reading: Reading) -> Chunk:
    kind = str(member.problem)
    reason = f"{member.name[:NAME_CHARACTERS]}: {kind}" if member.in_archive else kind
    problem = LineProblem(None, reason)
    schema = CODED_SCHEMA if reading.coded else LOG_SCHEMA
    return Chunk(schema.empty_table(), base, read_bytes, "", [problem], 0, {kind: 1})


class _Chunks:
    """Gathers blocks of lines until they make a chunk, and makes it."""

    def __init__(self, con: duckdb.DuckDBPyConnection, form: Format, reading: Reading, base: int):
        self._base = base
        self._con = con
        self._form = form
        self._reading = reading
        self._held: list[pa.Table] = []
        self._rows = 0
        self._bytes = 0
        self._marks: dict[int, str] = {}

    def cut(self, blocks: Iterator[Block]) -> Iterator[tuple[pa.Table, dict[int, str]]]:
        """The lines of `blocks` in chunks of whole records, with the marks of each chunk's lines."""
        for block in blocks:
            self._hold(block.lines)
            self._marks |= block.marks
            while self._rows >= self._reading.limits.chunk_rows or self._bytes >= CHUNK_BYTES:
                yield self._take(last=False)
        while self._rows:
            yield self._take(last=self._rows <= self._reading.limits.chunk_rows)

    def _hold(self, lines: pa.Table) -> None:
        if len(lines):
            self._held.append(lines)
            self._rows += len(lines)
            self._bytes += lines.nbytes

    def _take(self, *, last: bool) -> tuple[pa.Table, dict[int, str]]:
        table = pa.concat_tables(self._held or [LINES_SCHEMA.empty_table()])
        lines = table.slice(0, self._reading.limits.chunk_rows)
        whole, open_ = self._form.split(self._con, lines, last)
        if not len(whole):
            whole, open_ = lines, lines.slice(len(lines))
        self._held, self._rows, self._bytes = [], 0, 0
        self._hold(open_)
        self._hold(table.slice(len(lines)))
        marks, self._marks = self._marks, {}
        return whole, marks

    def made_of(self, blocks: Iterator[Block], file: BinaryIO) -> Iterator[Chunk]:
        """The chunks, in order. One is normalised by a thread of its own while the next one is parsed."""
        with ThreadPoolExecutor(1, thread_name_prefix="normalise") as worker:
            ahead: Future[Chunk] | None = None
            for lines, marks in self.cut(blocks):
                parsed = self._form.parse(self._con, lines, self._reading.options, self._reading.now)
                if ahead is not None:
                    yield ahead.result()
                position = self._base + lines["end"][-1].as_py()
                ahead = worker.submit(self._chunk, marked(parsed, marks), position, file.tell())
                del lines, parsed  # tens of megabytes that the next chunk can have
            if ahead is not None:
                yield ahead.result()

    def _chunk(self, parsed: pa.Table, position: int, read_bytes: int) -> Chunk:
        batch = normalise(parsed, *self._reading.said(), coded=self._reading.coded)
        return Chunk(batch, position, read_bytes, self._form.name, *_problems(batch, parsed["line_no"]))


def marked(parsed: pa.Table, marks: dict[int, str]) -> pa.Table:
    """What the decoder found wrong with lines, as problems of the records that hold them."""
    if not marks:
        return parsed
    starts, problems = parsed["line_no"].to_pylist(), parsed["problem"].to_pylist()
    for line_no, mark in marks.items():
        index = bisect.bisect_right(starts, line_no) - 1
        if index >= 0:
            problems[index] = "; ".join(dict.fromkeys([*filter(None, [problems[index]]), mark]))
    position = parsed.schema.get_field_index("problem")
    return parsed.set_column(position, parsed.schema.field("problem"), pa.array(problems, pa.string()))


_PLACE = re.compile(r" at column \d+")


def _problems(batch: LogBatch, line_numbers: pa.ChunkedArray) -> tuple[list[LineProblem], int, dict[str, int]]:
    found = pc.indices_nonzero(pc.is_valid(batch["problem"]))
    if not len(found):
        return [], 0, {}
    reasons = batch["problem"].take(found).to_pylist()
    first = found.slice(0, KEPT_PROBLEMS)
    rows = batch.select(["message", "raw"]).take(first).to_pylist()
    numbers = line_numbers.take(first).to_pylist()
    kept = [
        LineProblem(number, reason, (row["raw"] or row["message"])[:SAMPLE_CHARACTERS])
        for number, reason, row in zip(numbers, reasons, rows, strict=False)
    ]
    return kept, len(found), dict(Counter(_PLACE.sub("", reason) for reason in reasons))


def read_bytes(con: duckdb.DuckDBPyConnection, content: bytes, reading: Reading) -> Iterator[Chunk]:
    """As `read_file`, for content in memory."""
    return read_file(con, io.BytesIO(content), reading)
