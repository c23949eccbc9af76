"""Lucene syntax into our tree: `lexing` cuts the text, luqum's grammar (`grammar`) orders it, `leaves` gives it meaning.

Every leaf knows its place in the text as it was written; every refusal has a place, and a corrected text only where
that can be read.
"""

from collections.abc import Sequence

from luqum import tree as lucene

from services.errors import InvalidQuery
from services.query.grammar import MAX_CLAUSES, MAX_DEPTH, arranged, piece_number
from services.query.leaves import MAX_PATTERNS, MAX_READINGS, MAX_REGEX, MAX_WILDCARD, Leaves
from services.query.lexing import pieces_of
from services.query.mends import readable, refusal
from services.query.pieces import Piece
from services.query.tree import MatchAll, Not, Query, all_of, any_of

__all__ = [
    "MAX_CLAUSES",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_PATTERNS",
    "MAX_READINGS",
    "MAX_REGEX",
    "MAX_WILDCARD",
    "read",
]

MAX_LENGTH = 10_000


def read(text: str) -> Query:
    """The tree of a query text; `MatchAll` for an empty one. Raises `InvalidQuery` with position and mend."""
    try:
        return _read(text)
    except InvalidQuery as error:
        error.suggestion = readable(error.suggestion, text, _read)
        raise


def _read(text: str) -> Query:
    if len(text) > MAX_LENGTH:
        message = f"The query is longer than {MAX_LENGTH:,} characters."
        raise refusal(text, (MAX_LENGTH, len(text) - MAX_LENGTH), message, "a shorter query")
    for at, character in enumerate(text):
        if character == "\x00" or "\ud800" <= character <= "\udfff":
            raise refusal(text, (at, 1), "A query cannot hold this character.", "text without NUL and half characters")
    pieces = pieces_of(text)
    return _Reader(text, pieces).convert(arranged(text, pieces)) if pieces else MatchAll()


class _Reader:
    """One query text on its way into the tree."""

    def __init__(self, text: str, pieces: list[Piece]):
        self.text = text
        self.pieces = pieces
        self.leaves = Leaves(text)

    def convert(self, node: lucene.Item, name: Piece | None = None, *, is_grouped: bool = False) -> Query:
        """The tree of luqum's `node`; inside `name:( … )` every value belongs to `name`."""
        if isinstance(node, lucene.Word):
            piece = self.pieces[piece_number(node.value)]
            return self.leaves.named(name, piece, is_grouped=is_grouped) if name else self.leaves.bare(piece)
        if isinstance(node, lucene.SearchField):
            return self.convert(node.expr, self.pieces[piece_number(node.name)])
        if isinstance(node, lucene.UnknownOperation):
            return self._side_by_side(node, name)
        if isinstance(node, lucene.OrOperation):
            self._no_plus(node.children)
        children = self._children(node.children, name)
        if isinstance(node, lucene.Not | lucene.Prohibit):
            return Not(children[0])
        return any_of(children) if isinstance(node, lucene.OrOperation) else all_of(children)

    def _children(self, nodes: Sequence[lucene.Item], name: Piece | None) -> list[Query]:
        return [self.convert(node, name, is_grouped=name is not None) for node in nodes]

    def _side_by_side(self, node: lucene.Item, name: Piece | None) -> Query:
        """Words side by side mean AND, which binds tighter than an OR beside it; luqum reads `a OR b c` the other way."""
        alternatives: list[list[Query]] = [[]]
        for child in node.children:
            parts = child.children if isinstance(child, lucene.OrOperation) else [child]
            if len(parts) > 1:
                self._no_plus(parts)
            first, *others = self._children(parts, name)
            alternatives[-1].append(first)
            alternatives.extend([other] for other in others)
        return any_of([all_of(parts) for parts in alternatives])

    def _no_plus(self, nodes: Sequence[lucene.Item]) -> None:
        for node in nodes:
            if isinstance(node, lucene.Plus):
                first = self._first_piece(node)
                span = (self.text.rindex("+", 0, first.start), 1)
                message = "'+' beside OR has no clear meaning."
                raise refusal(self.text, span, message, "AND, OR and parentheses", write="")

    def _first_piece(self, node: lucene.Item) -> Piece:
        while not isinstance(node, lucene.Word | lucene.SearchField):
            node = node.children[0]
        return self.pieces[piece_number(node.value if isinstance(node, lucene.Word) else node.name)]
