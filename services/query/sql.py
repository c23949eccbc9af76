"""The query tree as an SQL condition over `logs`, with every value bound.

Only names from `fields` and the fixed text of this file and of its parts (`sql_*`) become SQL; what a user wrote is always a
parameter. Every leaf is true or false, never NULL: otherwise NOT would lose records.
Text is folded and cut into tokens by DuckDB itself (`tokens` argument), the same function on both sides: Python's and
DuckDB's ideas of letters and of lower-casing differ (final sigma, dotted capital I).
"""

from collections.abc import Callable

from services.errors import InvalidQuery
from services.model import LEVEL_NUMBER, LEVELS, parse_record_id
from services.query.fields import FieldRef, Kind, canonical_level, resolve
from services.query.sql_attributes import holds_at_path
from services.query.sql_condition import FALSE, TRUE, Condition, joined, never_null
from services.query.sql_patterns import (
    INSIDE,
    NETWORK,
    NOT_INSIDE,
    Literal,
    MatchRegex,
    Piece,
    pieces,
    regex_cost,
    token_regex,
    whole_value_regex,
    wildcard_cost,
    within_costs,
)
from services.query.sql_texts import TEXT_LIMIT, TOKENS_SQL, literal, text_regex, token_matches, tokens_in_a_row
from services.query.sql_times import between_times, is_time
from services.query.sql_values import Between, Equals, InNetwork, Like, Matches, Present, ValueTest, number_of
from services.query.tree import (
    And,
    Exists,
    Field,
    Leaf,
    MatchAll,
    Network,
    Not,
    Or,
    Phrase,
    Query,
    Range,
    Regex,
    Wildcard,
    Word,
)

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

Tokens = Callable[[str], list[str]]
"""Folds a text and cuts it into tokens, as DuckDB does: `regexp_extract_all(lower(text), '[\\pL\\pN_]+')`."""


