"""A query as what the server finds at least of it in other tools' indices: the rest is checked record by record.

Their analysers, types and names are not ours, so hardly anything is exact: times are, as far as indices keep them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.log_store.elasticsearch.external_documents import PATHS, TIME
from services.log_store.elasticsearch.external_fields import IndexFields, Json, ignored
from services.model import EARLIEST, LATEST, LEVELS
from services.query.compiling import Tokens, TreeCompiler
from services.query.fields import level_words
from services.query.sql_patterns import MatchRegex, Piece
from services.query.sql_values import EXACT_BELOW, Between, Equals, ValueTest, number_of

Fields = Callable[[str], list[str] | None]
_MILLISECOND = timedelta(milliseconds=1)
_SHORTEST, _LONGEST = 3, 100
_REPLACED = "\ufffd"
"""Stands for characters that no record holds: the document has another one."""


@dataclass(frozen=True)
class Prefilter:
    """What the server is asked: it finds what matches, and more unless it `is_exact`."""

    query: Json
    is_exact: bool = False


ALL = Prefilter({"match_all": {}}, True)
ANY = Prefilter({"match_all": {}})
NOTHING = Prefilter({"match_none": {}}, True)


class ExternalCompiler(TreeCompiler[Prefilter]):
    """Makes the prefilter of a query, by what is known of the fields. Raises `InvalidQuery` as every compiler does."""

    def __init__(self, fields: IndexFields, tokens: Tokens, match_regex: MatchRegex):
        super().__init__(tokens, match_regex)
        self._fields = fields

    def everything(self) -> Prefilter:
        """See `TreeCompiler`."""
        return ALL

    def nothing(self) -> Prefilter:
        """See `TreeCompiler`."""
        return NOTHING

    def negated(self, part: Prefilter) -> Prefilter:
        """See `TreeCompiler`. What is found too much would be missed here."""
        return Prefilter({"bool": {"must_not": [part.query]}}, True) if part.is_exact else ANY

    def all_of(self, parts: list[Prefilter]) -> Prefilter:
        """See `TreeCompiler`."""
        asked = [part.query for part in parts if part.query != ALL.query]
        is_exact = all(part.is_exact for part in parts)
        return Prefilter({"bool": {"filter": asked}} if asked else ALL.query, is_exact)

    def any_of(self, parts: list[Prefilter]) -> Prefilter:
        """See `TreeCompiler`."""
        if any(part.query == ALL.query for part in parts):
            return Prefilter(ALL.query, any(part == ALL for part in parts))
        return Prefilter(_any([part.query for part in parts]), all(part.is_exact for part in parts))

    # -- columns -------------------------------------------------------------------------------------------------

    def levels(self, words: list[str]) -> Prefilter:
        """See `TreeCompiler`. A record without a level that we know is `unknown`: that no index tells."""
        if "unknown" in words:
            return ANY
        spellings = [spelling for word in words for spelling in level_words(word)]

        def asked(field: str) -> Json:
            return _any([{"term": {field: {"value": each, "case_insensitive": True}}} for each in spellings])

        return self._anywhere("level", self._fields.whole, asked)

    def severities(self, low: int, high: int) -> Prefilter:
        """See `TreeCompiler`."""
        return self.levels(list(LEVELS[low : high + 1]))

    def times(self, first: datetime | None, after: datetime | None) -> Prefilter:
        """See `TreeCompiler`."""
        return between_moments(first, after)

    def record(self, timestamp_us: int, seq: int) -> Prefilter:
        """See `TreeCompiler`."""
        at = EARLIEST.replace(tzinfo=None) + timedelta(microseconds=timestamp_us)
        return Prefilter(between_moments(at, at + timedelta(microseconds=1)).query)

    def has_column(self, column: str) -> Prefilter:
        """See `TreeCompiler`."""
        return ANY

    def has_tags(self) -> Prefilter:
        """See `TreeCompiler`."""
        return ANY

    # -- texts ---------------------------------------------------------------------------------------------------

    def tokens_in_a_row(self, column: str, words: list[str]) -> Prefilter:
        """See `TreeCompiler`. A token of ours lies inside one of the server's where it is plain ASCII."""
        usable = [word for word in words if word.isascii() and _SHORTEST <= len(word) <= _LONGEST]
        if column != "message" or not usable:
            return ANY

        def asked(field: str) -> Json:
            return _all([{"wildcard": {field: {"value": f"*{word}*", "case_insensitive": True}}} for word in usable])

        return self._anywhere(column, self._fields.words, asked)

    def literal(self, column: str, text: str) -> Prefilter:
        """See `TreeCompiler`."""
        return ANY

    def token_matches(self, column: str, parts: list[Piece]) -> Prefilter:
        """See `TreeCompiler`."""
        return ANY

    def text_regex(self, column: str, pattern: str) -> Prefilter:
        """See `TreeCompiler`."""
        return ANY

    # -- values --------------------------------------------------------------------------------------------------

    def keyword_equals(self, column: str, value: str) -> Prefilter:
        """See `TreeCompiler`."""
        if _REPLACED in value or column not in PATHS:
            return ANY
        return self._anywhere(column, self._fields.whole, lambda field: {"term": {field: value}})

    def keyword(self, column: str, test: ValueTest) -> Prefilter:
        """See `TreeCompiler`."""
        return ANY

    def tags(self, test: ValueTest) -> Prefilter:
        """See `TreeCompiler`."""
        text = _text_of(test)
        return ANY if text is None else self.keyword_equals("tags", text)

    def attribute(self, path: str, test: ValueTest) -> Prefilter:
        """See `TreeCompiler`."""
        text = _text_of(test)
        if text is not None and _REPLACED not in text:
            return self._at([path], self._fields.whole, lambda field: {"term": {field: text}})
        bounds = _bounds(test)
        if bounds:
            return self._at([path], self._fields.number, lambda field: {"range": {field: bounds}})
        return ANY

    def _anywhere(self, column: str, of: Fields, asked: Callable[[str], Json]) -> Prefilter:
        return self._at(PATHS[column], of, asked)

    def _at(self, paths: Sequence[str], of: Fields, asked: Callable[[str], Json]) -> Prefilter:
        """Documents for which `asked` holds at one of the paths; all, where one of them may not be asked."""
        found: list[Json] = []
        for path in paths:
            fields = of(path)
            if fields is None:
                return ANY
            found += [*(asked(field) for field in fields), ignored(path)]
        return Prefilter(_any(found))


