"""A reader for systems that nobody thought of: the header of a line is what stands in nearly every line at the same place.

From the left: some tokens before a time, the time, tokens before a level word, the level, then columns (a number, something
in brackets, a column between bars or of fixed width, a name before a colon or a dash). Each is taken while nearly all
lines of the sample have it; where it ends the message begins.
"""

import re
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from services.ingest.formats.line_format import GROUP, LineFormat
from services.ingest.levels import LEVEL_WORD
from services.ingest.times import Notation

NEARLY_ALL = 0.97
MOST = 0.9
ENOUGH = 0.6
SOME = 0.05
"""Shares of the sample's lines: for columns, for names and levels, for the time at all, for levels in brackets."""

MOST_TOKENS = 6
MOST_COLUMNS = 8

_WEAK = ("epoch", "time", "date")
"""Notations that are a time only where there is no better one in the line: a number, half a time."""

_YEARLESS = ("rfc3164", "word day")
_MARKS = r"[ \t]*(?:[|,;:-]{1,3}[ \t]+|[|][ \t]*)?"
_END = r"(?:[|,;:]?[ \t]+|[|,;:]|$)"
_LEVEL = rf"[\[(<]?(?P<level>{LEVEL_WORD})[ \t]*[\])>]?{_END}[ \t]*"

_CAPITALS = "(?:" + "|".join(word for word in re.findall(r"[A-Z0-9]+", LEVEL_WORD) if word.isupper()) + ")"
_WORD = r"[^\s|]+(?:[ \t]*\|[ \t]*|[ \t]+)"
_SOME_LEVELS = (
    rf"\[(?P<level>{LEVEL_WORD})[ \t]*\]:?[ \t]*",
    rf"(?P<level>{_CAPITALS})[ \t]*(?:[:|,][ \t]*|[ \t]+|$)",
)
"""Levels that are evident in single lines: in brackets, or in capitals."""

_NAME = r"(?:[^\s:\[\]|]|::)+"

_HOST_AND_PROGRAM = rf"(?P<host>\S+)[ \t]+(?P<program>{_NAME})(?:\[(?P<pid>\d+)\])?:[ \t]+"
"""What follows the time in syslog (RFC 3164 §4.1)."""

_COLUMNS = (
    ("thread", r"\[(?P<thread>[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\]:?[ \t]*", NEARLY_ALL),
    ("", r"<[^<>\s]*>:?[ \t]*", NEARLY_ALL),
    ("", r"\([^()]*\):?[ \t]*", NEARLY_ALL),
    ("pid", r"(?P<pid>\d+)(?:[ \t]*[|,;][ \t]*|:?[ \t]+)", NEARLY_ALL),
    (
        "file",
        r"(?P<file>[\w./@$-]+\.(?:c|cc|cpp|cs|erl|ex|go|h|hpp|java|js|kt|lua|m|php|pl|py|rb|rs|scala|swift|ts|tsx)):(?P<lineno>\d+):?[ \t]+",
        NEARLY_ALL,
    ),
    ("logger", rf"(?P<logger>{_NAME})\][ \t]*", NEARLY_ALL),
    ("logger", r"(?P<logger>[^|\s]*)[ \t]*\|[ \t]*", NEARLY_ALL),
    ("logger", rf"(?P<logger>{_NAME})(?:\[(?P<pid>\d+)\])?(?:[ \t]?:[ \t]+|:$|[ \t]*\|[ \t]+)", MOST),
    ("logger", r"(?P<logger>[^\s:]+)(?: [^\s:]{1,6})?[ \t]+-{1,2}[ \t]+", MOST),
    ("logger", r"(?P<logger>[^\s:\t](?:[^:\t]{0,60}[^\s:\t])?)\t[ \t]*", NEARLY_ALL),
    ("logger", r"(?P<logger>[^\s:]+) {2,}", NEARLY_ALL),
    ("logger", r"(?P<logger>[A-Za-z_][\w$]*(?:\.[\w$<>]+){2,})[ \t]+", NEARLY_ALL),
)
"""(the group that must still be free, pattern, the share of lines that must have it)"""


_SIMPLER = (
    (
        _LEVEL,
        (
            rf"(?P<level>{LEVEL_WORD})[ \t]+",
            rf"\[(?P<level>{LEVEL_WORD})[ \t]*\][ \t]*",
            rf"(?P<level>{LEVEL_WORD})[|,;:][ \t]*",
        ),
    ),
    (_WORD, (r"[^\s|]+[ \t]+",)),
    (rf"}}{_MARKS}", ("}",)),
    (r"(?:[ \t]*[|,;][ \t]*|:?[ \t]+)", (r"[ \t]+", r"\|[ \t]*")),
    (
        rf"(?P<logger>{_NAME})(?:\[(?P<pid>\d+)\])?(?:[ \t]?:[ \t]+|:$|[ \t]*\|[ \t]+)",
        (r"(?P<logger>[^\s:\[\]|]+):[ \t]+",),
    ),
    (_NAME, (r"[^\s:\[\]|]+",)),
)
"""General parts of patterns, and forms of them that RE2 matches in one pass; the first that will do is used."""


