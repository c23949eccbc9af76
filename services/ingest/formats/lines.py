"""Text formats for the pipeline: where records begin decides where a chunk may end."""

from collections.abc import Iterator
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.ingest.decode import Block, read_lines
from services.ingest.detect_text import TextFormat, detect_text
from services.ingest.options import ParseOptions
from services.ingest.unpack import Stream

_COLUMNS = ["line_no", "line"]


class TextLines:
    """Lines of text, as `detect_text` found that they are to be read."""

    def __init__(self, form: TextFormat):
        self._form = form
        self.name = form.name

    @classmethod
    def detect(cls, con: duckdb.DuckDBPyConnection, sample: pa.Table, options: ParseOptions) -> "TextLines":
        """The reader for a text that begins with these lines (line_no, line)."""
        return cls(detect_text(con, sample, options))

    def blocks(
        self, stream: Stream, head: bytes, options: ParseOptions, position: int, record_bytes: int
    ) -> Iterator[Block]:
        """The lines behind `position`, in blocks."""
        return read_lines(stream, encoding=options.encoding, position=position, head=head, record_bytes=record_bytes)

    def split(self, con: duckdb.DuckDBPyConnection, lines: pa.Table, last: bool) -> tuple[pa.Table, pa.Table]:
        """(lines of whole records, lines of the last record, which may go on in the next chunk)."""
        if last or not len(lines):
            return lines, lines.slice(len(lines))
        starts = pc.indices_nonzero(self._form.starts_record(con, lines.select(_COLUMNS)))
        cut = starts[-1].as_py() if len(starts) else 0
        return lines.slice(0, cut), lines.slice(cut)

    def parse(self, con: duckdb.DuckDBPyConnection, lines: pa.Table, options: ParseOptions, now: datetime) -> pa.Table:
        """The records of `lines` as a table of `PARSED`."""
        return self._form.parse(con, lines.select(_COLUMNS), options, now)
