"""What a query text is cut into."""

import re
from dataclasses import dataclass
from enum import Enum

from services.query.mends import unescaped
from services.query.tree import Span

WILDCARD = re.compile(r"(?<!\\)(?:\\\\)*[*?]")
"""A star or question mark that has its meaning, in a raw text."""


class Sort(Enum):
    """What a piece is. The value is how luqum writes it, where it has no text of its own."""

    AND = "AND"
    OR = "OR"
    NOT = "NOT"
    MINUS = "-"
    PLUS = "+"
    OPEN = "("
    CLOSE = ")"
    COLON = ":"
    NAME = "name"
    TEXT = "text"
    QUOTED = "quoted"
    REGEX = "regex"
    RANGE = "range"


@dataclass(frozen=True)
class Bound:
    """One side of a range, as it is meant; `includes` where the range holds the bound itself."""

    text: str
    includes: bool
    has_wildcard: bool


@dataclass(frozen=True)
class Piece:
    """A piece of the query text. `raw` as it is written, without quotes or slashes; a range has its bounds (None: open)."""

    sort: Sort
    start: int
    end: int
    raw: str
    low: Bound | None = None
    high: Bound | None = None

    @property
    def span(self) -> Span:
        """Position and length."""
        return self.start, self.end - self.start


VALUES = frozenset({Sort.TEXT, Sort.QUOTED, Sort.REGEX, Sort.RANGE})


def bound_of(raw: str, includes: bool) -> Bound | None:
    """The bound that is written as `raw`; None for a star, which leaves the side open."""
    if raw == "*":
        return None
    if raw[0] == '"':
        return Bound(unescaped(raw[1:-1]), includes, False)
    return Bound(unescaped(raw), includes, WILDCARD.search(raw) is not None)
