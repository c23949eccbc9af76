"""What a sender says about reading must be possible before the file is taken: later nobody is there to be told."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

from services.errors import InvalidInput
from services.ingest.options import ParseOptions

FORMATS = ("ndjson", "json", "csv", "tsv", "text", "regex")
ENCODINGS = ("utf-8", "utf-16", "latin-1")
_NAMED_GROUP = re.compile(r"\(\?P?<[A-Za-z_]\w*>")


def check_options(options: ParseOptions) -> None:
    """Raise `InvalidInput` naming the first option that cannot work."""
    _check_choice("format", options.format, FORMATS)
    _check_choice("encoding", options.encoding, ENCODINGS)
    _check_pattern(options)
    _check_delimiter(options.delimiter)
    _check_timezone(options.timezone)
    _check_timestamp_format(options.timestamp_format)


def _check_choice(name: str, value: str | None, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise InvalidInput(f"{name} is one of {', '.join(choices)}.", field=name)


def _check_pattern(options: ParseOptions) -> None:
    if options.format == "regex" and not options.pattern:
        raise InvalidInput("The format regex needs a pattern with named groups.", field="pattern")
    if options.pattern is None:
        return
    if options.format != "regex":
        raise InvalidInput("A pattern belongs to the format regex.", field="pattern")
    if not _NAMED_GROUP.search(options.pattern):
        raise InvalidInput("Name at least one group of the pattern, such as (?P<message>.*).", field="pattern")
    error = _refusal("SELECT regexp_matches('', ?)", options.pattern)
    if error:
        raise InvalidInput(f"The pattern is no RE2 pattern: {error}", field="pattern")


def _check_delimiter(delimiter: str | None) -> None:
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '\r\n"\0'):
        raise InvalidInput("A delimiter is one ASCII character, and neither a quote nor a line end.", field="delimiter")


def _check_timezone(name: str | None) -> None:
    if name is None:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput("timezone is an IANA name such as Europe/Berlin.", field="timezone") from None


def _check_timestamp_format(notation: str | None) -> None:
    if notation is None:
        return
    if "%" not in notation:
        raise InvalidInput("timestamp_format is like %d/%m/%Y %H:%M:%S.", field="timestamp_format")
    error = _refusal("SELECT try_strptime('', ?)", notation)
    if error:
        raise InvalidInput(f"timestamp_format cannot be read: {error}", field="timestamp_format")


def _refusal(question: str, value: str) -> str:
    """What the engine that will read the file has against `value`; empty for nothing."""
    with duckdb.connect() as con:
        try:
            con.execute(question, [value]).fetchall()
        except duckdb.Error as error:
            return str(error).partition("\n")[0]
    return ""
