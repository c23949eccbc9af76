"""JSON lines as columns, where they are alike; the exact way takes what is left.

A sample shows which forms of record there are. For each form one statement takes the values of all lines out, puts them
together again in the way of the form, and compares: lines for which this gives the very same text had nothing else in
them, not even another notation of a number, and are done. Whatever is not the same (another form, an unusual escape, a
doubled name) is left to the next form, and in the end to `json_exact`.
"""

from collections import Counter
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.ingest.formats import json_exact
from services.ingest.formats.blank import without_blank
from services.ingest.formats.json_forms import Comparison, Form, form_of
from services.ingest.formats.parsed import PARSED
from services.ingest.options import ParseOptions
from services.ingest.resolve import resolve_levels, resolve_times

WORTH_ROWS = 64
"""Fewer lines than this are read exactly at once: planning statements takes longer."""

GROUP_ROWS = 256
MOSTLY = 0.5
"""Where a larger share of the lines has escapes, all are compared with their escapes: one statement instead of two."""

SAMPLE = 48
COMPARED = 200
FORMS = 6
GROUPS = 400


def parse(con: duckdb.DuckDBPyConnection, lines: pa.Table, options: ParseOptions, now: datetime) -> pa.Table:
    """One record of `PARSED` per line of (line_no, line) that is not blank, in their order."""
    parts: list[pa.Table] = []
    rest = lines.select(["line_no", "line"])
    if len(rest) >= WORTH_ROWS:
        with con.cursor() as cursor:
            rest = _by_forms(cursor, rest, parts, options, now)
    rest = without_blank(rest)
    if len(rest):
        parts.append(json_exact.parse(con, rest, options, now))
    if len(parts) == 1:
        return parts[0]
    table = pa.concat_tables(parts) if parts else PARSED.empty_table()
    return table.take(pc.sort_indices(table["line_no"]))


def _by_forms(
    cursor: duckdb.DuckDBPyConnection, rest: pa.Table, parts: list[pa.Table], options: ParseOptions, now: datetime
) -> pa.Table:
    """Lines that no form took; the others are added to `parts`."""
    odd: list[pa.Table] = []
    for form in _frequent(rest, FORMS):
        if len(rest) < WORTH_ROWS:
            break
        rest = _take(cursor, form, rest, parts, odd, options, now)
    if len(rest) >= WORTH_ROWS:
        rest = _by_names(cursor, rest, parts, odd, options, now)
    return pa.concat_tables([rest, *odd]) if odd else rest


def _frequent(lines: pa.Table, most: int) -> list[Form]:
    """The forms of a sample of the lines, the most frequent first."""
    found: Counter[Form] = Counter()
    for text in _some(lines, SAMPLE):
        form = form_of(text)
        if form is not None:
            found[form] += 1
    return [form for form, _ in found.most_common(most)]


def _by_names(
    cursor: duckdb.DuckDBPyConnection,
    rest: pa.Table,
    parts: list[pa.Table],
    odd: list[pa.Table],
    options: ParseOptions,
    now: datetime,
) -> pa.Table:
    """Lines of many forms, grouped by the names of their members; what is not JSON goes to `odd`."""
    cursor.register("rest", rest)
    names = cursor.sql("SELECT hash(json_keys(CASE WHEN json_valid(line) THEN line END)) AS names FROM rest")
    keys = names.to_arrow_table().column(0).combine_chunks().dictionary_encode().indices
    groups = [each["values"] for each in pc.value_counts(keys).to_pylist() if each["counts"] >= GROUP_ROWS]
    groups = [key for key in groups if key is not None][:GROUPS]
    open_ = [rest.filter(pc.invert(pc.is_in(keys, pa.array(groups, keys.type))))]
    for key in groups:
        group = rest.filter(pc.equal(keys, key))
        for form in _frequent(group, 2):
            if len(group):
                group = _take(cursor, form, group, parts, odd, options, now)
        open_.append(group)
    return pa.concat_tables(open_)


def _take(
    cursor: duckdb.DuckDBPyConnection,
    form: Form,
    lines: pa.Table,
    parts: list[pa.Table],
    odd: list[pa.Table],
    options: ParseOptions,
    now: datetime,
) -> pa.Table:
    """The lines that are not of this form; those that are become rows of `parts`."""
    for comparison in _comparisons(lines):
        if len(lines):
            lines = _take_once(cursor, form, lines, parts, odd, options, now, comparison)
    return lines


def _comparisons(lines: pa.Table) -> list[Comparison]:
    """The comparisons that are worth their while, by a sample of the lines."""
    some = _some(lines, COMPARED)
    slashed = sum("\\" in text for text in some)
    masked = sum("\\u" in text or "\\/" in text for text in some)
    found = [] if slashed > len(some) * MOSTLY else [Comparison.PLAIN]
    if slashed > masked or (slashed and masked <= len(some) * MOSTLY):
        found.append(Comparison.ESCAPED)
    return [*found, Comparison.MASKED] if masked else found


