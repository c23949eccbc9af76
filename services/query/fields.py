"""The names that a query may use for a field: one place for search, filters, statistics and exports.

Every column answers to its short name and to its ECS name (https://www.elastic.co/docs/reference/ecs); anything else is
a path into the attributes. A column also answers to `attributes.<path>` for a member that bears a column's name.
"""

import re
from dataclasses import dataclass
from enum import Enum

from services.model import LEVELS


class Kind(Enum):
    """How values of a field compare."""

    TEXT = "text"
    KEYWORD = "keyword"
    LEVEL = "level"
    TIME = "time"
    TAGS = "tags"
    ID = "id"
    ATTRIBUTE = "attribute"
    PATTERN = "pattern"


@dataclass(frozen=True)
class FieldRef:
    """What a name stands for: a column, or with Kind.ATTRIBUTE the dotted path in `name`."""

    kind: Kind
    name: str


_COLUMNS: dict[str, FieldRef] = {
    "timestamp": FieldRef(Kind.TIME, "timestamp"),
    "level": FieldRef(Kind.LEVEL, "level"),
    "message": FieldRef(Kind.TEXT, "message"),
    "source": FieldRef(Kind.KEYWORD, "source"),
    "service": FieldRef(Kind.KEYWORD, "service"),
    "environment": FieldRef(Kind.KEYWORD, "environment"),
    "host": FieldRef(Kind.KEYWORD, "host"),
    "trace_id": FieldRef(Kind.KEYWORD, "trace_id"),
    "span_id": FieldRef(Kind.KEYWORD, "span_id"),
    "upload_id": FieldRef(Kind.KEYWORD, "upload_id"),
    "tags": FieldRef(Kind.TAGS, "tags"),
    "raw": FieldRef(Kind.TEXT, "raw"),
    "problem": FieldRef(Kind.TEXT, "problem"),
    "id": FieldRef(Kind.ID, "id"),
    "pattern": FieldRef(Kind.PATTERN, "pattern"),
}

ALIASES: dict[str, str] = {
    "@timestamp": "timestamp",
    "log.level": "level",
    "service.name": "service",
    "service.environment": "environment",
    "host.name": "host",
    "trace.id": "trace_id",
    "span.id": "span_id",
    "event.original": "raw",
    "event.id": "id",
    "_id": "id",
    "tag": "tags",
    "env": "environment",
}
"""Other names of columns, ECS names first."""

GROUPABLE = frozenset({"level", "source", "service", "environment", "host", "upload_id", "trace_id", "span_id"})
"""Columns that an aggregation may group by."""

_LEVEL_WORDS: dict[str, str] = {
    **{word: word for word in LEVELS},
    "warn": "warning",
    "err": "error",
    "fatal": "critical",
    "crit": "critical",
    "panic": "critical",
    "emerg": "critical",
    "emergency": "critical",
    "alert": "critical",
    "severe": "error",
    "information": "info",
    "informational": "info",
    "notice": "info",
    "verbose": "debug",
    "fine": "debug",
    "finer": "trace",
    "finest": "trace",
}

MAX_PATH_PARTS = 8
"""Longest dotted path: each dot may belong to a key, so a path has 2 to the (parts - 1) readings."""

_SHORTEST_MISS = 4
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def resolve(name: str) -> FieldRef:
    """What `name` stands for; a name that is no column is a path into the attributes."""
    column = _COLUMNS.get(ALIASES.get(name, name))
    if column is not None:
        return column
    return FieldRef(Kind.ATTRIBUTE, name.removeprefix("attributes."))


def canonical_name(name: str) -> str:
    """The shortest name of the same field: of a column its own, of attributes the dotted path."""
    ref = resolve(name)
    is_path = ref.kind is Kind.ATTRIBUTE
    return ref.name if not is_path or resolve(ref.name) == ref else f"attributes.{ref.name}"


def near_miss(name: str) -> str | None:
    """The name of a column that `name` may be a slip of the pen for: one letter more, less or other, or two swapped.

    None for a column's own names, for names shorter than four characters, and where nothing is near. Such a name is no
    error (records may have that attribute); what is shown beside an empty result may ask.
    """
    if len(name) < _SHORTEST_MISS or resolve(name).kind is not Kind.ATTRIBUTE:
        return None
    folded = name.lower()
    return next((known for known in (*_COLUMNS, *ALIASES) if len(known) > 3 and _is_one_edit(folded, known)), None)


def _is_one_edit(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if len(longer) - len(shorter) > 1:
        return False
    at = next((at for at, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    if len(shorter) < len(longer):
        return shorter[at:] == longer[at + 1 :]
    swapped = shorter[at + 1 : at + 2] + shorter[at : at + 1] + shorter[at + 2 :]
    return shorter[at + 1 :] == longer[at + 1 :] or swapped == longer[at:]


def is_number(text: str) -> bool:
    """Whether a value is a number: all of it, ASCII digits, without a plus sign."""
    return _NUMBER.fullmatch(text) is not None


def near_level(word: str) -> str | None:
    """The canonical level whose name is one slip of the pen away from `word`, or None."""
    folded = word.strip().lower()
    return next((level for known, level in _LEVEL_WORDS.items() if _is_one_edit(folded, known)), None)


def canonical_level(word: str) -> str | None:
    """The canonical word of a level or one of its usual other names, in any case; None for anything else."""
    return _LEVEL_WORDS.get(word.strip().lower())


def level_words(level: str) -> list[str]:
    """Every word, in lower case, that `canonical_level` reads as `level`."""
    return [word for word, canonical in _LEVEL_WORDS.items() if canonical == level]


def column_of(name: str) -> str | None:
    """The column that an aggregation by `name` groups by, or None where it cannot."""
    column = ALIASES.get(name, name)
    return column if column in GROUPABLE else None
