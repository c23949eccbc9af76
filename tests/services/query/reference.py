"""What a query means, record by record, in plain slow Python: the measure for every engine.

Python's `re` stands in for RE2, on patterns that both read alike (see `random_trees.regex`).
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from services.model import LEVELS
from services.query.fields import FieldRef, Kind, canonical_level, resolve
from services.query.sql import TEXT_LIMIT
from services.query.tree import (
    And,
    Exists,
    Field,
    MatchAll,
    Network,
    Not,
    Or,
    Phrase,
    Query,
    Range,
    Regex,
    Wildcard,
    Word,
)

Record = dict[str, Any]

NEWER_THAN_PYTHON = (
    (0x1123F, 0x11240),
    (0x11F02, 0x11F02),
    (0x11F04, 0x11F10),
    (0x11F12, 0x11F33),
    (0x11F50, 0x11F59),
    (0x1342F, 0x1342F),
    (0x13441, 0x13446),
    (0x1B132, 0x1B132),
    (0x1B155, 0x1B155),
    (0x1D2C0, 0x1D2D3),
    (0x1DF25, 0x1DF2A),
    (0x1E030, 0x1E06D),
    (0x1E4D0, 0x1E4EB),
    (0x1E4F0, 0x1E4F9),
    (0x2B739, 0x2B739),
    (0x31350, 0x323AF),
)
"""Letters and numbers of Unicode 15, which the engine knows and Python 3.11 (Unicode 14) does not."""

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class JSONNumber(str):
    """A number as the JSON text writes it."""


def matches(query: Query, record: Record) -> bool:
    """Whether `query` holds for a record as `LogStore.get` gives it."""
    match query:
        case MatchAll():
            return True
        case Not(child):
            return not matches(child, record)
        case And(children):
            return all(matches(child, record) for child in children)
        case Or(children):
            return any(matches(child, record) for child in children)
        case Word(text) | Phrase(text):
            return holds_text(record["message"], text)
        case Field(name, value):
            return holds_field(resolve(name), value, record)
        case Wildcard(name, pattern):
            return holds_wildcard(resolve(name), pattern, record)
        case Regex(name, pattern):
            found = python_regex(pattern)
            return any(found.search(value) for value in texts(resolve(name), record))
        case Range():
            return holds_range(resolve(query.name), query, record)
        case Exists(name):
            return exists(resolve(name), record)
        case Network(name, network):
            return any(in_network(value, network) for value in texts(resolve(name), record))
    raise TypeError(query)


# -- texts and tokens ------------------------------------------------------------------------------------------


def fold(text: str) -> str:
    """Simple lower-casing: one character for one character."""
    return "".join(character.lower()[0] if character.lower() else character for character in text)


def is_inside(character: str) -> bool:
    """Whether the character belongs to a token."""
    if unicodedata.category(character)[0] in "LN" or character == "_":
        return True
    return any(first <= ord(character) <= last for first, last in NEWER_THAN_PYTHON)


@lru_cache(maxsize=10_000)
def tokens(text: str) -> tuple[str, ...]:
    """Runs of letters, digits and underscore, folded."""
    return tuple("".join(c if is_inside(c) else " " for c in fold(text)).split())


@lru_cache(maxsize=10_000)
def folded(text: str) -> str:
    return fold(text)


def holds_text(text: str | None, wanted: str) -> bool:
    if text is None:
        return False
    text = text[:TEXT_LIMIT]
    parts = tokens(wanted)
    if not parts:
        return fold(wanted.strip()) in folded(text)
    have = tokens(text)
    return any(have[at : at + len(parts)] == parts for at in range(len(have)))


# -- values ----------------------------------------------------------------------------------------------------


def texts(ref: FieldRef, record: Record) -> list[str]:
    """The texts of the values of a field."""
    match ref.kind:
        case Kind.TAGS:
            return list(record["tags"])
        case Kind.ATTRIBUTE:
            return list(attribute_texts(record["attributes"], ref.name))
        case Kind.TEXT:
            return [] if record[ref.name] is None else [record[ref.name][:TEXT_LIMIT]]
    return [] if record[ref.name] is None else [record[ref.name]]


def attribute_texts(attributes: str | None, path: str) -> Iterator[str]:
    """The texts of every member that some reading of `path` leads to, and of the elements of arrays there."""
    for found in members(attributes, path):
        for value in found if isinstance(found, list) else [found]:
            if isinstance(value, bool):
                yield "true" if value else "false"
            elif isinstance(value, str):
                yield str(value)


def members(attributes: str | None, path: str) -> Iterator[Any]:
    if attributes is not None and len(attributes) <= TEXT_LIMIT:
        yield from _members(_parsed(attributes), path.split("."))


@lru_cache(maxsize=10_000)
def _parsed(attributes: str) -> Any:
    return json.loads(attributes, parse_int=JSONNumber, parse_float=JSONNumber, object_pairs_hook=_first_of_each)


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _members(value: Any, parts: list[str]) -> Iterator[Any]:
    if not parts:
        yield value
    elif isinstance(value, dict):
        for taken in range(1, len(parts) + 1):
            key = ".".join(parts[:taken])
            if key in value:
                yield from _members(value[key], parts[taken:])


def number_of(text: str) -> float | None:
    return float(text) if NUMBER.fullmatch(text) else None


# -- leaves ----------------------------------------------------------------------------------------------------


def holds_field(ref: FieldRef, value: str, record: Record) -> bool:
    match ref.kind:
        case Kind.TEXT:
            return holds_text(record[ref.name], value)
        case Kind.LEVEL:
            return bool(record["level"] == canonical_level(value))
        case Kind.ID:
            return bool(record["id"] == value)
        case Kind.TIME:
            first, after = span(value)
            return bool(first <= record["timestamp"] < after)
    return any(text == value or are_equal_numbers(text, value) for text in texts(ref, record))


def are_equal_numbers(left: str, right: str) -> bool:
    one, other = number_of(left), number_of(right)
    return one is not None and one == other and abs(one) < 2**53


def span(value: str) -> tuple[datetime, datetime]:
    """The first moment that a time means, and the first one after it."""
    if len(value) == 10:
        day = datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
        return day, datetime.max.replace(tzinfo=UTC) if day.year == 9999 else day + timedelta(days=1)
    moment = datetime.fromisoformat(value)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment, moment + timedelta(microseconds=1)


def holds_wildcard(ref: FieldRef, pattern: str, record: Record) -> bool:
    if ref.kind is Kind.TEXT:
        found = wildcard(fold(pattern))
        return any(found.fullmatch(token) for text in texts(ref, record) for token in tokens(text))
    return any(wildcard(pattern).fullmatch(text) for text in texts(ref, record))


@lru_cache(maxsize=10_000)
def wildcard(pattern: str) -> re.Pattern[str]:
    written = []
    for part in re.findall(r"\\[*?\\]|.", pattern, re.DOTALL):
        written.append({"*": ".*", "?": "."}.get(part) or re.escape(part[1:] or part))
    return re.compile("".join(written), re.DOTALL)


@lru_cache(maxsize=10_000)
def python_regex(pattern: str) -> re.Pattern[str]:
    """The same in Python: there `$` matches before a newline at the end, and `\\d` and `\\w` are Unicode's."""
    return re.compile(pattern.replace("$", r"\Z"), re.ASCII)


