"""One clause of the text as a leaf of the tree: what a value means on the sort of field that it is asked of."""

import re
import unicodedata
from ipaddress import IPv6Network, ip_address, ip_network
from itertools import groupby

from services.errors import InvalidQuery
from services.model import LEVELS
from services.query.dates import EXPECTED as EXPECTED_TIME
from services.query.dates import is_time
from services.query.fields import (
    MAX_PATH_PARTS,
    Kind,
    canonical_level,
    canonical_name,
    is_number,
    near_level,
    resolve,
)
from services.query.mends import quoted, refusal, unescaped
from services.query.pieces import WILDCARD, Piece, Sort
from services.query.tree import (
    Exists,
    Field,
    Leaf,
    MatchAll,
    Network,
    Phrase,
    Query,
    Range,
    Regex,
    Span,
    Wildcard,
    Word,
)

MAX_READINGS = 256
"""Of all dotted paths of a query, beyond the first of each: every one is looked for in every record."""

MAX_PATTERNS = 20
"""Wildcards and regexes of a query: each is tried on every value."""

MAX_WILDCARD = 250
MAX_REGEX = 1_000
_MAX_PATTERN_ID = 2**63 - 1

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
NETWORK = re.compile(r"(?:\d+\.){3}\d+/\d+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*/\d+", re.ASCII)
_CHUNK = re.compile(r"[\w*?]+")
_RESERVED_NAME = re.compile(r"_\w+_")
_EMPTY_PART = re.compile(r"^\.|(?<!\\)(?:\\\\)*\.\.|(?<!\\)(?:\\\\)*\.$")
_DAYS = {"today": "now/d", "yesterday": "now-1d/d"}


