"""What a query means, record by record, in plain slow Python: the measure for every engine."""

import json
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.query.fields import Kind, canonical_level, resolve
from services.query.sql import TEXT_LIMIT
from services.query.tree import And, Field, MatchAll, Not, Or, Phrase, Query, Word

Record = dict[str, Any]


def matches(query: Query, record: Record) -> bool:
    """Whether `query` holds for a record as `LogStore.get` gives it."""
    match query:
        case MatchAll():
            return True
        case Word(text) | Phrase(text):
            return holds_text(record["message"], text)
        case Not(child):
            return not matches(child, record)
        case And(children):
            return all(matches(child, record) for child in children)
        case Or(children):
            return any(matches(child, record) for child in children)
        case Field(name, value):
            return holds_field(name, value, record)
    raise TypeError(query)


def fold(text: str) -> str:
    """Simple lower-casing: one character for one character."""
    return "".join(character.lower()[0] if character.lower() else character for character in text)


def tokens(text: str) -> list[str]:
    """Runs of letters, digits and underscore, folded."""
    marked = [c if unicodedata.category(c)[0] in "LN" or c == "_" else " " for c in fold(text)]
    return "".join(marked).split(" ") if not marked else [part for part in "".join(marked).split(" ") if part]


def holds_text(text: str | None, wanted: str) -> bool:
    if text is None:
        return False
    text = text[:TEXT_LIMIT]
    parts = tokens(wanted)
    if not parts:
        return fold(wanted.strip()) in fold(text)
    have = tokens(text)
    return any(have[at : at + len(parts)] == parts for at in range(len(have)))


def holds_field(name: str, value: str, record: Record) -> bool:
    ref = resolve(name)
    match ref.kind:
        case Kind.TEXT:
            return holds_text(record[ref.name], value)
        case Kind.LEVEL:
            return record["level"] == canonical_level(value)
        case Kind.TAGS:
            return value in record["tags"]
        case Kind.KEYWORD | Kind.ID:
            return bool(record[ref.name] == value)
        case Kind.TIME:
            return holds_time(record["timestamp"], value)
        case Kind.ATTRIBUTE:
            return any(text == value for text in attribute_texts(record["attributes"], ref.name))


def holds_time(timestamp: datetime, value: str) -> bool:
    if len(value) == 10:
        day = datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
        return day <= timestamp < day + timedelta(days=1)
    return timestamp == datetime.fromisoformat(value)


def attribute_texts(attributes: str | None, path: str) -> Iterator[str]:
    """The texts of every member that some reading of `path` leads to, and of the elements of arrays there."""
    if attributes is None:
        return
    for found in members(json.loads(attributes), path.split(".")):
        for value in [found, *found] if isinstance(found, list) else [found]:
            if isinstance(value, str):
                yield value
            elif isinstance(value, bool | int | float):
                yield json.dumps(value)


def members(value: Any, parts: list[str]) -> Iterator[Any]:
    if not parts:
        yield value
    elif isinstance(value, dict):
        for taken in range(1, len(parts) + 1):
            key = ".".join(parts[:taken])
            if key in value:
                yield from members(value[key], parts[taken:])