class Compiler:
    """Turns a tree into the condition that is true for exactly the records that it matches.

    What depends on how records are kept stands in the methods that a subclass overrides: clauses on texts, on keyword
    columns, on attributes and on patterns. `tokens` folds and cuts a text as the engine does, `match_regex` tries an
    RE2 pattern: without it, regexes are refused. One compiler is for one query: costs of its patterns are summed.
    """

    def __init__(self, tokens: Tokens, match_regex: MatchRegex | None = None):
        self.tokens = tokens
        self.match_regex = match_regex
        self._cost = 0

    def compile(self, query: Query) -> Condition:
        """Raises `InvalidQuery`, with the place in the query text, where a leaf cannot be served."""
        match query:
            case MatchAll():
                return TRUE
            case Not(child):
                inner = self.compile(child)
                return Condition(f"(NOT {inner.sql})", inner.values, inner.is_heavy)
            case And(children):
                return joined(" AND ", [self.compile(child) for child in children])
            case Or(children):
                return joined(" OR ", [self.compile(child) for child in children])
            case Leaf():
                return self._placed(query)
        raise TypeError(f"no SQL for {type(query).__name__}")

    def _placed(self, leaf: Leaf) -> Condition:
        try:
            return self._leaf(leaf)
        except InvalidQuery as error:
            if leaf.at is not None and not error.length:
                error.position, error.length = leaf.at
            raise

    def _leaf(self, leaf: Leaf) -> Condition:
        match leaf:
            case Word(text) | Phrase(text):
                return self.text("message", text)
            case Field(name, value):
                return self._field(resolve(name), value)
            case Wildcard(name, pattern):
                return self._wildcard(resolve(name), pattern)
            case Regex(name, pattern):
                return self._regex(resolve(name), pattern)
            case Range():
                return self._range(resolve(leaf.name), leaf)
            case Exists(name):
                return self._exists(resolve(name))
            case Network(name, network):
                self._pay(NETWORK)
                return self._values(resolve(name), InNetwork(network))
        raise TypeError(f"no SQL for {type(leaf).__name__}")

    # -- one method per node -------------------------------------------------------------------------------------

    def _field(self, ref: FieldRef, value: str) -> Condition:
        match ref.kind:
            case Kind.TEXT:
                return self.text(ref.name, value)
            case Kind.LEVEL:
                word = canonical_level(value)
                return FALSE if word is None else Condition("(level = ?)", [LEVEL_NUMBER[word]])
            case Kind.ID:
                return _id(value)
            case Kind.PATTERN:
                return self.pattern(_pattern_id(value))
            case Kind.TIME:
                return between_times(value, value) if is_time(value) else FALSE
        test = Equals(value)
        if ref.kind is Kind.KEYWORD and test.number is None:
            return self.keyword_equals(ref.name, value)
        return self._values(ref, test)

    def _wildcard(self, ref: FieldRef, pattern: str) -> Condition:
        if ref.kind is Kind.TEXT:
            return self.text_wildcard(ref.name, pattern)
        parts = pieces(pattern)
        self._pay(wildcard_cost(parts, in_tokens=False))
        if ref.kind is Kind.LEVEL:
            return self._levels(f"^(?:{whole_value_regex(parts)})$")
        self.tried(whole_value_regex(parts))
        return self._values(ref, Like(tuple(parts)))

    def _regex(self, ref: FieldRef, pattern: str) -> Condition:
        self._pay(regex_cost(pattern))
        if ref.kind is Kind.LEVEL:
            return self._levels(pattern)
        self.tried(pattern)
        return self.text_regex(ref.name, pattern) if ref.kind is Kind.TEXT else self._values(ref, Matches(pattern))

    def _levels(self, pattern: str) -> Condition:
        found = self.tried(pattern)
        numbers = [str(LEVEL_NUMBER[word]) for word, is_found in zip(LEVELS, found, strict=True) if is_found]
        return Condition(f"(level IN ({', '.join(numbers)}))") if numbers else FALSE

    def _range(self, ref: FieldRef, leaf: Range) -> Condition:
        match ref.kind:
            case Kind.LEVEL:
                return _levels_between(leaf)
            case Kind.TIME:
                return between_times(leaf.low, leaf.high, leaf.includes_low, leaf.includes_high)
        bounds = [number_of(bound) is None for bound in (leaf.low, leaf.high) if bound is not None]
        if len(set(bounds)) != 1:
            raise InvalidQuery("The bounds of a range are of two sorts.", expected="two numbers or two texts")
        return self._values(ref, Between(leaf.low, leaf.high, leaf.includes_low, leaf.includes_high))

    def _exists(self, ref: FieldRef) -> Condition:
        match ref.kind:
            case Kind.ATTRIBUTE:
                return self.attribute(ref.name, Present())
            case Kind.TAGS:
                return Condition("coalesce(len(tags) > 0, false)")
            case Kind.PATTERN:
                return self.has_pattern()
            case Kind.LEVEL | Kind.TIME | Kind.ID:
                return TRUE
        return Condition(f"({ref.name} IS NOT NULL)")

    def _values(self, ref: FieldRef, test: ValueTest) -> Condition:
        """Whether the test holds for a value of the field."""
        match ref.kind:
            case Kind.KEYWORD:
                return never_null(test.on(ref.name))
            case Kind.TAGS:
                asked = test.on("tag")
                return Condition(f"coalesce(len(list_filter(tags, lambda tag: {asked.sql})) > 0, false)", asked.values)
            case Kind.ATTRIBUTE:
                return self.attribute(ref.name, test)
        raise _refusal(ref, test)

    def _pay(self, cost: int) -> None:
        self._cost += cost
        within_costs(self._cost)

    def tried(self, pattern: str) -> list[bool]:
        """Which words of `LEVELS` the RE2 pattern matches. Raises `InvalidQuery` where RE2 refuses it."""
        if self.match_regex is None:
            raise InvalidQuery("Patterns are not served here.", expected="words, phrases and field:value")
        try:
            return self.match_regex(pattern, LEVELS)
        except ValueError as error:
            raise InvalidQuery(f"The pattern cannot be read: {error}", expected="RE2 syntax") from error

    def text(self, column: str, text: str) -> Condition:
        """Tokens in a row in a column of text; text without any token as it stands, folded."""
        words = self.tokens(text)
        return self.tokens_in_a_row(column, words) if words else self.literal(column, text.strip())

    def text_wildcard(self, column: str, pattern: str) -> Condition:
        """One token that matches a wildcard pattern."""
        parts = pieces(pattern)
        self._pay(wildcard_cost(parts, in_tokens=True))
        folded = self._folded(parts)
        if folded is None:
            return FALSE
        self.tried(token_regex(folded))
        return self.token_matches(column, folded)

    def _folded(self, parts: list[Piece]) -> list[Piece] | None:
        """The pattern with its literals folded; None where one holds a character that no token has."""
        folded: list[Piece] = []
        for part in parts:
            if isinstance(part, Literal):
                words = self.tokens(part.text)
                if len(words) != 1 or len(words[0]) != len(part.text):
                    return None
                folded.append(Literal(words[0]))
            else:
                folded.append(part)
        return folded

    # -- what a subclass may do better --------------------------------------------------------------------------

    def tokens_in_a_row(self, column: str, words: list[str]) -> Condition:
        """Folded tokens in a row, at least one."""
        return tokens_in_a_row(column, words)

    def literal(self, column: str, text: str) -> Condition:
        """A text without any token, as it stands."""
        return literal(column, text)

    def token_matches(self, column: str, parts: list[Piece]) -> Condition:
        """A token that matches the pieces of a pattern, whose literals are folded and hold characters of tokens only."""
        return token_matches(column, parts)

    def text_regex(self, column: str, pattern: str) -> Condition:
        """An RE2 pattern that matches somewhere in what is looked at of a text, as it stands."""
        return text_regex(column, pattern)

    def keyword_equals(self, column: str, value: str) -> Condition:
        """A keyword column that is exactly `value`."""
        return Condition(f"coalesce({column} = ?, false)", [value])

    def attribute(self, path: str, test: ValueTest) -> Condition:
        """A value that a reading of the path leads to. Every clause on attributes comes through here."""
        return holds_at_path("attributes", path, test)

    def pattern(self, pattern_id: int) -> Condition:
        """Records of a pattern: none, where no dictionary knows patterns."""
        return FALSE

    def has_pattern(self) -> Condition:
        """Records of any pattern."""
        return FALSE


