"""What DuckDB makes of a query's texts: folded, cut into tokens, hashed. Asked of the engine itself, so that both sides agree."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import duckdb

from services.log_store.duckdb.rows import one_value
from services.query.sql import TOKENS_SQL

_REMEMBERED = 1_000


class Tokeniser:
    """The recent answers. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, list[str]] = OrderedDict()

    def tokens(self, cursor: duckdb.DuckDBPyConnection, text: str) -> list[str]:
        """The folded tokens of `text`, in order."""
        with self._lock:
            found = self._recent.get(text)
        if found is None:
            found = list(one_value(cursor, f"SELECT {TOKENS_SQL}", [text]))
            with self._lock:
                self._recent[text] = found
                while len(self._recent) > _REMEMBERED:
                    self._recent.popitem(last=False)
        return found


def has_digits(cursor: duckdb.DuckDBPyConnection, tokens: Sequence[str]) -> list[bool]:
    """For each token whether it is masked in a shape: it holds a character of Unicode's category N."""
    if all(token.isascii() for token in tokens):
        return [any("0" <= character <= "9" for character in token) for token in tokens]
    sql = r"SELECT list_transform(?::VARCHAR[], lambda token: regexp_matches(token, '\pN'))"
    return list(one_value(cursor, sql, [list(tokens)]))


def hashes(cursor: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> list[int]:
    """The engine's 64-bit hash of each key of a token filter."""
    return list(one_value(cursor, "SELECT list_transform(?::VARCHAR[], lambda key: hash(key))", [list(keys)]))
