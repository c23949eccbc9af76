"""The tree of a query. What its nodes mean is said in `language`; it knows nothing of SQL.

Every leaf knows where it stands in the query text (`at`: position and length), for errors that are found later. Two
leaves that differ in nothing else are equal.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

Span = tuple[int, int]
"""Position and length of a piece of the query text, in characters."""


class Query:
    """A node of the tree."""


@dataclass(frozen=True, kw_only=True)
class Leaf(Query):
    """A node without children. `at` is where it stands in the query text."""

    at: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class MatchAll(Query):
    """Every record."""


@dataclass(frozen=True)
class Word(Leaf):
    """Bare text without quotes, looked for in the message; several tokens inside it (`a-b`) mean the phrase of them."""

    text: str


@dataclass(frozen=True)
class Phrase(Leaf):
    """Quoted text, looked for in the message: its tokens in a row."""

    text: str


@dataclass(frozen=True)
class Field(Leaf):
    """`name:value`."""

    name: str
    value: str
    quoted: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Wildcard(Leaf):
    """`name:pattern`, or bare with the name `message`.

    In `pattern` a `*` stands for any run of characters and `?` for one; a backslash takes the meaning from `*`, `?` and
    the backslash behind it. At least one `*` or `?` has its meaning.
    """

    name: str
    pattern: str


@dataclass(frozen=True)
class Regex(Leaf):
    """`name:/pattern/`, or bare with the name `message`. RE2 syntax; it may match anywhere in the value."""

    name: str
    pattern: str


@dataclass(frozen=True)
class Range(Leaf):
    """`name:[low TO high]`, `name:>=low` and the like; None leaves that side open, at least one is not None."""

    name: str
    low: str | None
    high: str | None
    includes_low: bool = True
    includes_high: bool = True


@dataclass(frozen=True)
class Exists(Leaf):
    """`name:*` and `_exists_:name`."""

    name: str


@dataclass(frozen=True)
class Network(Leaf):
    """`name:10.0.0.0/8`; `network` as Python's `ipaddress.ip_network` writes it."""

    name: str
    network: str


@dataclass(frozen=True)
class And(Query):
    """All children match."""

    children: tuple[Query, ...]


@dataclass(frozen=True)
class Or(Query):
    """At least one child matches."""

    children: tuple[Query, ...]


@dataclass(frozen=True)
class Not(Query):
    """The child does not match."""

    child: Query


def all_of(parts: Sequence[Query]) -> Query:
    """AND of the parts, those that are ANDs themselves opened up; the part itself where there is one."""
    flat = [each for part in parts for each in (part.children if isinstance(part, And) else (part,))]
    if not flat:
        return MatchAll()
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(parts: Sequence[Query]) -> Query:
    """OR of the parts, those that are ORs themselves opened up; the part itself where there is one."""
    flat = [each for part in parts for each in (part.children if isinstance(part, Or) else (part,))]
    if not flat:
        return Not(MatchAll())
    return flat[0] if len(flat) == 1 else Or(tuple(flat))