def between_moments(first: datetime | None, after: datetime | None) -> Prefilter:
    """Documents from `first` until before `after` (naive, UTC), and no others where both are whole milliseconds: most
    indices keep no more."""
    low = EARLIEST if first is None else max(EARLIEST, first.replace(tzinfo=UTC))
    high = LATEST if after is None else min(LATEST, after.replace(tzinfo=UTC))
    if low >= high:
        return NOTHING
    until = high + (_MILLISECOND - timedelta(microseconds=high.microsecond % 1000)) % _MILLISECOND
    is_exact = low.microsecond % 1000 == high.microsecond % 1000 == 0
    since = low - timedelta(microseconds=low.microsecond % 1000)
    bounds = {"gte": _written(since), "lt": _written(until), "format": "strict_date_optional_time_nanos"}
    return Prefilter({"range": {TIME: bounds}}, is_exact)


def _written(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _text_of(test: ValueTest) -> str | None:
    """The one text that is asked for; None for numbers, true and false, which are written in other ways, too."""
    is_text = isinstance(test, Equals) and number_of(test.value) is None and test.value not in ("true", "false")
    return test.value if isinstance(test, Equals) and is_text else None


def _bounds(test: ValueTest) -> Json:
    """Whole numbers around those asked for: a field of integers has lost what stood behind the point."""
    if isinstance(test, Equals) and test.number is not None:
        return {"gte": math.floor(test.number), "lte": math.ceil(test.number)}
    if not isinstance(test, Between):
        return {}
    low, high = (None if text is None else number_of(text) for text in (test.low, test.high))
    if any(
        text is not None and (n is None or abs(n) >= EXACT_BELOW) for text, n in ((test.low, low), (test.high, high))
    ):
        return {}
    sides = {"gte": None if low is None else math.floor(low), "lte": None if high is None else math.ceil(high)}
    return {side: number for side, number in sides.items() if number is not None}


def _any(queries: list[Json]) -> Json:
    return {"bool": {"should": queries, "minimum_should_match": 1}}


def _all(queries: list[Json]) -> Json:
    return {"bool": {"filter": queries}}
