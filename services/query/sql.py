"""The query tree as an SQL condition over `logs`, with every value bound.

Only names from `fields` and the fixed text of this file and of its parts (`sql_*`) become SQL; what a user wrote is always a
parameter. Every leaf is true or false, never NULL: otherwise NOT would lose records.
Text is folded and cut into tokens by DuckDB itself (`tokens` argument), the same function on both sides: Python's and
DuckDB's ideas of letters and of lower-casing differ (final sigma, dotted capital I).
"""

from datetime import datetime

from services.model import LEVEL_NUMBER
from services.query.compiling import Tokens, TreeCompiler
from services.query.sql_attributes import holds_at_path
from services.query.sql_condition import FALSE, TRUE, Condition, joined, never_null
from services.query.sql_patterns import INSIDE, NOT_INSIDE, MatchRegex, Piece
from services.query.sql_texts import TEXT_LIMIT, TOKENS_SQL, literal, text_regex, token_matches, tokens_in_a_row
from services.query.sql_times import between
from services.query.sql_values import ValueTest
from services.query.tree import Query

__all__ = [
    "FALSE",
    "INSIDE",
    "NOT_INSIDE",
    "TEXT_LIMIT",
    "TOKENS_SQL",
    "TRUE",
    "Compiler",
    "Condition",
    "MatchRegex",
    "Tokens",
    "compile_query",
    "joined",
]


class Compiler(TreeCompiler[Condition]):
    """Turns a tree into the condition that is true for exactly the records that it matches.

    What depends on how records are kept stands in the methods that a subclass overrides: clauses on texts, on keyword
    columns, on attributes and on patterns.
    """

    # -- trees -------------------------------------------------------------------------------------------------------

    def everything(self) -> Condition:
        """See `TreeCompiler`."""
        return TRUE

    def nothing(self) -> Condition:
        """See `TreeCompiler`."""
        return FALSE

    def negated(self, part: Condition) -> Condition:
        """See `TreeCompiler`."""
        return Condition(f"(NOT {part.sql})", part.values, part.is_heavy)

    def all_of(self, parts: list[Condition]) -> Condition:
        """See `TreeCompiler`."""
        return joined(" AND ", parts)

    def any_of(self, parts: list[Condition]) -> Condition:
        """See `TreeCompiler`."""
        return joined(" OR ", parts)

    # -- columns -----------------------------------------------------------------------------------------------------

    def levels(self, words: list[str]) -> Condition:
        """See `TreeCompiler`."""
        return Condition(f"(level IN ({', '.join(str(LEVEL_NUMBER[word]) for word in words)}))")

    def severities(self, low: int, high: int) -> Condition:
        """See `TreeCompiler`."""
        return Condition("(level BETWEEN ? AND ?)", [low, high])

    def times(self, first: datetime | None, after: datetime | None) -> Condition:
        """See `TreeCompiler`."""
        return between(first, after)

    def record(self, timestamp_us: int, seq: int) -> Condition:
        """See `TreeCompiler`."""
        return Condition("(timestamp = make_timestamp(?::BIGINT) AND seq = ?)", [timestamp_us, seq])

    def has_column(self, column: str) -> Condition:
        """See `TreeCompiler`."""
        return Condition(f"({column} IS NOT NULL)")

    def has_tags(self) -> Condition:
        """See `TreeCompiler`."""
        return Condition("coalesce(len(tags) > 0, false)")

    # -- texts -------------------------------------------------------------------------------------------------------

    def tokens_in_a_row(self, column: str, words: list[str]) -> Condition:
        """See `TreeCompiler`."""
        return tokens_in_a_row(column, words)

    def literal(self, column: str, text: str) -> Condition:
        """See `TreeCompiler`."""
        return literal(column, text)

    def token_matches(self, column: str, parts: list[Piece]) -> Condition:
        """See `TreeCompiler`."""
        return token_matches(column, parts)

    def text_regex(self, column: str, pattern: str) -> Condition:
        """See `TreeCompiler`."""
        return text_regex(column, pattern)

    # -- values ------------------------------------------------------------------------------------------------------

    def keyword_equals(self, column: str, value: str) -> Condition:
        """See `TreeCompiler`."""
        return Condition(f"coalesce({column} = ?, false)", [value])

    def keyword(self, column: str, test: ValueTest) -> Condition:
        """See `TreeCompiler`."""
        return never_null(test.on(column))

    def tags(self, test: ValueTest) -> Condition:
        """See `TreeCompiler`."""
        asked = test.on("tag")
        return Condition(f"coalesce(len(list_filter(tags, lambda tag: {asked.sql})) > 0, false)", asked.values)

    def attribute(self, path: str, test: ValueTest) -> Condition:
        """See `TreeCompiler`."""
        return holds_at_path("attributes", path, test)


def compile_query(query: Query, tokens: Tokens, match_regex: MatchRegex | None = None) -> Condition:
    """The condition of `query` over records that are read whole."""
    return Compiler(tokens, match_regex).compile(query)
