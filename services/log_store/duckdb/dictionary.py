"""Looking for words in the dictionary of shapes instead of in messages.

A shape is its message with U+001A for every token that holds a digit. `norm` is the shape's tokens, folded, with one space
around each; the mask is a token of its own there, so that `a 7 b` is never taken for `a b`. A clause about tokens without
digits is true of a message exactly when it is true of the message's norm.
"""

from collections.abc import Sequence

from services.query.sql_condition import Condition
from services.query.sql_patterns import Piece, token_regex

MASK = "\x1a"
NORM_SQL = r"' ' || regexp_replace(lower(shape), '[^\pL\pN_\x1a]+', ' ', 'g') || ' '"
"""`norm` of the column `shape`. Beginning and end of a shape may add a second space, which disturbs nothing."""

MASKED_SQL = "contains(norm, chr(26))"
"""Whether a shape has a masked token at all."""


def row_of_tokens(words: Sequence[str]) -> Condition:
    """Shapes with these in a row; `MASK` stands for a masked token."""
    return Condition("contains(norm, ?)", [f" {' '.join(words)} "])


def literal(text: str) -> Condition:
    """Shapes that hold a text without any token: what stands between tokens is the same in shape and message."""
    if MASK in text:  # no message holds it
        return Condition("false")
    return Condition("contains(lower(shape), lower(?))", [text])


def token_matches(parts: Sequence[Piece]) -> Condition:
    """Shapes with an unmasked token that matches the pieces of a wildcard pattern, which are folded."""
    return Condition("regexp_matches(norm, ?)", [token_regex(parts)])