@dataclass
class _Header:
    """A header so far: its parts in their order, of which those behind the time may be missing in a line."""

    start: str
    parts: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    yearless: bool = False

    @property
    def pattern(self) -> str:
        optional = ""
        for part in reversed(self.parts):
            optional = f"(?:{part}{optional})?"
        return self.start + optional

    def add(self, part: str) -> None:
        """The next part; a group that the header has already is not captured again."""
        for name in ("level", "pid", "thread", "logger", "file", "lineno", "host", "program"):
            if f"(?P<{name}>" in part:
                if name in self.taken:
                    part = part.replace(f"(?P<{name}>", "(?:")
                self.taken.add(name)
        self.parts.append(part)


def infer(cursor: duckdb.DuckDBPyConnection, lines: pa.Table, present: tuple[Notation, ...]) -> LineFormat | None:
    """A format for what the lines (a table with the column line) have in common, or None where that is too little.

    `present` are the notations of times that occur.
    """
    if not len(lines):
        return None
    cursor.register("common", lines)
    start, notations = _start(cursor, len(lines), present)
    if start is None:
        return None
    header = _Header(start, taken=set(GROUP.findall(start)), yearless=any(each.name in _YEARLESS for each in notations))
    _rest(cursor, "common", f"^{_with_times(start, notations)}")
    if "level" not in start:
        _add_level(cursor, header, present)
    for _ in range(MOST_COLUMNS):
        if not _add_column(cursor, header, present):
            break
    return _line_format(header, notations)


def _start(
    cursor: duckdb.DuckDBPyConnection, size: int, present: tuple[Notation, ...]
) -> tuple[str | None, tuple[Notation, ...]]:
    """The header up to the time (or the level, where lines have no time), and the notations that the time has."""
    strong = tuple(each for each in present if each.name not in _WEAK)
    weak = tuple(tuple(each for each in present if each.name == name) for name in _WEAK)
    for notations in (strong, *weak):
        if not notations:
            continue
        starts = [_time_start(""), *(_time_start(rf"{_LEVEL}{more}") for more in ("", _BRACKETED))]
        starts += [_time_start(_tokens(count)) for count in range(1, MOST_TOKENS + 1)]
        counts = _counts(cursor, "common", "line", [f"^{_with_times(each, notations)}" for each in starts])
        if max(counts) >= ENOUGH * size:
            index = next(position for position, count in enumerate(counts) if count >= MOST * max(counts))
            return starts[index], notations
    strict = rf"^(?:\[{LEVEL_WORD}[ \t]*\]|<{LEVEL_WORD}>|{LEVEL_WORD}[ \t]*[:|]|{LEVEL_WORD}[ \t])"
    (count,) = _counts(cursor, "common", "line", [strict])
    return (_LEVEL, ()) if count >= MOST * size else (None, ())


_BRACKETED = r"\[(?P<thread>[^\[\]]*)\][ \t]*"


def _tokens(count: int) -> str:
    return rf"(?P<before>(?:\S+[ \t]+){{{count}}})"


def _time_start(before: str) -> str:
    return rf"{before}[\[(<\"']?(?P<time>TIME)[\])>\"']?(?:[|,;:][ \t]*|[ \t]+(?:-{{1,3}}[ \t]+)?|$)"


def _add_level(cursor: duckdb.DuckDBPyConnection, header: _Header, present: tuple[Notation, ...]) -> None:
    """Takes the level word, and the tokens before it, where it stands at one place in most lines.

    A word in capitals or brackets right behind the time is a level even where only some lines have one.
    """
    size = _size(cursor)
    skips = [f"{_skip(tokens)}{_LEVEL}" for tokens in range(MOST_TOKENS)]
    skips.insert(1, rf"\[[^\[\]]*\]{_MARKS}{_LEVEL}")
    counts = _counts(cursor, "remaining", "rest", [f"^{_MARKS}{each}" for each in (*skips, *_SOME_LEVELS)])
    always, some = counts[: len(skips)], counts[len(skips) :]
    if max(always) >= MOST * size:
        index = next(position for position, count in enumerate(always) if count >= MOST * max(always))
        _take(cursor, header, skips[index])
    elif max(some) >= SOME * size:
        part = _SOME_LEVELS[some.index(max(some))]
        header.add(f"(?:{_MARKS}{part})?")
        _rest(cursor, "remaining", f"^(?:{_MARKS}{part})?", column="rest")


def _skip(tokens: int) -> str:
    return rf"(?:{_WORD}){{{tokens}}}{_MARKS}" if tokens else ""


