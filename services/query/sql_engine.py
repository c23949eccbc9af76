"""What a compiler asks of DuckDB before there is a statement: tokens of a text, and whether RE2 takes a pattern."""

from collections.abc import Sequence

import duckdb

from services.query import tokens as ascii_tokens
from services.query.sql import TOKENS_SQL

_MATCH = "SELECT list_transform(?::VARCHAR[], lambda text: regexp_matches(text, ?))"


def tokens(cursor: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    """The folded tokens of `text`, in order. Of ASCII they are the same in Python, and there in 2 µs instead of 2 ms."""
    if text.isascii():
        return ascii_tokens.tokens(text)
    return list(cursor.execute(f"SELECT {TOKENS_SQL}", [text]).fetchall()[0][0])


def match_regex(cursor: duckdb.DuckDBPyConnection, pattern: str, texts: Sequence[str]) -> list[bool]:
    """Whether the RE2 pattern matches somewhere in each of the texts. Raises `ValueError` with RE2's complaint."""
    try:
        return list(cursor.execute(_MATCH, [list(texts), pattern]).fetchall()[0][0])
    except duckdb.InvalidInputException as error:
        raise ValueError(str(error).removeprefix("Invalid Input Error: ").splitlines()[0]) from error
