"""The tree of a query. What its nodes mean is said in `language`; it knows nothing of SQL."""

from dataclasses import dataclass


class Query:
    """A node of the tree."""


@dataclass(frozen=True)
class MatchAll(Query):
    """Every record."""


@dataclass(frozen=True)
class Word(Query):
    """Bare text without quotes; several tokens inside it (`a-b`) mean the phrase of them."""

    text: str


@dataclass(frozen=True)
class Phrase(Query):
    """Quoted text: its tokens in a row."""

    text: str


@dataclass(frozen=True)
class Field(Query):
    """`name:value`."""

    name: str
    value: str
    quoted: bool = False


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