def _some(lines: pa.Table, count: int) -> list[str]:
    """Texts of about so many lines, evenly spread; one by one, for `take` would copy all of the column together first."""
    column = lines["line"]
    return [column[index].as_py() for index in range(0, len(lines), max(1, len(lines) // count))]


def _take_once(
    cursor: duckdb.DuckDBPyConnection,
    form: Form,
    lines: pa.Table,
    parts: list[pa.Table],
    odd: list[pa.Table],
    options: ParseOptions,
    now: datetime,
    comparison: Comparison,
) -> pa.Table:
    try:
        found = _read(cursor, form, lines, comparison)
    except (duckdb.InvalidInputException, UnicodeDecodeError):  # its text may end within a character of the line
        lines = _valid(cursor, lines, odd)
        if not len(lines):
            return lines
        try:
            found = _read(cursor, form, lines, comparison)
        except duckdb.Error:  # a form that DuckDB does not take: its lines are read exactly
            return lines
    same = found["same"].combine_chunks()
    levels = _levels(form, found)
    rows, times = _resolved(cursor, form, found, levels, options, now)
    good = pc.and_(pc.and_(same, rows), _plain(form, found))
    if not pc.any(good).as_py():
        return lines
    complete = pc.all(good).as_py()
    columns = {name: found[name] for name in found.column_names if name in PARSED.names}
    columns |= {"timestamp": times, "level": levels, "line_no": lines["line_no"]}
    table = pa.table({name: _column(columns, name, len(lines)) for name in PARSED.names}, schema=PARSED)
    parts.append(table if complete else table.filter(good))
    return lines.slice(len(lines)) if complete else lines.filter(pc.invert(good))


def _column(columns: dict[str, pa.ChunkedArray], name: str, count: int) -> pa.ChunkedArray | pa.Array:
    return columns[name] if name in columns else pa.nulls(count, PARSED.field(name).type)


def _read(cursor: duckdb.DuckDBPyConnection, form: Form, lines: pa.Table, comparison: Comparison) -> pa.Table:
    cursor.register("rest", lines)
    return cursor.sql(form.sql("rest", comparison)).to_arrow_table()


def _valid(cursor: duckdb.DuckDBPyConnection, lines: pa.Table, odd: list[pa.Table]) -> pa.Table:
    """The lines that are JSON for DuckDB; the others are put aside."""
    cursor.register("rest", lines)
    valid = cursor.sql("SELECT coalesce(json_valid(line), false) AS valid FROM rest").to_arrow_table().column(0)
    odd.append(lines.filter(pc.invert(valid)))
    return lines.filter(valid)


def _resolved(
    cursor: duckdb.DuckDBPyConnection,
    form: Form,
    found: pa.Table,
    levels: pa.Array,
    options: ParseOptions,
    now: datetime,
) -> tuple[pa.Array, pa.Array]:
    """(whether time and level of each row were understood, the times)."""
    good = pa.repeat(True, len(found))
    times = pa.nulls(len(found), pa.timestamp("us"))
    if form.has("timestamp"):
        times = resolve_times(cursor, found["time_text"], options, now)
        good = pc.is_valid(times)
    if form.has("level"):
        good = pc.and_(good, pc.is_valid(levels))
    return good, times


def _plain(form: Form, found: pa.Table) -> pa.Array | pa.Scalar:
    """Whether the attributes are JSON (DuckDB takes NaN and Infinity for numbers) and cannot nest deeply.

    The rows are only looked at where the column as a whole has the marks of such a thing.
    """
    if not form.attributes:
        return pa.scalar(True)
    attributes = found["attributes"].combine_chunks()
    content = attributes.buffers()[2].to_pybytes()
    marks = [mark for mark in ("[", "{") if mark.encode() in content]
    good = pa.scalar(True)
    if _might_nest(attributes, marks) and _brackets(content, marks) > form.brackets() * len(found):
        counts = [pc.count_substring(attributes, mark) for mark in marks]
        total = counts[0] if len(counts) == 1 else pc.add(*counts)
        good = pc.fill_null(pc.less(total, json_exact.MAX_DEPTH), True)
    for word in ("NaN", "Infinity"):
        if word[0].encode() in content and word.encode() in content:  # a single byte is looked for at memory speed
            good = pc.and_(good, pc.invert(pc.fill_null(pc.match_substring(attributes, word), False)))
    return good


def _might_nest(attributes: pa.Array, marks: list[str]) -> bool:
    """Whether a text is long enough to nest too deeply: a level around another takes `[]`, or without arrays `{"":}`."""
    level_bytes = 2 if "[" in marks else 5
    return (pc.max(pc.binary_length(attributes)).as_py() or 0) >= level_bytes * (json_exact.MAX_DEPTH - 1) + 2


def _brackets(content: bytes, marks: list[str]) -> int:
    return sum(content.count(mark.encode()) for mark in marks)


def _levels(form: Form, found: pa.Table) -> pa.Array:
    if not form.has("level"):
        return pa.nulls(len(found), pa.string())
    return resolve_levels(found["level_text"], form.level_scale)