def compile_query(query: Query, tokens: Tokens, match_regex: MatchRegex | None = None) -> Condition:
    """The condition of `query` over records that are read whole."""
    return Compiler(tokens, match_regex).compile(query)


def _refusal(ref: FieldRef, test: ValueTest) -> InvalidQuery:
    what = {Between: "Ranges", InNetwork: "Networks", Like: "Wildcards", Matches: "Regular expressions"}[type(test)]
    return InvalidQuery(f"{what} are not served on {ref.name}.", expected=f"a whole value of {ref.name}")


def _pattern_id(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 20 and int(value) < 1 << 63):
        raise InvalidQuery(f"{value[:60]!r} is no pattern.", expected="the number of a pattern, like 17")
    return int(value)


def _id(value: str) -> Condition:
    parts = parse_record_id(value)
    if parts is None:
        return FALSE
    return Condition("(timestamp = make_timestamp(?::BIGINT) AND seq = ?)", list(parts))


def _levels_between(leaf: Range) -> Condition:
    parts, values = [], []
    bounds = ((leaf.low, leaf.includes_low, ">"), (leaf.high, leaf.includes_high, "<"))
    for bound, is_included, operator in bounds:
        if bound is None:
            continue
        word = canonical_level(bound)
        if word is None:
            raise InvalidQuery(f"There is no level {bound!r}.", expected="one of " + ", ".join(LEVELS))
        parts.append(f"level {operator}{'=' if is_included else ''} ?")
        values.append(LEVEL_NUMBER[word])
    return Condition(f"({' AND '.join(parts)})", values)
