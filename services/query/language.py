"""The query language: text in, a small tree out.

`parse(text)` gives the tree that both compilers (`sql`, later `elastic`) read. The tree knows nothing of SQL.
Semantics, for every engine:
- A token is a run of letters, digits and underscore (`[\\pL\\pN_]`), folded by simple lower-casing.
- `Word` matches a record whose message has that token; `Phrase` one whose message has those tokens in a row.
- `Field` compares a column or a dotted attribute path with one value; keyword columns compare exactly, level by its
  canonical word; `message` looks for tokens as words and phrases do.
- `Not` matches every record that its child does not match (a leaf is true or false, never unknown).
"""

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


def parse(text: str) -> Query:
    """The tree of a query text; `MatchAll` for an empty one. Raises `InvalidQuery` with position and mend."""
    raise NotImplementedError
