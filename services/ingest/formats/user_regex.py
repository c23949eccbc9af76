"""A pattern that the user gave: named groups are columns where they have such a name, attributes otherwise."""

import re

import duckdb

from services.errors import InvalidInput
from services.ingest.formats.line_format import GROUP, LineFormat
from services.ingest.formats.text import TextFormat
from services.ingest.options import ParseOptions

_ALIASES = {
    "time": ("timestamp", "time", "ts", "date", "datetime"),
    "word": ("level", "severity", "lvl", "loglevel"),
    "message": ("message", "msg", "text"),
    "service": ("service", "program", "app", "application"),
    "host": ("host", "hostname"),
    "environment": ("environment", "env"),
    "source": ("source",),
    "trace_id": ("trace_id", "traceid"),
    "span_id": ("span_id", "spanid"),
}
"""Column to the group names that fill it; the first is used."""


def check(cursor: duckdb.DuckDBPyConnection, pattern: str) -> None:
    """Raises `InvalidInput` where `pattern` is not RE2, or names no group."""
    try:
        cursor.execute("SELECT regexp_matches('', ?)", [_re2(pattern)]).fetchall()
    except duckdb.Error as error:
        reason = str(error).split("\n")[0]
        raise InvalidInput(f"the pattern cannot be used: {reason}", field="pattern") from None
    names = GROUP.findall(_re2(pattern))
    if not names:
        raise InvalidInput("the pattern names no group: write (?P<message>…) for what is to be kept", field="pattern")
    if re.search(r"(?<!\\)\((?!\?)", re.sub(r"\\.|\[[^\]]*\]", "", _re2(pattern))):
        raise InvalidInput("every group must have a name: write (?:…) for one that is not kept", field="pattern")
    if len({name.lower() for name in names}) < len(names):
        raise InvalidInput("each group needs a name of its own", field="pattern")


def text_format(options: ParseOptions) -> TextFormat:
    """The reader for lines that the pattern of the options describes; others are malformed, or continue the one before."""
    pattern = _re2(options.pattern or "").removeprefix("^")
    names = GROUP.findall(pattern)
    columns = {column: found for column, aliases in _ALIASES.items() if (found := _group(names, aliases))}
    used = set(columns.values())
    others = {name: (f'h."{name}"', "number") for name in names if name not in used}
    form = LineFormat(
        "pattern",
        pattern,
        columns={
            **{column: f"nullif(h.\"{name}\", '')" for column, name in columns.items()},
            "time": f'h."{columns["time"]}"' if "time" in columns else "CAST('' AS VARCHAR)",
            **({} if "message" in columns else {"message": "line"}),
        },
        attributes=others,
        plain=True,
    )
    return TextFormat("pattern", (form,), joins_free=False, strict=True)


def _group(names: list[str], aliases: tuple[str, ...]) -> str | None:
    return next((name for alias in aliases for name in names if name.lower() == alias), None)


def _re2(pattern: str) -> str:
    """Groups written in the way of other dialects, `(?<name>…)`."""
    return re.sub(r"\(\?<(?=\w)", "(?P<", pattern)