def holds_range(ref: FieldRef, query: Range, record: Record) -> bool:
    match ref.kind:
        case Kind.LEVEL:
            low, high = (b and LEVELS.index(canonical_level(b) or "") for b in (query.low, query.high))
            return is_between(LEVELS.index(record["level"]), low, high, query)
        case Kind.TIME:
            return is_in_time(record["timestamp"], query)
    bounds = [bound for bound in (query.low, query.high) if bound is not None]
    if number_of(bounds[0]) is None:
        found = [text for text in texts(ref, record) if number_of(text) is None]
        return any(is_between(text, query.low, query.high, query) for text in found)
    numbers = [number for text in texts(ref, record) if (number := number_of(text)) is not None]
    low_number, high_number = (None if b is None else number_of(b) for b in (query.low, query.high))
    return any(is_between(number, low_number, high_number, query) for number in numbers)


def is_between(value: Any, low: Any, high: Any, query: Range) -> bool:
    above = low is None or (value >= low if query.includes_low else value > low)
    return above and (high is None or (value <= high if query.includes_high else value < high))


def is_in_time(moment: datetime, query: Range) -> bool:
    above = query.low is None or moment >= span(query.low)[0 if query.includes_low else 1]
    return above and (query.high is None or moment < span(query.high)[1 if query.includes_high else 0])


def exists(ref: FieldRef, record: Record) -> bool:
    match ref.kind:
        case Kind.TAGS:
            return bool(record["tags"])
        case Kind.ATTRIBUTE:
            return any(found is not None for found in members(record["attributes"], ref.name))
    return record[ref.name] is not None


def in_network(text: str, network: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address in ip_network(network)
