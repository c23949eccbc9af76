"""Questions about one value of a field, as SQL on its text.

The same question is asked of a keyword column, of each tag, and of each value that a path of the attributes leads to. Which
values are numbers, and how they compare, is said in `services.query.language`.
"""

import re
from dataclasses import dataclass

from services.query.sql_condition import Condition
from services.query.sql_networks import in_network
from services.query.sql_patterns import Literal, Piece, whole_value_regex

NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
"""The whole text of a value that is a number; the same in Python and in RE2."""

EXACT_BELOW = 2.0**53
"""From here on whole numbers are not all doubles: they are equal as text only."""

_NUMBER = re.compile(NUMBER)


def number_of(text: str) -> float | None:
    """The number that `text` is, infinite beyond what a double holds; None where it is none."""
    return float(text) if _NUMBER.fullmatch(text) else None


def is_number_sql(text: str) -> str:
    """SQL: whether the text is a number as a whole."""
    return f"regexp_full_match({text}, '{NUMBER}')"


class ValueTest:
    """A question about a value, to be asked of its text.

    reads_digits  whether it depends on how a number is written (1.50 or 1.5), and not only on the number
    """

    reads_digits = False

    def on(self, text: str) -> Condition:
        """The condition for the value whose text is the SQL expression `text`; NULL or false where that is NULL."""
        raise NotImplementedError

    def literal(self) -> str:
        """Characters that stand in every text for which it can hold, as long as can be told; empty for none."""
        return ""


@dataclass(frozen=True)
class Equals(ValueTest):
    """The value is `value`: as text, or as a number that a double tells from its neighbours."""

    value: str

    @property
    def number(self) -> float | None:
        """The number to compare with, where it is one and small enough."""
        found = number_of(self.value)
        return None if found is None or abs(found) >= EXACT_BELOW else found

    @property
    def reads_digits(self) -> bool:  # type: ignore[override]
        """Only where it is a number too large to compare as one."""
        return self.number is None and number_of(self.value) is not None

    def on(self, text: str) -> Condition:
        """See `ValueTest`."""
        if self.number is None:
            return Condition(f"({text} = ?)", [self.value])
        # not every text that casts is a number (" 1", "1_0"), but the cast spares most of them the pattern
        return Condition(
            f"(CASE WHEN TRY_CAST({text} AS DOUBLE) = ? THEN {is_number_sql(text)} ELSE false END)", [self.number]
        )

    def literal(self) -> str:
        """See `ValueTest`; a number can be written in many ways."""
        return self.value if self.number is None else ""


@dataclass(frozen=True)
class Between(ValueTest):
    """The value lies between two bounds, None for an open side: both are numbers, or neither is."""

    low: str | None
    high: str | None
    includes_low: bool = True
    includes_high: bool = True

    @property
    def is_numeric(self) -> bool:
        """Whether numbers are compared."""
        return number_of(self.low if self.low is not None else self.high or "") is not None

    def on(self, text: str) -> Condition:
        """See `ValueTest`. Texts compare by their UTF-8 bytes in DuckDB, which is by code point."""
        inside = self.compared(f"TRY_CAST({text} AS DOUBLE)" if self.is_numeric else text)
        negation = "" if self.is_numeric else "NOT "
        return Condition(f"(CASE WHEN {inside.sql} THEN {negation}{is_number_sql(text)} ELSE false END)", inside.values)

    def compared(self, value: str) -> Condition:
        """The bounds alone, for a value of their sort."""
        parts, values = [], []
        for bound, operator in ((self.low, ">="[: 1 + self.includes_low]), (self.high, "<="[: 1 + self.includes_high])):
            if bound is not None:
                parts.append(f"{value} {operator} ?")
                values.append(number_of(bound) if self.is_numeric else bound)
        return Condition(f"({' AND '.join(parts)})", values)


@dataclass(frozen=True)
class Like(ValueTest):
    """The whole value matches the pieces of a wildcard pattern."""

    pieces: tuple[Piece, ...]
    reads_digits = True

    def on(self, text: str) -> Condition:
        """See `ValueTest`. Never LIKE: its time grows with a power of the text's length when `_` and `%` meet."""
        match self.pieces:
            case ("*",):
                return Condition(f"({text} IS NOT NULL)")
            case (Literal(start), "*"):
                return Condition(f"starts_with({text}, ?)", [start])
            case ("*", Literal(end)):
                return Condition(f"suffix({text}, ?)", [end])
            case ("*", Literal(middle), "*"):
                return Condition(f"contains({text}, ?)", [middle])
        return Condition(f"regexp_full_match({text}, ?)", [whole_value_regex(self.pieces)])

    def literal(self) -> str:
        """See `ValueTest`."""
        return max((piece.text for piece in self.pieces if isinstance(piece, Literal)), key=len, default="")


@dataclass(frozen=True)
class Matches(ValueTest):
    """An RE2 pattern matches somewhere in the value."""

    pattern: str
    reads_digits = True

    def on(self, text: str) -> Condition:
        """See `ValueTest`."""
        return Condition(f"regexp_matches({text}, ?)", [self.pattern])


@dataclass(frozen=True)
class InNetwork(ValueTest):
    """The value is an IP address inside `network`."""

    network: str

    def on(self, text: str) -> Condition:
        """See `ValueTest`."""
        return in_network(text, self.network)


@dataclass(frozen=True)
class Present(ValueTest):
    """There is a value, of whatever kind; asked of paths of the attributes, where an object and a list count."""

    def on(self, text: str) -> Condition:
        """See `ValueTest`."""
        return Condition(f"({text} IS NOT NULL)")
