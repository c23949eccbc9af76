"""The query tree as an Elasticsearch query over our documents (`services.log_store.elasticsearch.mapping`).

Most leaves are asked exactly. Some cannot be: regexes on texts, texts without a token, patterns that Lucene cannot say.
For those there are two queries, one that finds at least all matches and one that finds nothing but matches (NOT turns
the one into the other), and the tree itself is what the found records are still to be checked with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.model import LEVELS, record_id
from services.query.compiling import Tokens, TreeCompiler
from services.query.elastic_fields import KEYWORDS, LEVEL, ORGANISATION, SHAPE, TAGS, TEXTS, TIME
from services.query.elastic_patterns import Asked, holding, of_wildcard
from services.query.elastic_prefilter import required
from services.query.elastic_queries import (
    ALL,
    NONE,
    Json,
    all_of,
    any_of,
    between,
    exists,
    none_of,
    term,
    terms,
    within_limits,
)
from services.query.elastic_values import on_keyword, on_terms
from services.query.fields import canonical_name
from services.query.sql_patterns import MatchRegex, Piece
from services.query.sql_values import Equals, Like, ValueTest
from services.query.tree import And, Query
from services.query.tree import all_of as tree_of_all

PatternShapes = Callable[[int], Sequence[int]]
"""Shape ids of a pattern."""

GroupedShapes = Callable[[], Sequence[int] | None]
"""Shape ids that belong to any pattern; None where all do."""

_EARLIEST = datetime(1970, 1, 1)
_LATEST = datetime(2262, 1, 1)


@dataclass(frozen=True)
class Compiled:
    """What is asked of Elasticsearch.

    query     finds just the matches where `residual` is None, otherwise more
    residual  what the records that `query` finds are still to be checked with
    """

    query: Json
    residual: Query | None


@dataclass(frozen=True)
class Bounds:
    """A query that finds at least all matches, and one that finds nothing else: the same where it is exact."""

    at_most: Json
    at_least: Json

    @property
    def is_exact(self) -> bool:
        """Whether both find the same."""
        return self.at_most == self.at_least


class ElasticCompiler(TreeCompiler[Bounds]):
    """Makes `Bounds`; for one query."""

    def __init__(
        self,
        tokens: Tokens,
        match_regex: MatchRegex | None = None,
        pattern_shapes: PatternShapes | None = None,
        grouped_shapes: GroupedShapes | None = None,
    ):
        super().__init__(tokens, match_regex)
        self._pattern_shapes = pattern_shapes
        self._grouped_shapes = grouped_shapes

    # -- trees -------------------------------------------------------------------------------------------------------

    def everything(self) -> Bounds:
        """See `TreeCompiler`."""
        return _exact(ALL)

    def nothing(self) -> Bounds:
        """See `TreeCompiler`."""
        return _exact(NONE)

    def negated(self, part: Bounds) -> Bounds:
        """See `TreeCompiler`."""
        return Bounds(none_of(part.at_least), none_of(part.at_most))

    def all_of(self, parts: list[Bounds]) -> Bounds:
        """See `TreeCompiler`."""
        return Bounds(all_of([part.at_most for part in parts]), all_of([part.at_least for part in parts]))

    def any_of(self, parts: list[Bounds]) -> Bounds:
        """See `TreeCompiler`."""
        return Bounds(any_of([part.at_most for part in parts]), any_of([part.at_least for part in parts]))

    # -- columns -----------------------------------------------------------------------------------------------------

    def levels(self, words: list[str]) -> Bounds:
        """See `TreeCompiler`."""
        return _exact(terms(LEVEL, words))

    def severities(self, low: int, high: int) -> Bounds:
        """See `TreeCompiler`."""
        return self.levels(list(LEVELS[low : high + 1]))

    def times(self, first: datetime | None, after: datetime | None) -> Bounds:
        """See `TreeCompiler`."""
        return _exact(between_moments(first, after))

    def record(self, timestamp_us: int, seq: int) -> Bounds:
        """See `TreeCompiler`."""
        return _exact({"ids": {"values": [record_id(timestamp_us, seq)]}})

    def has_column(self, column: str) -> Bounds:
        """See `TreeCompiler`."""
        return _exact(ALL if column == "message" else exists(TEXTS.get(column) or KEYWORDS[column]))

    def has_tags(self) -> Bounds:
        """See `TreeCompiler`."""
        return _exact(exists(TAGS))

    # -- texts -------------------------------------------------------------------------------------------------------

    def tokens_in_a_row(self, column: str, words: list[str]) -> Bounds:
        """See `TreeCompiler`."""
        kind = "match" if len(words) == 1 else "match_phrase"
        return _exact({kind: {TEXTS[column]: {"query": " ".join(words)}}})

    def literal(self, column: str, text: str) -> Bounds:
        """See `TreeCompiler`."""
        return Bounds(self.has_column(column).at_most, NONE) if text else self.has_column(column)

    def token_matches(self, column: str, parts: list[Piece]) -> Bounds:
        """See `TreeCompiler`."""
        pattern = of_wildcard(tuple(parts))
        if pattern is not None:
            return _exact(pattern.on(TEXTS[column]))
        return Bounds(holding(Like(tuple(parts)).literal()).on(TEXTS[column]), NONE)

    def text_regex(self, column: str, pattern: str) -> Bounds:
        """See `TreeCompiler`."""
        wanted = required(pattern, TEXTS[column], self.tokens)
        return Bounds(all_of([wanted, self.has_column(column).at_most]), NONE)

    # -- values ------------------------------------------------------------------------------------------------------

    def keyword_equals(self, column: str, value: str) -> Bounds:
        """See `TreeCompiler`."""
        return self.keyword(column, Equals(value))

    def keyword(self, column: str, test: ValueTest) -> Bounds:
        """See `TreeCompiler`."""
        return _bounds(on_keyword(KEYWORDS[column], column, test))

    def tags(self, test: ValueTest) -> Bounds:
        """See `TreeCompiler`."""
        return _bounds(on_terms(TAGS, test, typed=False))

    def attribute(self, path: str, test: ValueTest) -> Bounds:
        """See `TreeCompiler`."""
        return _bounds(on_terms(canonical_name(f"attributes.{path}"), test))

    # -- patterns ----------------------------------------------------------------------------------------------------

    def pattern(self, pattern_id: int) -> Bounds:
        """See `TreeCompiler`."""
        return _exact(NONE if self._pattern_shapes is None else terms(SHAPE, list(self._pattern_shapes(pattern_id))))

    def has_pattern(self) -> Bounds:
        """See `TreeCompiler`."""
        if self._grouped_shapes is None:
            return _exact(NONE)
        shapes = self._grouped_shapes()
        return _exact(exists(SHAPE) if shapes is None else terms(SHAPE, list(shapes)))


def compile_query(query: Query, compiler: ElasticCompiler) -> Compiled:
    """The Elasticsearch query of a tree, by a fresh compiler. Raises `InvalidQuery` with the place where it can be told."""
    children = query.children if isinstance(query, And) else (query,)
    parts = [compiler.compile(child) for child in children]
    unsure = [child for child, part in zip(children, parts, strict=True) if not part.is_exact]
    found = compiler.all_of(parts).at_most
    return Compiled(within_limits(found), tree_of_all(unsure) if unsure and found != NONE else None)


def filtered(compiled: Compiled, organisation_id: str, start: datetime | None, end: datetime | None) -> Json:
    """The query of one organisation's records of [start, end), aware UTC, as the `query` of a search; nothing is scored."""
    bounds = [None if each is None else each.astimezone(UTC).replace(tzinfo=None) for each in (start, end)]
    inside = between_moments(*bounds) if any(each is not None for each in bounds) else ALL
    found = all_of([term(ORGANISATION, organisation_id), inside, compiled.query])
    return found if list(found) == ["bool"] or found == NONE else {"bool": {"filter": [found]}}


def between_moments(first: datetime | None, after: datetime | None) -> Json:
    """Documents from `first` until before `after`, naive UTC; at least one is not None. Any year will do."""
    if (after is not None and after <= _EARLIEST) or (first is not None and first >= _LATEST):
        return NONE
    low = _EARLIEST if first is None or first <= _EARLIEST else first
    high = None if after is None or after >= _LATEST else _written(after)
    # never open below: a date_histogram over nanoseconds asks the range for its beginning
    return ALL if low == _EARLIEST and high is None else between(TIME, gte=_written(low), lt=high)


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds") + "Z"


def _exact(query: Json) -> Bounds:
    return Bounds(query, query)


def _bounds(asked: Asked) -> Bounds:
    return Bounds(asked.query, asked.query if asked.is_exact else NONE)