class Leaves:
    """Makes the leaves of one query text, with what all of them together may cost."""

    def __init__(self, text: str):
        self.text = text
        self.readings = 0
        self.patterns = 0

    def bare(self, piece: Piece) -> Query:
        """The leaf of a value without a name."""
        at = piece.span
        if piece.sort is Sort.QUOTED:
            return Phrase(unescaped(piece.raw), at=at)
        if piece.sort is Sort.REGEX:
            return self._regex(piece, "message", at)
        if not WILDCARD.search(piece.raw):
            return Word(unescaped(piece.raw), at=at)
        if not piece.raw.strip("*"):
            return MatchAll()
        return self._wildcard(piece, "message", at)

    def named(self, name: Piece, piece: Piece, *, is_grouped: bool) -> Query:
        """The leaf of `name:value`, or of one value inside `name:( … )`."""
        at = piece.span if is_grouped else (name.start, piece.end - name.start)
        if name.raw == "*" and piece.raw == "*":
            return MatchAll()
        if name.raw == "_exists_":
            return self._existing(piece, at)
        self._check_name(name.raw, name.span)
        field = canonical_name(unescaped(name.raw))
        self._count_readings(field, at)
        if piece.sort is Sort.RANGE:
            return self._range(piece, field, at)
        if piece.sort is Sort.REGEX:
            return self._regex(piece, field, at)
        if piece.sort is Sort.TEXT and WILDCARD.search(piece.raw):
            return Exists(field, at=at) if not piece.raw.strip("*") else self._wildcard(piece, field, at)
        return self._value(piece, field, at)

    # -- values ----------------------------------------------------------------------------------------------------

    def _value(self, piece: Piece, name: str, at: Span) -> Leaf:
        value, is_quoted = unescaped(piece.raw), piece.sort is Sort.QUOTED
        match resolve(name).kind:
            case Kind.LEVEL:
                self._check_level(value, piece.span)
            case Kind.TIME:
                self._check_time(value, piece.span)
            case Kind.PATTERN:
                self._check_pattern(value, piece.span)
            case Kind.KEYWORD | Kind.TAGS | Kind.ATTRIBUTE if not is_quoted and NETWORK.fullmatch(value):
                return Network(name, self._network(value, piece.span), at=at)
            case Kind.TEXT if not is_quoted and NETWORK.fullmatch(value):
                message = f"A network cannot be looked for in the text of {name}."
                raise refusal(self.text, piece.span, message, "a field of addresses, or quotes", write=quoted(value))
        return Field(name, value, is_quoted, at=at)

    def _network(self, value: str, span: Span) -> str:
        try:
            network = ip_network(value)
        except ValueError:
            raise self._no_network(value, span) from None
        mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
        return f"{mapped}/{network.prefixlen - 96}" if mapped and network.prefixlen >= 96 else str(network)

    def _no_network(self, value: str, span: Span) -> InvalidQuery:
        address, prefix = value.rsplit("/", 1)
        try:
            longest = ip_address(address).max_prefixlen
        except ValueError:
            return refusal(self.text, span, f"{address} is no IP address.", "a network like 10.0.0.0/8")
        if len(prefix) > 3 or int(prefix) > longest:
            return refusal(self.text, span, f"/{prefix[:9]} is no prefix length.", f"/0 to /{longest}")
        masked = str(ip_network(value, strict=False))
        return refusal(self.text, span, f"{value} is an address inside a network.", masked, write=masked)

    def _existing(self, piece: Piece, at: Span) -> Leaf:
        if piece.sort not in (Sort.TEXT, Sort.QUOTED) or WILDCARD.search(piece.raw):
            raise refusal(self.text, piece.span, "_exists_ takes a field's name.", "_exists_:name")
        raw = piece.raw if piece.sort is Sort.TEXT else re.sub(r"([^\w.])", r"\\\1", unescaped(piece.raw))
        self._check_name(raw, piece.span)
        name = canonical_name(unescaped(raw))
        self._count_readings(name, at)
        return Exists(name, at=at)

    # -- wildcards and regexes -------------------------------------------------------------------------------------

    def _wildcard(self, piece: Piece, name: str, at: Span) -> Leaf:
        pattern = _ESCAPE.sub(lambda found: found[0] if found[1] in "*?\\" else found[1], piece.raw)
        kind = resolve(name).kind
        if kind is Kind.TEXT:
            self._check_inside_word(piece, pattern)
        elif kind in (Kind.TIME, Kind.ID, Kind.PATTERN):
            message = f"{name} takes no wildcards."
            raise refusal(self.text, piece.span, message, _WHOLE_VALUES[kind])
        if len(pattern) > MAX_WILDCARD:
            message = "The wildcard pattern is too long."
            raise refusal(self.text, piece.span, message, f"at most {MAX_WILDCARD} characters")
        self._count_pattern(piece)
        return Wildcard(name, pattern.lower() if kind is Kind.LEVEL else pattern, at=at)

    def _check_inside_word(self, piece: Piece, pattern: str) -> None:
        """On texts a wildcard stands for characters of one word; other characters cannot be in its pattern."""
        if all(character in "*?" or is_token_character(character) for character in pattern):
            return
        expected = "letters, digits, _, * and ?; other characters separate words"
        mend = _separate_words(pattern)
        raise refusal(self.text, piece.span, "A wildcard stands for characters of one word.", expected, write=mend)

    def _regex(self, piece: Piece, name: str, at: Span) -> Leaf:
        kind = resolve(name).kind
        if kind in (Kind.TIME, Kind.ID, Kind.PATTERN):
            raise refusal(self.text, piece.span, f"{name} takes no regexes.", _WHOLE_VALUES[kind])
        if len(piece.raw) > MAX_REGEX:
            raise refusal(self.text, piece.span, "The regex is too long.", f"at most {MAX_REGEX:,} characters")
        self._count_pattern(piece)
        return Regex(name, _ESCAPE.sub(lambda found: "/" if found[1] == "/" else found[0], piece.raw), at=at)

    def _count_pattern(self, piece: Piece) -> None:
        self.patterns += 1
        if self.patterns > MAX_PATTERNS:
            message = "The query has too many wildcards and regexes."
            raise refusal(self.text, piece.span, message, f"at most {MAX_PATTERNS} of both")

    # -- ranges ----------------------------------------------------------------------------------------------------

    def _range(self, piece: Piece, name: str, at: Span) -> Leaf:
        kind = resolve(name).kind
        if kind in (Kind.TEXT, Kind.ID, Kind.PATTERN):
            raise refusal(self.text, piece.span, f"{name} has no order to compare by.", _WHOLE_VALUES[kind])
        bounds = [bound for bound in (piece.low, piece.high) if bound is not None]
        if not bounds:
            return Exists(name, at=at)
        for bound in bounds:
            if bound.has_wildcard:
                message = "A bound of a range takes no wildcards."
                raise refusal(self.text, piece.span, message, r"a value, * alone, or \* for the character")
            if kind is Kind.LEVEL:
                self._check_level(bound.text, piece.span)
            elif kind is Kind.TIME:
                self._check_time(bound.text, piece.span)
        if kind not in (Kind.LEVEL, Kind.TIME) and len({is_number(bound.text) for bound in bounds}) > 1:
            message = "The bounds of a range are of two sorts."
            raise refusal(self.text, piece.span, message, "two numbers or two texts")
        low, high = piece.low, piece.high
        return Range(
            name,
            low.text if low else None,
            high.text if high else None,
            low.includes if low else True,
            high.includes if high else True,
            at=at,
        )

    # -- what is checked -------------------------------------------------------------------------------------------

    def _check_level(self, value: str, span: Span) -> None:
        if canonical_level(value) is None:
            near = near_level(value)
            over = (self.text.find(value, span[0], sum(span)), len(value))
            mend = near if over[0] >= 0 and value else None
            message, expected = f"There is no level {value[:60]!r}.", "one of " + ", ".join(LEVELS)
            raise refusal(self.text, span, message, expected, write=mend, over=over)

    def _check_time(self, value: str, span: Span) -> None:
        if not is_time(value):
            candidates = (_DAYS.get(value.lower(), ""), f"now{value}", f"now-{value}")
            near = next((each for each in candidates if is_time(each)), None)
            over = (self.text.find(value, span[0], sum(span)), len(value))
            mend = near if over[0] >= 0 and value else None
            raise refusal(self.text, span, f"{value[:60]!r} is no time.", EXPECTED_TIME, write=mend, over=over)

    def _check_pattern(self, value: str, span: Span) -> None:
        if not (value.isascii() and value.isdigit() and len(value) < 20 and int(value) <= _MAX_PATTERN_ID):
            raise refusal(self.text, span, f"{value[:60]!r} is no pattern.", "the number of a pattern, like 17")

    def _count_readings(self, name: str, at: Span) -> None:
        ref = resolve(name)
        if ref.kind is Kind.ATTRIBUTE:
            self.readings += 2 ** ref.name.count(".") - 1
        if self.readings > MAX_READINGS:
            message = "The query has too many dotted names."
            raise refusal(self.text, at, message, "fewer or shorter names joined by dots")

    def _check_name(self, raw: str, span: Span) -> None:
        name = unescaped(raw)
        if WILDCARD.search(raw):
            raise refusal(self.text, span, "A field's name cannot hold wildcards.", "one field's name")
        if is_reserved(raw):
            message, expected = f"There is no {raw[:60]}.", f"_exists_, or \\{raw[:60]} for a field of that name"
            raise refusal(self.text, span, message, expected, write="\\" + raw)
        if has_empty_part(raw) or not resolve(name).name:
            mend = re.sub(r"\.{2,}", ".", raw.strip(".")) or None
            raise refusal(self.text, span, "A part of this name is empty.", "names joined by single dots", write=mend)
        if resolve(name).kind is Kind.ATTRIBUTE and resolve(name).name.count(".") >= MAX_PATH_PARTS:
            message = "The field's path is too long."
            raise refusal(self.text, span, message, f"at most {MAX_PATH_PARTS} names joined by dots")


