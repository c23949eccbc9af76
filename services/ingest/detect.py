"""Which format a text is in: by what its sender says, by its beginning, and by its name where the beginning leaves it open."""

import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import Protocol

import duckdb
import pyarrow as pa

from services.ingest.decode import Block, read_text
from services.ingest.formats.csv import detect_csv
from services.ingest.formats.json import detect_json
from services.ingest.formats.lines import TextLines
from services.ingest.options import ParseOptions
from services.ingest.unpack import Stream

HEAD_BYTES = 256 << 10
SAMPLE_LINES = 2000
_SAID_BY_NAME = {"ndjson": "ndjson", "jsonl": "ndjson", "json": "json", "csv": "csv", "tsv": "tsv"}


class Format(Protocol):
    """From a stream of bytes to records."""

    @property
    def name(self) -> str:
        """What the content was found to be."""

    def blocks(
        self, stream: Stream, head: bytes, options: ParseOptions, position: int, record_bytes: int
    ) -> Iterator[Block]:
        """The content's lines (or the texts of its records) behind `position`, with line numbers and ends.

        A line over `record_bytes` is cut there and marked.
        """

    def split(self, con: duckdb.DuckDBPyConnection, lines: pa.Table, last: bool) -> tuple[pa.Table, pa.Table]:
        """(whole records, the beginning of a record that goes on behind these lines)."""

    def parse(self, con: duckdb.DuckDBPyConnection, lines: pa.Table, options: ParseOptions, now: datetime) -> pa.Table:
        """The records of `lines` as a table of `PARSED`."""


def detect(con: duckdb.DuckDBPyConnection, head: bytes, name: str, options: ParseOptions) -> Format:
    """The format of a text that begins with `head` (all of it where that is less than `HEAD_BYTES`)."""
    complete = len(head) < HEAD_BYTES
    text = "".join(read_text(io.BytesIO(head), encoding=options.encoding, head=head)).removeprefix("\ufeff")
    said = options.format or _SAID_BY_NAME.get(PurePosixPath(name.lower()).suffix.lstrip("."))
    if said in ("csv", "tsv") and (found := detect_csv(text, said=said, options=options)):
        return found
    if said in (None, "ndjson", "json") and (read := detect_json(text, complete=complete, said=said)):
        return read
    if options.format is None and (found := detect_csv(text, said=None, options=options)):
        return found
    return TextLines.detect(con, _sample(text, complete), options)


def _sample(text: str, complete: bool) -> pa.Table:
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if not complete and len(lines) > 1:
        lines.pop()
    kept = lines[:SAMPLE_LINES]
    return pa.table({"line_no": pa.array(range(1, len(kept) + 1), pa.int64()), "line": pa.array(kept, pa.string())})
