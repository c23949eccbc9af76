"""JSON in its forms: one value per line, an array of records or documents over several lines, one value in all.

A format takes the stream of a file to blocks of units (`blocks`) and parses units (`parse`); all forms of JSON differ in
the first only.
"""

from collections.abc import Iterator
from datetime import datetime

import duckdb
import pyarrow as pa

from services.ingest.decode import LINES_SCHEMA, Block, read_lines, read_text
from services.ingest.formats import json_fast
from services.ingest.formats.json_documents import cut_documents, may_continue
from services.ingest.formats.json_text import NotJson, check_end, scan_value, skip_blank
from services.ingest.options import ParseOptions
from services.ingest.unpack import Stream

_LOOKED_AT_LINES = 200


class JsonLines:
    """One JSON value per line (NDJSON, JSON Lines)."""

    name = "ndjson"

    def blocks(
        self, stream: Stream, head: bytes, options: ParseOptions, position: int, record_bytes: int
    ) -> Iterator[Block]:
        """The records' texts behind `position`, with line numbers and ends."""
        return read_lines(stream, encoding=options.encoding, position=position, head=head, record_bytes=record_bytes)

    def split(self, con: duckdb.DuckDBPyConnection, lines: pa.Table, last: bool) -> tuple[pa.Table, pa.Table]:
        """(whole records, the beginning of a record that goes on behind these lines): here every line is whole."""
        return lines, lines.slice(len(lines))

    def parse(self, con: duckdb.DuckDBPyConnection, lines: pa.Table, options: ParseOptions, now: datetime) -> pa.Table:
        """One record of `PARSED` per line that is not blank."""
        return json_fast.parse(con, lines, options, now)


class JsonDocuments(JsonLines):
    """An array of records, or one value after the other, over any number of lines."""

    name = "json"

    def __init__(self, *, array: bool):
        self._array = array

    def blocks(
        self, stream: Stream, head: bytes, options: ParseOptions, position: int, record_bytes: int
    ) -> Iterator[Block]:
        """See `JsonLines.blocks`."""
        return cut_documents(
            read_text(stream, encoding=options.encoding, head=head),
            array=self._array,
            position=position,
            record_bytes=record_bytes,
        )


class JsonWhole(JsonLines):
    """A document that is no list of records: one record, whatever it holds."""

    name = "json"

    def blocks(
        self, stream: Stream, head: bytes, options: ParseOptions, position: int, record_bytes: int
    ) -> Iterator[Block]:
        """One block with one unit: the text without white space around it."""
        text = "".join(read_text(stream, encoding=options.encoding, head=head)).strip("\ufeff \t\r\n")
        if text and position < 1:
            yield Block(pa.table([[1], [text], [1]], schema=LINES_SCHEMA))


def detect_json(head: str, *, complete: bool, said: str | None) -> JsonLines | None:
    """The reader for a text that begins with `head`, or None where it is not JSON.

    `complete` says that `head` is all of it; `said` is "ndjson", "json" or None: what its sender or its name says.
    """
    start = skip_blank(head, 0)
    first = head[start : start + 1]
    lines = [line for line in head[start:].split("\n")[:_LOOKED_AT_LINES] if line.strip()]
    certain = lines if complete or len(lines) == 1 else lines[:-1]
    whole = sum(is_json(line) for line in certain)
    if said == "ndjson" or (said == "json" and whole and len(lines) > 1):
        return JsonLines()
    if first == "[" and head[skip_blank(head, start + 1) :][:1] == "{" and (len(lines) < 2 or whole < 2):
        return JsonDocuments(array=True)
    if first == "{" and lines:
        return _detect_objects(head[start:], certain, whole, complete, said)
    if said == "json":
        return JsonWhole() if complete else JsonLines()
    return None


def _detect_objects(head: str, lines: list[str], whole: int, complete: bool, said: str | None) -> JsonLines | None:
    if whole * 2 >= len(lines) and (len(lines) > 1 or whole):
        return JsonLines()
    if _begins_with_json(head, complete):
        return JsonDocuments(array=False)
    if whole:
        return JsonLines()
    if said == "json":
        return JsonWhole() if complete else JsonDocuments(array=False)
    return None


def is_json(text: str) -> bool:
    """True where the text is one JSON value (RFC 8259)."""
    try:
        _, end = scan_value(text, skip_blank(text, 0))
        check_end(text, end)
    except NotJson:
        return False
    return True


def _begins_with_json(text: str, complete: bool) -> bool:
    try:
        scan_value(text, 0)
    except NotJson as error:
        return not complete and may_continue(text, error)
    return True
