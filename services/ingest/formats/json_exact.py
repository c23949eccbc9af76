"""JSON records one by one, exactly: for what the columnar way leaves over, and for single records.

`read` turns one text into a `Row`; `table` resolves the times and levels of many rows at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from services.ingest.formats.json_aliases import NUMBER_SCALE, PARENTS, RANK, WINDOWS_HOSTS, WINDOWS_MARKS
from services.ingest.formats.json_text import (
    Member,
    NotJson,
    check_end,
    depth,
    escape_lone,
    has_surrogates,
    members,
    scan_value,
    skip_blank,
    without_surrogates,
)
from services.ingest.formats.parsed import PARSED
from services.ingest.options import ParseOptions
from services.ingest.resolve import level_of, resolve_times

MAX_DEPTH = 20
NO_TIME = "the time is not understood: arrival time taken"
DEEP = f"nested deeper than {MAX_DEPTH}: kept as text"
SURROGATES = "a lone surrogate is written as its escape"


@dataclass(slots=True)
class Pick:
    """The member that fills a column: its alias, and its value as the column takes it."""

    alias: str
    member: Member
    value: Any


@dataclass(slots=True)
class Row:
    """One record before its time is resolved."""

    line_no: int
    text: str
    top: list[Member] = field(default_factory=list)
    nested: dict[int, list[Member]] = field(default_factory=dict)
    picks: dict[str, Pick] = field(default_factory=dict)
    message: str | None = None
    raw: str | None = None
    problems: list[str] = field(default_factory=list)
    level: str | None = None


def read(text: str, line_no: int) -> Row:
    """One text as a row: a JSON object by its members, any other JSON value as the message, what is not JSON with a problem."""
    row = Row(line_no, text)
    start = skip_blank(text, 0)
    try:
        if text[start : start + 1] == "{":
            row.top, end = members(text, start)
            check_end(text, end)
            _pick(row)
        else:
            value, end = scan_value(text, start)
            check_end(text, end)
            _only_message(row, value)
    except NotJson as error:
        return Row(line_no, text, message=text, problems=[f"not JSON: {error}"])
    return row


def _only_message(row: Row, value: Any) -> None:
    row.message = row.text
    if isinstance(value, str):
        row.message = _clean(row, value)
        row.raw = row.text


def _pick(row: Row) -> None:
    windows = False
    for member in row.top:
        name = member.name.lower()
        windows = windows or name in WINDOWS_MARKS
        _offer(row, name, member)
        if name in PARENTS and isinstance(member.value, dict):
            _descend(row, name, member)
    if windows:
        _prefer_own_host(row)
    level = row.picks.get("level")
    if level is None:
        return
    row.level = level_of(level.value, NUMBER_SCALE.get(level.alias, "windows" if windows else "any"))
    if row.level is None:
        del row.picks["level"]


def _prefer_own_host(row: Row) -> None:
    """A Windows event names its machine; `host` beside it is what a collector added."""
    own = [member for member in row.top if member.name.lower() in WINDOWS_HOSTS and isinstance(member.value, str)]
    if own and own[0].value:
        row.picks["host"] = Pick(own[0].name.lower(), own[0], own[0].value)


def _descend(row: Row, path: str, parent: Member) -> None:
    inner, _ = members(row.text, parent.value_start)
    row.nested[parent.start] = inner
    for member in inner:
        name = f"{path}.{member.name.lower()}"
        _offer(row, name, member)
        if name in PARENTS and isinstance(member.value, dict):
            _descend(row, name, member)


def _offer(row: Row, alias: str, member: Member) -> None:
    """Take the member for its column, unless a preferred alias (or an earlier member of the same) is there."""
    if alias not in RANK:
        return
    column, rank = RANK[alias]
    held = row.picks.get(column)
    if held is not None and RANK[held.alias][1] <= rank:
        return
    value = _usable(row, column, member)
    if value is not None:
        row.picks[column] = Pick(alias, member, value)


def _usable(row: Row, column: str, member: Member) -> Any:
    value = member.value
    if column == "tags":
        return _tags(value)
    if column == "message":
        return _message(row, member)
    if isinstance(value, str):
        return value or None
    if isinstance(value, float) and column in ("timestamp", "level", "trace_id", "span_id"):
        return row.text[member.value_start : member.end]
    return None


def _tags(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return [value] if value else None
    if isinstance(value, list) and value and all(isinstance(tag, str) for tag in value):
        return list(value)
    return None


def _message(row: Row, member: Member) -> str | None:
    value = member.value
    if isinstance(value, str):
        return value
    if isinstance(value, (float, bool)):
        return row.text[member.value_start : member.end]
    if isinstance(value, list) and value and member.name.lower() == "message":
        return _bytes_message(value)
    return None


def _bytes_message(value: list[Any]) -> str | None:
    """journald writes a message that is not UTF-8, or holds control characters, as an array of bytes."""
    if not all(isinstance(byte, float) and byte.is_integer() and 0 <= byte < 256 for byte in value):
        return None
    content = bytes(int(byte) for byte in value)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _clean(row: Row, value: str) -> str:
    if not has_surrogates(value):
        return value
    row.raw = row.text
    if SURROGATES not in row.problems:
        row.problems.append(SURROGATES)
    return without_surrogates(value)


def table(con: duckdb.DuckDBPyConnection, rows: Sequence[Row], options: ParseOptions, now: datetime) -> pa.Table:
    """The rows as a table of `PARSED`, in their order."""
    texts = [_time_text(row) for row in rows]
    times = resolve_times(con, pa.array(texts, pa.string()), options, now)
    for index, row in enumerate(rows):
        if texts[index] is not None and not times[index].is_valid:
            del row.picks["timestamp"]
            row.problems.append(NO_TIME)
    columns: dict[str, list[Any]] = {name: [] for name in PARSED.names}
    for row in rows:
        _emit(row, columns)
    columns["timestamp"] = times
    return pa.table([pa.array(columns[name], PARSED.field(name).type) for name in PARSED.names], schema=PARSED)


def _time_text(row: Row) -> str | None:
    pick = row.picks.get("timestamp")
    if pick is None:
        return None
    text = without_surrogates(pick.value)
    if "e" in text.lower() and isinstance(pick.member.value, float):
        return f"{pick.member.value:.6f}" if abs(pick.member.value) < 1e30 else text
    return text


def _emit(row: Row, columns: dict[str, list[Any]]) -> None:
    attributes = _attributes(row)
    columns["line_no"].append(row.line_no)
    columns["level"].append(row.level)
    columns["message"].append(_message_text(row))
    for name in ("source", "service", "environment", "host", "trace_id", "span_id"):
        pick = row.picks.get(name)
        columns[name].append(None if pick is None else _clean(row, pick.value))
    tags = row.picks.get("tags")
    columns["tags"].append(None if tags is None else [_clean(row, tag) for tag in tags.value])
    columns["attributes"].append(attributes)
    columns["raw"].append(row.raw)
    columns["problem"].append("; ".join(row.problems) or None)


def _message_text(row: Row) -> str:
    if row.message is not None:
        return row.message
    pick = row.picks.get("message")
    if pick is None:
        return row.text
    text = _clean(row, pick.value)
    return text.removesuffix("\n").removesuffix("\r") if pick.alias == "log" else text


def _attributes(row: Row) -> str | None:
    used = {pick.member.start for pick in row.picks.values()}
    kept = _kept(row, row.top, used)
    if not kept:
        return None
    text = "{" + ",".join(kept) + "}"
    if "\\u" in text and (escaped := escape_lone(text)) != text:
        row.raw = row.text
        if SURROGATES not in row.problems:
            row.problems.append(SURROGATES)
        return escaped
    return text


def _kept(row: Row, found: list[Member], used: set[int]) -> list[str]:
    kept = []
    for member in found:
        inner = row.nested.get(member.start)
        if member.start in used:
            continue
        if inner and any(each.start in used for each in _below(row, inner)):
            rest = _kept(row, inner, used)
            if rest:
                kept.append(row.text[member.start : member.value_start] + "{" + ",".join(rest) + "}")
            continue
        kept.append(_shallow(row, member))
    return kept


def _below(row: Row, found: list[Member]) -> list[Member]:
    return [each for member in found for each in (member, *_below(row, row.nested.get(member.start, [])))]


def _shallow(row: Row, member: Member) -> str:
    """The member's own text; a value that nests too deeply becomes a string that holds its text."""
    value = row.text[member.value_start : member.end]
    if value[:1] in "[{" and value.count("[") + value.count("{") >= MAX_DEPTH and depth(value) >= MAX_DEPTH:
        if DEEP not in row.problems:
            row.problems.append(DEEP)
        return row.text[member.start : member.value_start] + _quoted(value)
    return row.text[member.start : member.end]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def parse(con: duckdb.DuckDBPyConnection, lines: pa.Table, options: ParseOptions, now: datetime) -> pa.Table:
    """Every line of (line_no, line) as one record; the caller has left out blank lines."""
    numbers, texts = lines["line_no"].to_pylist(), lines["line"].to_pylist()
    return table(con, [read(text, number) for number, text in zip(numbers, texts, strict=True)], options, now)
