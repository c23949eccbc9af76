"""Tokens of a text in Python, as the engines cut and fold them.

A token is a run of letters, digits and underscores (Unicode's categories L and N), folded by simple lower-casing, one
character for one. Measured over all code points: Python's `\\w` and first lower-case character are what DuckDB's
`[\\pL\\pN_]` and `lower` are, but for 4,388 characters of scripts younger than Unicode 14, which Python 3.11 does not
know as letters.
"""

import re

TOKEN = re.compile(r"\w+")


def fold(text: str) -> str:
    """`text` in lower case, as long as before."""
    lowered = text.lower()
    if text.isascii() or (len(lowered) == len(text) and "\u03a3" not in text):
        return lowered
    return "".join(character.lower()[:1] for character in text)


def tokens(text: str) -> list[str]:
    """The folded tokens of a text."""
    return TOKEN.findall(fold(text))
