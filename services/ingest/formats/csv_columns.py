"""Text columns with names as columns of `PARSED`: the aliases decide, the rest becomes attributes."""

import json
import re
from collections.abc import Sequence
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.ingest.formats.attributes import Member, attributes_sql
from services.ingest.formats.json_aliases import NUMBER_SCALE, RANK
from services.ingest.formats.json_exact import NO_TIME
from services.ingest.formats.parsed import PARSED
from services.ingest.options import ParseOptions
from services.ingest.resolve import resolve_levels, resolve_times

_KEYWORDS = ("source", "service", "environment", "host", "trace_id", "span_id")
_NULL = pa.scalar(None, pa.string())


def records(
    con: duckdb.DuckDBPyConnection,
    table: pa.Table,
    rows: pa.Table,
    names: Sequence[str],
    options: ParseOptions,
    now: datetime,
) -> pa.Table:
    """The rows of `table` (a text column per name) as a table of `PARSED`; `rows` holds their line_no and text."""
    columns = {name: _one(table[name]) for name in names}
    picks = pick(names)
    found: dict[str, pa.Array] = {}
    left = {name: column for name, column in columns.items() if name not in picks.values()}
    problem = pa.nulls(len(table), pa.string())
    if "timestamp" in picks:
        found["timestamp"], unread, problem = _times(con, columns, picks["timestamp"], left, options, now)
        left |= unread
    if "level" in picks:
        text = columns[picks["level"]]
        found["level"] = resolve_levels(text, NUMBER_SCALE.get(picks["level"].lower(), "any"))
        left[picks["level"]] = pc.if_else(pc.is_null(found["level"]), text, _NULL)
    for column in _KEYWORDS:
        if column in picks:
            found[column] = _filled(columns[picks[column]])
    found["message"] = columns[picks["message"]] if "message" in picks else _one(rows["line"])
    if "tags" in picks:
        found["tags"] = _tags(columns[picks["tags"]])
    found |= {
        "line_no": _one(rows["line_no"]),
        "problem": problem,
        "attributes": _attributes(con, left, names, len(table)),
    }
    arrays = [found.get(name, pa.nulls(len(table), PARSED.field(name).type)) for name in PARSED.names]
    return pa.table(arrays, schema=PARSED)


def pick(names: Sequence[str]) -> dict[str, str]:
    """Column of `PARSED` to the name that fills it."""
    best: dict[str, tuple[int, str]] = {}
    for name in names:
        column, rank = RANK.get(name.strip().lower(), ("", 0))
        if column and (column not in best or rank < best[column][0]):
            best[column] = (rank, name)
    return {column: name for column, (_, name) in best.items()}


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _filled(column: pa.Array) -> pa.Array:
    """The values that are not blank, the others NULL."""
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(column), ""), _NULL, column)


def _times(
    con: duckdb.DuckDBPyConnection,
    columns: dict[str, pa.Array],
    name: str,
    left: dict[str, pa.Array],
    options: ParseOptions,
    now: datetime,
) -> tuple[pa.Array, dict[str, pa.Array], pa.Array]:
    """(times, texts that were not understood by their name, problems). A date and a time beside it are one text."""
    other = next((each for each in left if {each.lower(), name.lower()} == {"date", "time"}), None)
    text = _filled(columns[name])
    if other is not None:
        dates, clocks = (other, name) if other.lower() == "date" else (name, other)
        together = pc.binary_join_element_wise(columns[dates], columns[clocks], " ")
        times = resolve_times(con, together, options, now)
        if times.null_count * 2 < len(times):
            del left[other]
            unread = pc.is_null(times)
            kept = {each: pc.if_else(unread, columns[each], _NULL) for each in (dates, clocks)}
            return times, kept, pc.if_else(unread, NO_TIME, _NULL)
    times = resolve_times(con, text, options, now)
    unread = pc.and_(pc.is_null(times), pc.is_valid(text))
    return times, {name: pc.if_else(unread, text, _NULL)}, pc.if_else(unread, NO_TIME, _NULL)


def _tags(column: pa.Array) -> pa.Array:
    """Tags of a cell stand between commas, semicolons or bars."""
    split = [[tag.strip() for tag in re.split(r"[,;|]", each) if tag.strip()] or None for each in column.to_pylist()]
    return pa.array(split, pa.list_(pa.string()))


def _attributes(
    con: duckdb.DuckDBPyConnection, left: dict[str, pa.Array], names: Sequence[str], count: int
) -> pa.Array:
    """JSON objects of the columns that are left, in the order of the table; dots in names nest."""
    kept = [name for name in names if name in left and left[name].null_count < len(left[name])]
    if not kept:
        return pa.nulls(count, pa.string())
    members: dict[str, Member] = {path: (f"c{at}", "number") for at, path in enumerate(_paths(kept))}
    with con.cursor() as cursor:
        cursor.register("csv_columns", pa.table({f"c{at}": left[name] for at, name in enumerate(kept)}))
        made = cursor.sql(f"SELECT {attributes_sql(members)} AS attributes FROM csv_columns").to_arrow_table()
    return _one(made["attributes"])


def _paths(names: Sequence[str]) -> list[str]:
    """The names as paths, written so that they can stand in JSON in SQL; one that is also an object's loses its dots."""
    taken: set[str] = set()
    made: list[str] = []
    for name in names:
        path = name if all(name.split(".")) else name.replace(".", "_")
        clash = any(path == each or path.startswith(each + ".") or each.startswith(path + ".") for each in taken)
        path = path.replace(".", "_") if clash else path
        while any(path == each or each.startswith(path + ".") for each in taken):
            path += "_"
        taken.add(path)
        made.append(json.dumps(path, ensure_ascii=False)[1:-1].replace("'", "''"))
    return made
