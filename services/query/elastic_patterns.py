"""Wildcards and regexes as queries on terms: exact where Lucene can say them, otherwise None.

Lucene's own syntax (https://www.elastic.co/docs/reference/query-languages/query-dsl/regexp-syntax) is written here from the tree
of a pattern, never copied from what a user wrote: its operators differ from RE2's, and `.` there matches a newline.
"""

from dataclasses import dataclass

from services.query.elastic_automaton import is_simple
from services.query.elastic_queries import Json, any_of, prefix
from services.query.elastic_regex import (
    ANY,
    ANYTHING,
    Characters,
    Either,
    End,
    Node,
    Repeat,
    Sequence,
    Start,
    Unreadable,
    literal,
    read,
)
from services.query.sql_patterns import RUN, Literal, Piece

MAX_WRITTEN = 1_000
"""Characters of a pattern (index.max_regex_length), as Java counts them: those beyond U+FFFF are two."""

MAX_HELD = 100
"""Characters of a text that terms may hold somewhere: Lucene gives up on a repetitive one of 450."""


@dataclass(frozen=True)
class Asked:
    """A query, and whether it finds just what was asked for or more than that."""

    query: Json
    is_exact: bool = True


@dataclass(frozen=True)
class Pattern:
    """What a whole term must match. `start` is what every match begins with, as far as that is told easily."""

    written: str
    start: str = ""
    is_wildcard: bool = False

    def on(self, field: str) -> Json:
        """The terms of the field that match."""
        if self.is_wildcard:
            return _wildcard(field, self.written)
        return _regexp(field, self.written)

    def behind(self, field: str, before: str, kinds: str) -> Json:
        """The terms that are `before`, one of `kinds`, and then a match."""
        if not self.is_wildcard:
            return _regexp(field, f"{_text(before)}[{kinds}]{self.written}")
        if self.written == f"{_escaped_wildcard(self.start)}*":
            return any_of([prefix(field, before + kind + self.start) for kind in kinds])
        return any_of([_wildcard(field, _escaped_wildcard(before + kind) + self.written) for kind in kinds])

    def fits(self, before: str) -> bool:
        """Whether Elasticsearch takes a pattern of this length."""
        return self.is_wildcard or _java_length(_text(before) + self.written) < MAX_WRITTEN - len("[nt]")


def _wildcard(field: str, written: str) -> Json:
    return {"wildcard": {field: {"value": written}}}


def _regexp(field: str, written: str) -> Json:
    return {"regexp": {field: {"value": written, "flags": "NONE"}}}


def of_wildcard(pieces: tuple[Piece, ...]) -> Pattern | None:
    """The pieces of a wildcard pattern, for whole terms; None where it is too complex."""
    nodes: list[Node] = [
        literal(part.text) if isinstance(part, Literal) else ANYTHING if part == RUN else ANY for part in pieces
    ]
    if not is_simple(Sequence(tuple(nodes))):
        return None
    written = "".join(_escaped_wildcard(part.text) if isinstance(part, Literal) else part for part in pieces)
    start = pieces[0].text if isinstance(pieces[0], Literal) else ""
    return Pattern(written, start, is_wildcard=True)


def holding(text: str) -> Pattern:
    """Terms that hold a text somewhere; of a long one, its beginning."""
    return Pattern(f"*{_escaped_wildcard(text[:MAX_HELD])}*" if text else "*", is_wildcard=True)


def of_regex(pattern: str) -> Pattern | None:
    """A pattern of RE2 that may match anywhere, as one that matches a whole term; None where Lucene cannot say it."""
    try:
        whole = _whole(read(pattern))
    except Unreadable:
        return None
    if whole is None or not is_simple(whole):
        return None
    return Pattern(_written(whole))


def _whole(node: Node) -> Node | None:
    """The pattern with what may stand before and behind it; None for anchors elsewhere than at the ends."""
    branches = node.branches if isinstance(node, Either) else (node,)
    found = [_anchored(branch) for branch in branches]
    if None in found:
        return None
    return found[0] if len(found) == 1 else Either(tuple(each for each in found if each is not None))


def _anchored(branch: Node) -> Node | None:
    items = branch.items if isinstance(branch, Sequence) else (branch,)
    is_start = bool(items) and isinstance(items[0], Start)
    items = items[1:] if is_start else items
    is_end = bool(items) and isinstance(items[-1], End)
    items = items[:-1] if is_end else items
    if not all(_can_be_said(item) for item in items):
        return None
    before = () if is_start else (ANYTHING,)
    return Sequence((*before, *items, *(() if is_end else (ANYTHING,))))


def _can_be_said(node: Node) -> bool:
    match node:
        case Characters(ranges):
            return bool(ranges)
        case Sequence(parts) | Either(parts):
            return all(_can_be_said(part) for part in parts)
        case Repeat(item):
            return _can_be_said(item)
    return False


def _written(node: Node) -> str:
    match node:
        case Characters():
            return _class(node)
        case Sequence(items):
            return "".join(_written(item) for item in items) or "()"
        case Either(branches):
            return f"({'|'.join(_written(branch) for branch in branches)})"
        case Repeat(item, low, high):
            return _repeated(_written(item), low, high)
    raise TypeError(type(node).__name__)


def _repeated(written: str, low: int, high: int | None) -> str:
    if high == 0:
        return "()"
    counted = f"{{{low},{'' if high is None else high}}}"
    return f"({written})" + {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((low, high), counted)


def _class(node: Characters) -> str:
    if node.only is not None:
        return _character(node.only)
    if node == ANY:
        return "."
    pairs = ((chr(low), chr(high)) for low, high in node.ranges)
    inner = (_character(low) if low == high else f"{_character(low)}-{_character(high)}" for low, high in pairs)
    return f"[{''.join(inner)}]"


def _character(character: str) -> str:
    return character if character.isalnum() or ord(character) > 127 else "\\" + character


def _java_length(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def _text(text: str) -> str:
    return "".join(_character(each) for each in text)


def _escaped_wildcard(text: str) -> str:
    return "".join("\\" + each if each in "*?\\" else each for each in text)