_WHOLE_VALUES = {
    Kind.TEXT: "words, wildcards or a regex",
    Kind.TIME: "a date, a time or a range like [2026-01-01 TO 2026-01-31]",
    Kind.ID: "a whole id, or ids joined by OR",
    Kind.PATTERN: "a pattern's number, or numbers joined by OR",
}


def is_reserved(raw_name: str) -> bool:
    """Whether a name, as it is written, is kept for the language itself, like `_exists_`."""
    return _RESERVED_NAME.fullmatch(raw_name) is not None


def has_empty_part(raw_name: str) -> bool:
    """Whether there is nothing beside a dot of a name, as it is written."""
    return _EMPTY_PART.search(raw_name) is not None


def is_token_character(character: str) -> bool:
    """Whether a character may stand in a token: a letter, digit or underscore.

    What Python's Unicode (14) does not know yet may be a letter to a younger engine, and is left to it.
    """
    category = unicodedata.category(character)
    return category[0] in "LN" or character == "_" or category == "Cn"


def _separate_words(pattern: str) -> str | None:
    """The words and wildcards of a pattern, each on its own: `a-b-*x` is `("a-b" AND *x)`."""
    plain = _ESCAPE.sub(" ", pattern)
    chunks = [found for found in _CHUNK.finditer(plain) if found[0].strip("*")]
    words: list[str] = []
    for has_wildcard, run in groupby(chunks, lambda chunk: "*" in chunk[0] or "?" in chunk[0]):
        group = list(run)
        if has_wildcard or len(group) == 1:
            words += [chunk[0] for chunk in group]
        else:
            words.append(quoted(plain[group[0].start() : group[-1].end()]))
    if len(words) < 2:
        return words[0] if words else None
    return f"({' AND '.join(words)})"
