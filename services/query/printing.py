"""A tree back as text, in one way of writing: `parse(to_text(tree))` is `canonical(tree)`.

AND, OR and NOT in words, no more parentheses than needed, columns by their short names, `name:(a OR b)` for
alternatives of one field, quotes around values with anything but letters, digits and `_ . - @ /`.
Three things have no text of their own and are written as what means the same: a text without characters as `""`, a
wildcard of stars alone as `name:*`, and the same regex with `\\/` for `/`.
"""

import re
from itertools import groupby

from services.query.dates import is_time
from services.query.fields import Kind, canonical_name, is_number, resolve
from services.query.leaves import NETWORK, has_empty_part, is_reserved
from services.query.lucene import MAX_LENGTH
from services.query.mends import quoted
from services.query.tree import (
    And,
    Exists,
    Field,
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
    all_of,
    any_of,
)

_PLAIN = re.compile(r"\w[\w.@/\-]*")
_PLAIN_TIME = re.compile(r"\w[\w.:+/|\-]*")
_PLAIN_NAME = re.compile(r"[\w@][\w.@/\-]*")
_PLAIN_BOUND = re.compile(r"-?\w[\w.:+/|\-]*")
_OPERATOR_WORDS = frozenset({"AND", "OR", "NOT"})
_IN_WORD = re.compile(r"""[\s():^~\\*?"'<>\[\]{}]|!(?==)|^[-+!/&|]""")
_IN_WILDCARD = re.compile(r"\\(.)|([*?])|(.)", re.DOTALL)
_IN_REGEX = re.compile(r"\\.|/", re.DOTALL)
_ENDS_LIKE_HOUR = re.compile(r"T\d\d$")
_HEX_NAME = re.compile(r"[0-9a-fA-F]{1,4}")
_OR, _AND, _ONE = range(3)

Named = Field | Wildcard | Regex | Range | Exists | Network


def to_text(query: Query) -> str:
    """The text of a query, "" for `MatchAll`. Raises `ValueError` where a name is empty: nothing can be written for it.

    A text that would be longer than a query may be is written with fewer words: spaces for AND, `-` for NOT.
    """
    tree = canonical(query)
    if tree == MatchAll():
        return ""
    text = _Writer(is_short=False).write(tree)
    return text if len(text) <= MAX_LENGTH else _Writer(is_short=True).write(tree)


def canonical(query: Query) -> Query:
    """The same tree as `parse` gives it: ANDs inside ANDs opened up (ORs as well), columns by their short names."""
    match query:
        case And(children):
            return all_of([canonical(child) for child in children])
        case Or(children):
            return any_of([canonical(child) for child in children])
        case Not(child):
            return Not(canonical(child))
        case Field(name, value, is_quoted):
            return Field(canonical_name(name), value, is_quoted, at=query.at)
        case Wildcard(name, pattern):
            return Wildcard(canonical_name(name), pattern, at=query.at)
        case Regex(name, pattern):
            return Regex(canonical_name(name), pattern, at=query.at)
        case Exists(name):
            return Exists(canonical_name(name), at=query.at)
        case Network(name, network):
            return Network(canonical_name(name), network, at=query.at)
        case Range(name, low, high, includes_low, includes_high):
            closed_low, closed_high = low is None or includes_low, high is None or includes_high
            return Range(canonical_name(name), low, high, closed_low, closed_high, at=query.at)
    return query


class _Writer:
    """Writes trees; `is_short` for as few characters as it takes."""

    def __init__(self, *, is_short: bool):
        self.is_short = is_short

    def write(self, query: Query, level: int = _OR, *, is_grouped: bool = False) -> str:
        """The text of `query` where only what binds tighter than `level` stands without parentheses.

        `is_grouped` inside `name:( … )`, where names are not written again.
        """
        match query:
            case Or(children):
                text = " OR ".join(self._parts(children, _AND, _OR, is_grouped=is_grouped))
                return f"({text})" if level > _OR and not self._stands_alone(query, is_grouped) else text
            case And(children):
                glue = " " if self.is_short else " AND "
                text = glue.join(self._parts(children, _ONE, _AND, is_grouped=is_grouped))
                return f"({text})" if level > _AND and not self._stands_alone(query, is_grouped) else text
            case Not(child):
                return ("-" if self.is_short else "NOT ") + self.write(child, _ONE, is_grouped=is_grouped)
        return _leaf(query, is_grouped=is_grouped)

    def _parts(self, children: tuple[Query, ...], level: int, join: int, *, is_grouped: bool) -> list[str]:
        if is_grouped or (join == _AND and not self.is_short):
            return [self.write(child, level, is_grouped=is_grouped) for child in children]
        parts: list[str] = []
        for name, run in groupby(children, _common_name):
            members = list(run)
            if name is None or len(members) < 2:
                parts += [self.write(child, level) for child in members]
            else:
                group = any_of(members) if join == _OR else all_of(members)
                parts.append(f"{_name(name)}:({self.write(group, is_grouped=True)})")
        return parts

    def _stands_alone(self, query: And | Or, is_grouped: bool) -> bool:
        """Whether all of it is written as one `name:( … )`."""
        is_group = isinstance(query, Or) or self.is_short
        return not is_grouped and is_group and _common_name(query) is not None


