"""Comma-separated values and their relatives (RFC 4180): rows as records, columns through the aliases of JSON.

Lines are joined to rows first (a quoted value may hold line breaks); rows that do not fit the header are read one by one
and stored with a problem; all others are read by pyarrow as columns.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from services.ingest.decode import Block, read_lines
from services.ingest.formats.blank import without_blank
from services.ingest.formats.csv_columns import records
from services.ingest.formats.json_aliases import RANK
from services.ingest.options import ParseOptions
from services.ingest.unpack import Stream

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT_ROWS = 50
MOST_LINES = 1000
"""A row of more lines than this has a quote that was never closed."""

_FIGURES = re.compile(r"[-+]?[\d.,:/ TZ-]*\d[\d.,:/ TZ%-]*")
_OPEN_QUOTE = "a quote is not closed"


@dataclass(frozen=True)
class CsvRows:
    """How the rows of one file are read. `header_line` is the number of the line with the names, 0 without one."""

    name: str
    delimiter: str
    names: tuple[str, ...]
    header_line: int

    def blocks(
        self, stream: Stream, head: bytes, options: ParseOptions, position: int, record_bytes: int
    ) -> Iterator[Block]:
        """The lines behind `position`, in blocks."""
        return read_lines(stream, encoding=options.encoding, position=position, head=head, record_bytes=record_bytes)

    def split(self, con: duckdb.DuckDBPyConnection, lines: pa.Table, last: bool) -> tuple[pa.Table, pa.Table]:
        """(lines of whole rows, lines of a row whose quoted value goes on)."""
        open_from = _open_row(lines)
        if last or open_from is None or len(lines) - open_from > MOST_LINES:
            return lines, lines.slice(len(lines))
        return lines.slice(0, open_from), lines.slice(open_from)

    def parse(self, con: duckdb.DuckDBPyConnection, lines: pa.Table, options: ParseOptions, now: datetime) -> pa.Table:
        """One record of `PARSED` per row."""
        rows, unclosed = _rows(lines.select(["line_no", "line"]))
        if self.header_line:
            keep = pc.not_equal(rows["line_no"], self.header_line)
            rows, unclosed = rows.filter(keep), unclosed.filter(keep)
        even = rows.filter(pc.invert(unclosed))
        table, fits = self._columns(even["line"].combine_chunks())
        odd = pa.concat_tables([even.filter(pc.invert(fits)), rows.filter(unclosed)])
        even = even.filter(fits)
        parts = [records(con, table, even, self.names, options, now)] if len(even) else []
        if len(odd):
            parts.append(self._odd_rows(con, odd, options, now))
        found = pa.concat_tables(parts) if parts else records(con, table, even, self.names, options, now)
        return found.take(pc.sort_indices(found["line_no"])) if len(parts) > 1 else found

    def _columns(self, rows: pa.Array) -> tuple[pa.Table, pa.Array]:
        """(a text column per name, which of the rows are in it)."""
        texts = rows.to_pylist()
        odd: list[int] = []

        def skip(row: pacsv.InvalidRow) -> str:
            odd.append(row.number - 1)
            return "skip"

        if not texts:
            return pa.table({name: pa.array([], pa.string()) for name in self.names}), pa.array([], pa.bool_())
        content = ("\n".join(texts) + "\n").encode()
        table = pacsv.read_csv(
            io.BytesIO(content),
            read_options=pacsv.ReadOptions(
                column_names=list(self.names), use_threads=False, block_size=len(content) + 1
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=skip
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()), strings_can_be_null=False
            ),
        )
        if len(table) + len(odd) != len(texts):
            return self._columns_one_by_one(texts)
        gone = set(odd)
        return table, pa.array([index not in gone for index in range(len(texts))], pa.bool_())

    def _columns_one_by_one(self, texts: list[str]) -> tuple[pa.Table, pa.Array]:
        """The same where a stray quote makes pyarrow join rows."""
        read = [_fields(text, self.delimiter) for text in texts]
        fits = [len(fields) == len(self.names) for fields in read]
        good = [fields for fields, fit in zip(read, fits, strict=True) if fit]
        columns = {name: pa.array([row[at] for row in good], pa.string()) for at, name in enumerate(self.names)}
        return pa.table(columns), pa.array(fits, pa.bool_())

    def _odd_rows(
        self, con: duckdb.DuckDBPyConnection, rows: pa.Table, options: ParseOptions, now: datetime
    ) -> pa.Table:
        """Rows with too many or too few values: what is there goes by its column, what is too much gets a name."""
        texts = rows["line"].to_pylist()
        read = [_fields(text, self.delimiter) for text in texts]
        width = max(len(self.names), *(len(fields) for fields in read))
        names = unique([*self.names, *(f"column_{at + 1}" for at in range(len(self.names), width))])
        columns = [[fields[at] if at < len(fields) else "" for fields in read] for at in range(width)]
        table = pa.table([pa.array(column, pa.string()) for column in columns], names=list(names))
        found = records(con, table, rows, names, options, now)
        problems = [_problem(text, len(fields), len(self.names)) for text, fields in zip(texts, read, strict=True)]
        joined = pc.binary_join_element_wise(
            pa.array(problems, pa.string()), found["problem"].combine_chunks(), "; ", null_handling="skip"
        )
        found = found.set_column(found.schema.get_field_index("problem"), found.schema.field("problem"), joined)
        raw = found.schema.get_field_index("raw")
        return found.set_column(raw, found.schema.field(raw), rows["line"])


def _problem(text: str, count: int, expected: int) -> str:
    if text.count('"') % 2:
        return _OPEN_QUOTE
    return f"{count} values where the header has {expected}"


def _fields(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [""])
    except csv.Error:
        return text.split(delimiter)


def _parity(lines: pa.Table) -> pa.Array:
    """For each line whether a quoted value is open behind it."""
    quotes = pc.count_substring(lines["line"], '"')
    return pc.equal(pc.bit_wise_and(pc.cumulative_sum(quotes.cast(pa.int64())), 1), 1)


def _open_row(lines: pa.Table) -> int | None:
    """Index of the first line of the row that is still open at the end."""
    if not len(lines):
        return None
    open_ = _parity(lines).combine_chunks()
    if not open_[-1].as_py():
        return None
    closed = pc.indices_nonzero(pc.invert(open_))
    return closed[-1].as_py() + 1 if len(closed) else 0


def _rows(lines: pa.Table) -> tuple[pa.Table, pa.Array]:
    """(line_no and text of every row, which of them have a quote that is not closed)."""
    if not pc.any(_parity(lines)).as_py():
        lines = without_blank(lines)
        return lines, pa.array([False]).take(pa.array([0] * len(lines), pa.int8()))
    numbers, texts = lines["line_no"].to_pylist(), lines["line"].to_pylist()
    rows: list[tuple[int, str, bool]] = []
    at = 0
    while at < len(texts):
        end = _row_end(texts, at)
        rows.append((numbers[at], "\n".join(texts[at : end or at + 1]), end is None))
        at = end or at + 1
    kept = [row for row in rows if row[1].strip()]
    table = pa.table(
        {
            "line_no": pa.array([row[0] for row in kept], pa.int64()),
            "line": pa.array([row[1] for row in kept], pa.string()),
        }
    )
    return table, pa.array([row[2] for row in kept], pa.bool_())


def _row_end(texts: Sequence[str], at: int) -> int | None:
    """Index behind the last line of the row that begins at `at`, or None where its quote is never closed."""
    quotes = 0
    for index in range(at, min(len(texts), at + MOST_LINES)):
        quotes += texts[index].count('"')
        if quotes % 2 == 0:
            return index + 1
    return None


def detect_csv(text: str, *, said: str | None, options: ParseOptions) -> CsvRows | None:
    """The reader for a text that begins so, or None where it is no table. `said` is "csv", "tsv" or None: unknown."""
    lines = text.split("\n")[: LOOKED_AT_ROWS * 4]
    first = next((index for index, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return None
    delimiter = options.delimiter or ("\t" if said == "tsv" else _delimiter(lines, certain=said is not None))
    if delimiter is None:
        return None
    sample = _sample(lines[first:], delimiter)
    header = options.header if options.header is not None else _is_header(sample)
    if said is None and not (header and _is_log_table(sample)):
        return None
    width = len(sample[0]) if header else Counter(map(len, sample)).most_common(1)[0][0]
    names = [field.strip() for field in sample[0]] if header else _guessed_names(sample, width)
    kind = "tsv" if delimiter == "\t" else "csv"
    return CsvRows(kind, delimiter, unique(names), first + 1 if header else 0)


def _sample(lines: list[str], delimiter: str) -> list[list[str]]:
    content = io.StringIO("\n".join(line.removesuffix("\r") for line in lines), newline="")
    rows: list[list[str]] = []
    try:
        for row in csv.reader(content, delimiter=delimiter):
            if any(field.strip() for field in row):
                rows.append(row)
            if len(rows) >= LOOKED_AT_ROWS:
                break
    except csv.Error:
        pass
    return rows or [[""]]


def _delimiter(lines: list[str], *, certain: bool) -> str | None:
    """The delimiter that makes most rows equally wide; None where none does."""
    best, best_score = None, (0.0, 0)
    for delimiter in DELIMITERS:
        widths = Counter(map(len, _sample(lines, delimiter)))
        width, count = widths.most_common(1)[0]
        score = (round(count / widths.total(), 1), width)
        if width > 1 and score > best_score:
            best, best_score = delimiter, score
    if certain:
        return best or ","
    return best if best_score[0] >= 0.9 else None


def _is_header(sample: list[list[str]]) -> bool:
    first = [field.strip() for field in sample[0]]
    if not all(first) or len(set(first)) < len(first) or any(len(field) > 64 for field in first):
        return False
    if any(_FIGURES.fullmatch(field) for field in first):
        return False
    known = sum(field.lower() in RANK for field in first)
    figures = any(_FIGURES.fullmatch(field.strip()) for row in sample[1:6] for field in row if field.strip())
    return bool(known) or figures


def _is_log_table(sample: list[list[str]]) -> bool:
    """True where nobody said that it is a table, but it is one: several rows, and names that records have."""
    columns = {RANK[field.strip().lower()][0] for field in sample[0] if field.strip().lower() in RANK}
    return len(sample) > 2 and len(sample[0]) > 2 and len(columns) >= 2


def _guessed_names(sample: list[list[str]], width: int) -> list[str]:
    """Names for a table without any: the first column of times, of levels, and the one with the longest texts."""
    from services.ingest.resolve import level_of

    columns = [[row[at] for row in sample if at < len(row) and row[at].strip()] for at in range(width)]
    names = [f"column_{at + 1}" for at in range(width)]
    times = [
        at for at, column in enumerate(columns) if column and all(re.search(r"\d\d?:\d\d", each) for each in column)
    ]
    levels = [at for at, column in enumerate(columns) if column and all(level_of(each) for each in column)]
    rest = [at for at in range(width) if at not in times[:1] and at not in levels[:1] and columns[at]]
    for name, found in (("timestamp", times), ("level", levels)):
        if found:
            names[found[0]] = name
    if rest:
        names[max(rest, key=lambda at: sum(map(len, columns[at])) / len(columns[at]))] = "message"
    return names


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """The names, all different and none empty: `column_3` for an empty third one, `name_2` for a second `name`."""
    taken: set[str] = set()
    made: list[str] = []
    for at, name in enumerate(names):
        base = name or f"column_{at + 1}"
        candidate, number = base, 2
        while candidate in taken:
            candidate, number = f"{base}_{number}", number + 1
        taken.add(candidate)
        made.append(candidate)
    return tuple(made)
