"""The order of pieces: luqum builds the tree of operators and groups from them.

luqum (https://luqum.readthedocs.io) is Lucene's grammar in Python. Its lexer takes no text of ours: every name and value
goes in as `w<number>`, so that nothing that a user writes can be in its way. What it would refuse is refused before,
with the place and a mend; how deep and how many is bounded before, too.
"""

from luqum import tree as lucene
from luqum.thread import parse as luqum_parse

from services.errors import InvalidQuery
from services.query.mends import dropped, quoted, refusal, run_end, unescaped
from services.query.pieces import VALUES, Piece, Sort

MAX_DEPTH = 40
MAX_CLAUSES = 500
_PREFIXES = (Sort.NOT, Sort.MINUS, Sort.PLUS)
_JOINS = (Sort.AND, Sort.OR)
_WORDS = "a word, a phrase or field:value"


def arranged(text: str, pieces: list[Piece]) -> lucene.Item:
    """luqum's tree of the pieces, at least one; its words are `w<index of the piece>`. Raises `InvalidQuery`."""
    _Order(text).check(pieces)
    written = [f"w{at}" if piece.sort in VALUES or piece.sort is Sort.NAME else piece.sort.value
               for at, piece in enumerate(pieces)]  # fmt: skip
    return luqum_parse(" ".join(written))


def piece_number(word: str) -> int:
    """The index of the piece that luqum knows as `word`."""
    return int(word[1:])


class _Order:
    """Walks over the pieces, with what stands open."""

    def __init__(self, text: str):
        self.text = text
        self.values = 0
        self.open: list[int] = []
        self.prefixes = 0
        self.before: Piece | None = None
        self.name: Piece | None = None

    def check(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            self._bound(piece)
            if piece.sort is Sort.COLON:
                self._colon(piece)
            elif piece.sort is Sort.CLOSE and not self.open:
                mend = dropped(self.text, piece.span)
                raise self._refused(piece, "A parenthesis was not opened.", "a ( before it, or quotes", mend)
            elif piece.sort in _JOINS or piece.sort is Sort.CLOSE:
                self._needs_operand_before(piece)
            elif self._is(Sort.COLON) and piece.sort in _PREFIXES:
                raise self._misplaced_prefix(piece)
            if piece.sort is Sort.CLOSE:
                self.open.pop()
            self.name = piece if piece.sort is Sort.NAME else self.name
            self.before = piece
        self._end()

    def _is(self, *sorts: Sort) -> bool:
        return self.before is not None and self.before.sort in sorts

    def _bound(self, piece: Piece) -> None:
        if piece.sort in _PREFIXES:
            self.prefixes += 1
        elif piece.sort is Sort.OPEN:
            self.open.append(self.prefixes + 1)
            self.prefixes = 0
        elif piece.sort in VALUES:
            self.values += 1
            self.prefixes = 0
        if sum(self.open) + self.prefixes > MAX_DEPTH:
            message = "The query is nested too deeply."
            raise refusal(self.text, piece.span, message, f"at most {MAX_DEPTH} parentheses and NOTs inside each other")
        if self.values > MAX_CLAUSES:
            message = "The query has too many parts."
            raise refusal(self.text, piece.span, message, f"at most {MAX_CLAUSES} words and values")

    def _colon(self, piece: Piece) -> None:
        if not self._is(Sort.NAME):
            raise refusal(self.text, piece.span, "':' is not expected here.", "a field's name before it, or quotes")

    def _needs_operand_before(self, piece: Piece) -> None:
        before = self.before
        if before is None or (before.sort is Sort.OPEN and piece.sort in _JOINS):
            raise self._lonely(piece, "before")
        if before.sort is Sort.OPEN:
            raise self._empty(before, piece)
        if before.sort in (*_JOINS, *_PREFIXES):
            raise self._lonely(before, "behind")
        if before.sort is Sort.COLON:
            raise self._no_value(piece)

    def _end(self) -> None:
        if self._is(*_JOINS, *_PREFIXES) and self.before is not None:
            raise self._lonely(self.before, "behind")
        if self._is(Sort.COLON):
            raise self._no_value(None)
        if self.open:
            position, length = len(self.text), len(self.open)
            mend = self.text + ")" * length
            if self._is(Sort.OPEN):
                mend = self.text.rstrip()[:-1] + ")" * (length - 1)
            error = refusal(self.text, (position, 0), "A parenthesis is not closed.", "a closing )")
            error.suggestion = mend
            raise error

    # -- the errors --------------------------------------------------------------------------------------------

    def _refused(self, piece: Piece, message: str, expected: str, mend: str | None) -> InvalidQuery:
        error = refusal(self.text, piece.span, message, expected)
        error.suggestion = mend if mend is not None else self._in_quotes(piece)
        return error

    def _in_quotes(self, piece: Piece) -> str:
        return self.text[: piece.start] + quoted(piece.raw) + self.text[piece.end :]

    def _lonely(self, operator: Piece, side: str) -> InvalidQuery:
        message = f"{operator.raw} has nothing {side} it to work on."
        expected = f"{_WORDS} {side} {operator.raw}, or {quoted(operator.raw)} for the text"
        return self._refused(operator, message, expected, dropped(self.text, operator.span))

    def _empty(self, opening: Piece, closing: Piece) -> InvalidQuery:
        span = (opening.start, closing.end - opening.start)
        start = opening.start
        while start > 0 and not self.text[start - 1].isspace() and self.text[start - 1] not in '()":':
            start -= 1
        if start == opening.start:
            return refusal(self.text, span, "There is nothing between these parentheses.", _WORDS, write="")
        run = unescaped(self.text[start : closing.end])
        over = (start, closing.end - start)
        message = "There is nothing between these parentheses."
        return refusal(self.text, span, message, "quotes around text with parentheses", write=quoted(run), over=over)

    def _no_value(self, piece: Piece | None) -> InvalidQuery:
        position = len(self.text) if piece is None else piece.start
        name = self.name.raw if self.name else ""
        if piece is not None and piece.sort in _JOINS:
            message, write = f"{piece.raw} is an operator, not a value.", quoted(piece.raw)
            return refusal(self.text, piece.span, message, "a value, or quotes around this one", write=write)
        expected = f"a value, or {name}:* for every record with this field"
        return refusal(self.text, (position, 0), "A field has no value.", expected, write="*")

    def _misplaced_prefix(self, piece: Piece) -> InvalidQuery:
        start = self.name.start if self.name else piece.start
        rest = self.text[start : piece.start] + self.text[piece.end :].lstrip()
        if piece.sort is Sort.PLUS:
            end = run_end(self.text, piece.start)
            value = quoted(unescaped(self.text[piece.start : end]))
            span = (piece.start, end - piece.start)
            return refusal(self.text, span, "A plus sign belongs before the field's name.", value, write=value)
        sign = "NOT " if piece.raw == "NOT" else "-"
        what = "NOT" if sign == "NOT " else "A minus sign" if piece.raw == "-" else piece.raw
        error = refusal(self.text, piece.span, f"{what} belongs before the field's name.", "NOT field:value")
        error.suggestion = self.text[:start] + sign + rest
        return error