def _add_column(cursor: duckdb.DuckDBPyConnection, header: _Header, present: tuple[Notation, ...]) -> bool:
    """Takes the next column, where nearly all lines have the same; whether there was one."""
    size = _size(cursor)
    if not size:
        return False
    times = "|".join(each.pattern for each in present if each.name not in _WEAK)
    repeated = [rf"[\[(]?(?:{times})[\])]?(?:[|,;:][ \t]*|[ \t]+)"] if times else []
    once = header.taken & {"logger", "file", "program"}
    columns = [(part, share) for name, part, share in _COLUMNS if name not in once]
    if header.yearless and not header.parts:
        columns.insert(0, (_HOST_AND_PROGRAM, MOST))
    candidates = [*((part, NEARLY_ALL) for part in repeated), *columns]
    counts = _counts(cursor, "remaining", "rest", [f"^{_MARKS}{part}" for part, _ in candidates])
    for (part, share), count in zip(candidates, counts, strict=True):
        if count >= share * size:
            _take(cursor, header, part)
            return True
    return False


def _take(cursor: duckdb.DuckDBPyConnection, header: _Header, part: str) -> None:
    """Adds a part in the simplest form that does on the sample what the general one does."""
    variants = [part]
    for general, simple in _SIMPLER:
        variants = [
            each.replace(general, one) for each in variants for one in (*simple, general) if general in part
        ] or variants
    variants = list(dict.fromkeys(marks + each for marks in ("", _MARKS) for each in variants))
    sums = ", ".join(f"sum(length(regexp_extract(rest, '^{each}')))" for each in variants)
    (matched,) = cursor.sql(f"SELECT {sums} FROM remaining").fetchall()
    best = variants[matched.index(matched[-1])]
    header.add(best)
    _rest(cursor, "remaining", f"^{best}", column="rest")


def _rest(cursor: duckdb.DuckDBPyConnection, table: str, pattern: str, column: str = "line") -> None:
    """Leaves in `remaining` (rest) what stands behind the pattern in the lines that have it."""
    quoted = pattern.replace("'", "''")
    rest = cursor.sql(
        f"SELECT substr({column}, length(regexp_extract({column}, '{quoted}')) + 1) AS rest FROM {table}"
        f" WHERE regexp_matches({column}, '{quoted}')"
    ).to_arrow_table()
    cursor.register("remaining", rest)


def _size(cursor: duckdb.DuckDBPyConnection) -> int:
    return int(cursor.sql("SELECT count(*) FROM remaining").fetchall()[0][0])


def _counts(cursor: duckdb.DuckDBPyConnection, table: str, column: str, patterns: list[str]) -> list[int]:
    """How many rows have each of the patterns."""
    tests = ", ".join("count_if(regexp_matches({}, '{}'))".format(column, each.replace("'", "''")) for each in patterns)
    return [int(count) for count in cursor.sql(f"SELECT {tests} FROM {table}").fetchall()[0]]


def _with_times(pattern: str, notations: tuple[Notation, ...]) -> str:
    return pattern.replace("TIME", f"(?:{'|'.join(each.pattern for each in notations)})") if notations else pattern


def _line_format(header: _Header, notations: tuple[Notation, ...]) -> LineFormat:
    pattern = header.pattern
    columns = {"time": _DATED} if "(?P<before>" in pattern and any(each.name in _YEARLESS for each in notations) else {}
    return LineFormat(
        f"generic: {', '.join(name for name in GROUP.findall(pattern) if name != 'before')}",
        pattern,
        notations=tuple(each.name for each in notations),
        always=("year word day",) if columns else (),
        columns=columns,
        attributes={"log.header": ("trim(header)", "text")} if _has_unnamed(pattern) else {},
    )


_YEAR_BEFORE = "regexp_extract(h.before, '\\b((?:19|20)\\d\\d)[-./]?\\d\\d[-./]?\\d\\d\\b', 1)"
_EPOCH_BEFORE = "try_cast(regexp_extract(h.before, '(?:^|\\s)(\\d{10})(?:\\.\\d+)?\\s', 1) AS BIGINT)"
_DATED = (
    f"CASE WHEN {_YEAR_BEFORE} <> '' THEN {_YEAR_BEFORE} || ' ' || h.time"
    f" WHEN {_EPOCH_BEFORE} > 0 THEN strftime(make_timestamp({_EPOCH_BEFORE} * 1000000), '%Y ') || h.time ELSE h.time END"
)
"""A time without a year takes that of a date or an epoch before it."""


def _has_unnamed(pattern: str) -> bool:
    """Whether the header holds more than its named groups keep."""
    return "(?P<before>" in pattern or r"(?:[^\s|]+" in pattern or "<[^<>" in pattern or r"\([^()]*\)" in pattern
