"""Lines of text as records: the formats that a file is made of, and what becomes of lines that have no header."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.ingest.formats.continuations import (
    CONTINUATION,
    join_partials,
    join_tails,
    level_of_second_line,
    with_forced_starts,
)
from services.ingest.formats.json_exact import NO_TIME
from services.ingest.formats.line_format import LineFormat, records_sql
from services.ingest.formats.parsed import PARSED
from services.ingest.formats.statements import Statements
from services.ingest.levels import levels_of
from services.ingest.options import ParseOptions
from services.ingest.resolve import resolve_times

_BLANK = " \t\r\x0b\x0c\x00"


@dataclass(frozen=True)
class TextFormat:
    """How the lines of one file are read. For one thread at a time: it keeps the statements that it prepared.

    name        for people: the formats, the most frequent first
    forms       tried on each line in this order; none: every line is a record as it is
    joins_free  whether a line without a header that does not look like a continuation belongs to the record before
    strict      whether such a line is malformed (the user said what lines look like)
    """

    name: str
    forms: tuple[LineFormat, ...] = ()
    joins_free: bool = True
    strict: bool = False
    _statements: list[Statements] = field(default_factory=list, compare=False, repr=False)

    def starts_record(self, con: duckdb.DuckDBPyConnection, lines: pa.Table) -> pa.BooleanArray:
        """For each line whether a record begins there: a chunk may end before such a line. Blank lines begin none."""
        if not self.forms:
            return (
                pa.array([True]).take(pa.array([0] * len(lines), pa.int8())) if len(lines) else pa.array([], pa.bool_())
            )
        tests = [f"regexp_matches(line, '{form.pattern}')" for form in self.forms]
        if not self.joins_free:
            tests.append(f"(trim(line, '{_BLANK}') <> '' AND NOT regexp_matches(line, '{CONTINUATION}'))")
        found = f"({' OR '.join(tests)})"
        if self._has_partials:
            found += f" AND NOT ({_OPEN_PARTIAL})"
        if not len(lines):
            return pa.array([], pa.bool_())
        starts = self._on(con).run(
            f"SELECT coalesce({found}, false) AS starts FROM lines ORDER BY line_no", lines=_texts(lines)
        )
        return with_forced_starts(starts.column(0).combine_chunks(), lines)

    def parse(self, con: duckdb.DuckDBPyConnection, lines: pa.Table, options: ParseOptions, now: datetime) -> pa.Table:
        """The records of a chunk of lines (line_no, line), as a table of `PARSED` in the order of the lines.

        `now` is the moment by which years that are not written are inferred.
        """
        statements = self._on(con)
        rest = _without_blank(_texts(lines), to_the_end=self._has_partials)
        parts = []
        for form in self.forms:
            if len(rest):
                records, rest = _read(statements, form, rest, options, now)
                parts.append(records)
        heads = pa.concat_tables(parts) if parts else _plain(rest.slice(0, 0))
        return self._with_rest(statements.cursor, heads, rest, options)

    def _on(self, con: duckdb.DuckDBPyConnection) -> Statements:
        """The statements prepared on a connection; those of another connection are let go."""
        if not self._statements or self._statements[0].con is not con:
            self._statements[:] = [Statements(con)]
        return self._statements[0]

    @property
    def _has_partials(self) -> bool:
        return any("flag" in form.groups for form in self.forms)

    def _with_rest(
        self, cursor: duckdb.DuckDBPyConnection, heads: pa.Table, rest: pa.Table, options: ParseOptions
    ) -> pa.Table:
        """The records of all lines in their order: what has no header joins the record before, or is a record."""
        if not len(rest):
            return _ordered([heads]) if len(self.forms) > 1 else _shaped(heads)
        free = self._free(rest, options)
        own = rest.filter(free)
        problem = "the line does not have the form of the others" if self.strict else None
        records = _ordered([heads, _plain(own.append_column("problem", pa.array([problem] * len(own), pa.string())))])
        records, apart = join_tails(cursor, records, rest.filter(pc.invert(free)))
        for pattern in {form.follows for form in self.forms if form.follows}:
            records = level_of_second_line(cursor, records, pattern)
        return _ordered([records, _plain(apart)])

    def _free(self, rest: pa.Table, options: ParseOptions) -> pa.Array:
        """Which of the lines without a header are records of their own."""
        line = rest.column("line").combine_chunks()
        if not self.forms or not options.multiline:
            return pc.fill_null(pc.is_valid(line), True)
        if self.joins_free:
            return pc.invert(pc.is_valid(line))
        return pc.invert(pc.match_substring_regex(line, CONTINUATION))


_OPEN_PARTIAL = " OR ".join(
    f"coalesce(last_value(CASE WHEN line LIKE '% {stream} _ %' OR line LIKE '% {stream} _:%' THEN"
    f" regexp_extract(line, '^\\S+ {stream} (P?)', 1) END IGNORE NULLS)"
    " OVER (ORDER BY line_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), '') = 'P'"
    for stream in ("stdout", "stderr")
)
"""Whether a partial line of either stream waits for its end."""


def _read(
    statements: Statements, form: LineFormat, lines: pa.Table, options: ParseOptions, now: datetime
) -> tuple[pa.Table, pa.Table]:
    """(records of the lines that have the header of `form`, the other lines)."""
    query = f"SELECT line_no, line, regexp_extract(line, '{form.pattern}') AS header FROM lines"
    headed = statements.run(query, lines=lines)
    moment = f"TIMESTAMP '{now.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')}'"
    zone = options.timezone or "UTC"
    query = records_sql(form, zone=zone, now=moment, time_format=options.timestamp_format)
    records = _finished(statements.cursor, statements.run(query, headed=headed), options, now)
    if "flag" in form.groups and len(records):
        records = join_partials(statements.cursor, records, statements.run(_fragments_sql(form), headed=headed))
    if len(records) == len(lines):
        return records, lines.slice(0, 0)
    return records, headed.filter(pc.equal(headed.column("header"), "")).select(["line_no", "line"])


def _fragments_sql(form: LineFormat) -> str:
    return (
        f"SELECT line_no, h.stream AS stream, h.flag[1] = 'P' AS partial, substr(line, length(header) + 1) AS message FROM"
        f" (SELECT *, regexp_extract(header, '{form.pattern}', {list(form.groups)}) AS h FROM headed WHERE header <> '')"
    )


def _finished(cursor: duckdb.DuckDBPyConnection, records: pa.Table, options: ParseOptions, now: datetime) -> pa.Table:
    """Looks the levels up, and reads the times that the expected notations left NULL, in any notation; what is no time becomes a problem."""
    texts = records.column("time")
    level = pc.coalesce(records.column("level"), levels_of(records.column("word")))
    records = records.set_column(records.schema.get_field_index("level"), "level", level)
    missing = pc.and_(pc.is_null(records.column("timestamp")), pc.greater(pc.utf8_length(texts), 1))
    records = records.append_column("tags", pa.nulls(len(records), pa.list_(pa.string())))
    if not pc.any(missing).as_py():
        return records
    found = resolve_times(cursor, pc.if_else(missing, texts, None), options, now)
    times = pc.coalesce(records.column("timestamp"), found)
    unread = pc.and_(missing, pc.is_null(found))
    problem = pc.coalesce(pc.if_else(unread, NO_TIME, pa.scalar(None, pa.string())), records.column("problem"))
    records = records.set_column(records.schema.get_field_index("timestamp"), "timestamp", times)
    return records.set_column(records.schema.get_field_index("problem"), "problem", problem)


def _texts(lines: pa.Table) -> pa.Table:
    """The lines as strings without NULs before, which truncated files have."""
    text = pc.ascii_ltrim(pc.cast(lines.column("line"), pa.string()), "\x00")
    return pa.table({"line_no": lines.column("line_no"), "line": text})


def _without_blank(lines: pa.Table, *, to_the_end: bool) -> pa.Table:
    """The lines that are more than white space, without the white space behind; with it if `to_the_end`."""
    text = pc.ascii_rtrim(lines.column("line"), _BLANK)
    kept = lines.column("line") if to_the_end else text
    return pa.table({"line_no": lines.column("line_no"), "line": kept}).filter(pc.not_equal(text, ""))


def _shaped(records: pa.Table) -> pa.Table:
    return records.select(PARSED.names).cast(PARSED)


def _ordered(parts: list[pa.Table]) -> pa.Table:
    """Records of all parts in the order of their lines."""
    table = pa.concat_tables(_shaped(part) for part in parts)
    return table.take(pc.sort_indices(table.column("line_no")))


def _plain(lines: pa.Table) -> pa.Table:
    """Lines as records that are nothing but their message."""
    columns = {name: pa.nulls(len(lines), PARSED.field(name).type) for name in PARSED.names}
    columns |= {"line_no": lines.column("line_no"), "message": lines.column("line")}
    if "problem" in lines.column_names:
        columns["problem"] = lines.column("problem")
    return pa.table(columns, schema=PARSED)
