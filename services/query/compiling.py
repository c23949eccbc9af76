"""Walks a query tree for a back end: what is alike for SQL and for Elasticsearch, and only here.

Which leaf is served on which field, what is refused and in which words, what patterns may cost, how times, levels, ids and
wildcards are read. A back end says what conditions are and how they are made.
"""

from collections.abc import Callable

from services.errors import InvalidQuery
from services.model import LEVEL_NUMBER, LEVELS, parse_record_id
from services.query.back_end import BackEnd, Part
from services.query.fields import FieldRef, Kind, canonical_level, resolve
from services.query.sql_patterns import (
    NETWORK,
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
from services.query.sql_times import is_time, moments
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

Tokens = Callable[[str], list[str]]
"""Folds a text and cuts it into tokens, as DuckDB does: `regexp_extract_all(lower(text), '[\\pL\\pN_]+')`."""


class TreeCompiler(BackEnd[Part]):
    """Turns a tree into what a back end asks.

    `tokens` folds and cuts a text as the engines do, `match_regex` tries an RE2 pattern: without it, regexes are refused.
    One compiler is for one query: costs of its patterns are summed.
    """

    def __init__(self, tokens: Tokens, match_regex: MatchRegex | None = None):
        self.tokens = tokens
        self.match_regex = match_regex
        self._cost = 0

    def compile(self, query: Query) -> Part:
        """Raises `InvalidQuery`, with the place in the query text, where a leaf cannot be served."""
        match query:
            case MatchAll():
                return self.everything()
            case Not(child):
                return self.negated(self.compile(child))
            case And(children):
                return self.all_of([self.compile(child) for child in children])
            case Or(children):
                return self.any_of([self.compile(child) for child in children])
            case Leaf():
                return self._placed(query)
        raise TypeError(f"{type(query).__name__} is no node of a query")

    def _placed(self, leaf: Leaf) -> Part:
        try:
            return self._leaf(leaf)
        except InvalidQuery as error:
            if leaf.at is not None and not error.length:
                error.position, error.length = leaf.at
            raise

    def _leaf(self, leaf: Leaf) -> Part:
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
        raise TypeError(f"{type(leaf).__name__} is no leaf of a query")

    # -- one method per node -------------------------------------------------------------------------------------

    def _field(self, ref: FieldRef, value: str) -> Part:
        match ref.kind:
            case Kind.TEXT:
                return self.text(ref.name, value)
            case Kind.LEVEL:
                word = canonical_level(value)
                return self.nothing() if word is None else self.levels([word])
            case Kind.ID:
                found = parse_record_id(value)
                return self.nothing() if found is None else self.record(*found)
            case Kind.PATTERN:
                return self.pattern(_pattern_id(value))
            case Kind.TIME:
                return self._between_times(Range(ref.name, value, value)) if is_time(value) else self.nothing()
        test = Equals(value)
        if ref.kind is Kind.KEYWORD and test.number is None:
            return self.keyword_equals(ref.name, value)
        return self._values(ref, test)

    def _wildcard(self, ref: FieldRef, pattern: str) -> Part:
        if ref.kind is Kind.TEXT:
            return self.text_wildcard(ref.name, pattern)
        parts = pieces(pattern)
        self._pay(wildcard_cost(parts, in_tokens=False))
        if ref.kind is Kind.LEVEL:
            return self._levels(f"^(?:{whole_value_regex(parts)})$")
        self.tried(whole_value_regex(parts))
        return self._values(ref, Like(tuple(parts)))

    def _regex(self, ref: FieldRef, pattern: str) -> Part:
        self._pay(regex_cost(pattern))
        if ref.kind is Kind.LEVEL:
            return self._levels(pattern)
        self.tried(pattern)
        return self.text_regex(ref.name, pattern) if ref.kind is Kind.TEXT else self._values(ref, Matches(pattern))

    def _levels(self, pattern: str) -> Part:
        found = self.tried(pattern)
        words = [word for word, is_found in zip(LEVELS, found, strict=True) if is_found]
        return self.levels(words) if words else self.nothing()

    def _range(self, ref: FieldRef, leaf: Range) -> Part:
        match ref.kind:
            case Kind.LEVEL:
                low, high = _severities(leaf)
                return self.severities(low, high) if low <= high else self.nothing()
            case Kind.TIME:
                return self._between_times(leaf)
        bounds = [number_of(bound) is None for bound in (leaf.low, leaf.high) if bound is not None]
        if len(set(bounds)) != 1:
            raise InvalidQuery("The bounds of a range are of two sorts.", expected="two numbers or two texts")
        return self._values(ref, Between(leaf.low, leaf.high, leaf.includes_low, leaf.includes_high))

    def _between_times(self, leaf: Range) -> Part:
        found = moments(leaf.low, leaf.high, leaf.includes_low, leaf.includes_high)
        return self.nothing() if found is None else self.times(*found)

    def _exists(self, ref: FieldRef) -> Part:
        match ref.kind:
            case Kind.ATTRIBUTE:
                return self.attribute(ref.name, Present())
            case Kind.TAGS:
                return self.has_tags()
            case Kind.PATTERN:
                return self.has_pattern()
            case Kind.LEVEL | Kind.TIME | Kind.ID:
                return self.everything()
        return self.has_column(ref.name)

    def _values(self, ref: FieldRef, test: ValueTest) -> Part:
        """Whether the test holds for a value of the field."""
        match ref.kind:
            case Kind.KEYWORD:
                return self.keyword(ref.name, test)
            case Kind.TAGS:
                return self.tags(test)
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

    def text(self, column: str, text: str) -> Part:
        """Tokens in a row in a column of text; text without any token as it stands, folded."""
        words = self.tokens(text)
        return self.tokens_in_a_row(column, words) if words else self.literal(column, text.strip())

    def text_wildcard(self, column: str, pattern: str) -> Part:
        """One token that matches a wildcard pattern."""
        parts = pieces(pattern)
        self._pay(wildcard_cost(parts, in_tokens=True))
        folded = self._folded(parts)
        if folded is None:
            return self.nothing()
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


def _refusal(ref: FieldRef, test: ValueTest) -> InvalidQuery:
    what = {Between: "Ranges", InNetwork: "Networks", Like: "Wildcards", Matches: "Regular expressions"}[type(test)]
    return InvalidQuery(f"{what} are not served on {ref.name}.", expected=f"a whole value of {ref.name}")


def _pattern_id(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 20 and int(value) < 1 << 63):
        raise InvalidQuery(f"{value[:60]!r} is no pattern.", expected="the number of a pattern, like 17")
    return int(value)


def _severities(leaf: Range) -> tuple[int, int]:
    """The lowest and the highest number of the levels in a range."""
    low = 0 if leaf.low is None else _severity(leaf.low) + (not leaf.includes_low)
    high = len(LEVELS) - 1 if leaf.high is None else _severity(leaf.high) - (not leaf.includes_high)
    return low, high


def _severity(level: str) -> int:
    word = canonical_level(level)
    if word is None:
        raise InvalidQuery(f"There is no level {level!r}.", expected="one of " + ", ".join(LEVELS))
    return LEVEL_NUMBER[word]