def _common_name(query: Query) -> str | None:
    """The one name that all leaves bear, where each is written with it."""
    match query:
        case And(children) | Or(children):
            names = {_common_name(child) for child in children}
            return names.pop() if len(names) == 1 else None
        case Not(child):
            return _common_name(child)
        case Wildcard("message") | Regex("message"):
            return None
        case Field(name) | Wildcard(name) | Regex(name) | Range(name) | Exists(name) | Network(name):
            return name
    return None


def _leaf(query: Query, *, is_grouped: bool) -> str:
    match query:
        case Word(text):
            return _word(text)
        case Phrase(text):
            return quoted(text)
        case Wildcard("message", pattern):
            return _wildcard(pattern)
        case Regex("message", pattern):
            return _regex(pattern)
        case Field() | Wildcard() | Regex() | Range() | Exists() | Network():
            value = _value(query, is_grouped=is_grouped)
            return value if is_grouped else f"{_name_before(query)}:{value}"
        case MatchAll():
            return "*"
    raise TypeError(f"no text for {type(query).__name__}")


def _value(leaf: Named, *, is_grouped: bool) -> str:
    match leaf:
        case Field(name, value):
            return _field_value(name, value, is_grouped=is_grouped)
        case Wildcard(_, pattern):
            return _wildcard(pattern)
        case Regex(_, pattern):
            return _regex(pattern)
        case Network(_, network):
            return network
        case Range():
            return _range(leaf)
    return "*"


def _field_value(name: str, value: str, *, is_grouped: bool) -> str:
    if _PLAIN.fullmatch(value) and value not in _OPERATOR_WORDS and not NETWORK.fullmatch(value):
        return value
    if is_number(value) and not is_grouped:
        return value
    if resolve(name).kind is Kind.TIME and _PLAIN_TIME.fullmatch(value) and is_time(value):
        return value
    return quoted(value)


def _range(leaf: Range) -> str:
    if leaf.low is None and leaf.high is None:
        return "*"
    if leaf.low is None or leaf.high is None:
        sign, bound, includes = ("<", leaf.high, leaf.includes_high)
        if bound is None:
            sign, bound, includes = (">", leaf.low, leaf.includes_low)
        return sign + ("=" if includes else "") + _bound(bound or "")
    opening, closing = "[" if leaf.includes_low else "{", "]" if leaf.includes_high else "}"
    return f"{opening}{_bound(leaf.low)} TO {_bound(leaf.high)}{closing}"


def _bound(text: str) -> str:
    return text if _PLAIN_BOUND.fullmatch(text) and text != "TO" else quoted(text)


def _word(text: str) -> str:
    if not text:
        return '""'
    if text in _OPERATOR_WORDS:
        return "\\" + text
    if _PLAIN_TIME.fullmatch(text) and is_time(text):
        return text
    return _IN_WORD.sub(lambda found: "\\" + found[0], text)


def _wildcard(pattern: str) -> str:
    def write(found: re.Match[str]) -> str:
        escaped, wild, plain = found.groups()
        character = escaped or plain
        if wild:
            return str(wild)
        is_plain = character not in "*?\\" and (_PLAIN.fullmatch(character) or (character in ".@-/" and found.start()))
        return character if is_plain else "\\" + character

    return _IN_WILDCARD.sub(write, pattern)


def _regex(pattern: str) -> str:
    return f"/{_IN_REGEX.sub(lambda found: found[0] if len(found[0]) == 2 else chr(92) + '/', pattern)}/"


def _name_before(leaf: Named) -> str:
    name = _name(leaf.name)
    is_like_address = isinstance(leaf, Network) and ":" in leaf.network and _HEX_NAME.fullmatch(name)
    return "\\" + name if is_like_address else name


def _name(name: str) -> str:
    """The name as it is written before a colon; a backslash keeps what it is from being read as something else."""
    if not resolve(name).name:
        raise ValueError("a field without a name cannot be written")
    if has_empty_part(name):
        return re.sub(r"(\W)", r"\\\1", name)
    written = name if _PLAIN_NAME.fullmatch(name) else re.sub(r"([^\w.])", r"\\\1", name)
    if name in _OPERATOR_WORDS or is_reserved(name) or re.fullmatch(r"\d+(?:\.\d+)*", name):
        return "\\" + written
    return written[:-1] + "\\" + written[-1] if _ENDS_LIKE_HOUR.search(written) else written
