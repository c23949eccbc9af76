"""Lucene syntax into our tree, with luqum as the grammar.

luqum knows the operators as words only and cuts URLs and clock times at their colons; `_with_word_operators` writes
`&&`, `||` and `!` in its way first, keeping every position, and what luqum reads as a field by mistake is refused with
the corrected query.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime

from luqum import tree as lucene
from luqum.exceptions import ParseError
from luqum.thread import parse as luqum_parse

from services.errors import InvalidQuery
from services.model import LEVELS
from services.query.fields import MAX_PATH_PARTS, Kind, canonical_level, resolve
from services.query.tree import And, Field, MatchAll, Not, Or, Phrase, Query, Word

MAX_LENGTH = 10_000
MAX_DEPTH = 40
MAX_CLAUSES = 500
MAX_READINGS = 256
"""Of all dotted paths of a query, beyond the first of each: every one is looked for in every record."""

_PIECE = re.compile(r'\\.|"(?:[^"\\]|\\.)*"|\s+|&&|\|\||[()!]|.', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_WILDCARD = re.compile(r"(?<!\\)(?:\\\\)*[*?]")
_AT = re.compile(r"at position (\d+)")
_CHUNK = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s()]+')
_NUMERIC = re.compile(r"\d+(?:\.\d+)*")


def read(text: str) -> Query:
    """The tree of a query text; `MatchAll` for an empty one. Raises `InvalidQuery` with position and mend."""
    if len(text) > MAX_LENGTH:
        raise InvalidQuery(
            f"The query is longer than {MAX_LENGTH:,} characters.",
            position=MAX_LENGTH,
            length=len(text) - MAX_LENGTH,
            expected="a shorter query",
        )
    if not text.strip():
        return MatchAll()
    if "\x00" in text:
        raise InvalidQuery("A query cannot hold the NUL character.", position=text.index("\x00"), length=1)
    return _Reader(text).read()


class _Reader:
    """One query text on its way into the tree."""

    def __init__(self, text: str):
        self.text = text
        self.clauses = 0
        self.readings = 0
        self.prepared, self.positions = _with_word_operators(text)

    def read(self) -> Query:
        try:
            found = luqum_parse(self.prepared)
        except ParseError as error:
            raise self._syntax_error(str(error)) from error
        return self._convert(found, 0)

    # -- the nodes ---------------------------------------------------------------------------------------------

    def _convert(self, node: lucene.Item, depth: int) -> Query:
        if depth > MAX_DEPTH:
            raise self._refuse(node, "The query is nested too deeply.", f"at most {MAX_DEPTH} levels of nesting")
        for kind, convert in self._CONVERTERS:
            if isinstance(node, kind):
                return convert(self, node, depth)
        raise self._refused_syntax(node)

    def _word(self, node: lucene.Word, depth: int) -> Query:
        self._count(node)
        if node.value == "*":
            return MatchAll()
        self._no_wildcard(node, quote=True)
        return Word(_unescaped(node.value))

    def _phrase(self, node: lucene.Phrase, depth: int) -> Query:
        self._count(node)
        return Phrase(_unescaped(node.value[1:-1]))

    def _group(self, node: lucene.Item, depth: int) -> Query:
        return self._convert(node.children[0], depth + 1)

    def _not(self, node: lucene.Item, depth: int) -> Query:
        return Not(self._convert(node.children[0], depth + 1))

    def _and(self, node: lucene.Item, depth: int) -> Query:
        return _all([self._convert(child, depth + 1) for child in node.children])

    def _or(self, node: lucene.Item, depth: int) -> Query:
        self._no_plus(node.children)
        return _any([self._convert(child, depth + 1) for child in node.children])

    def _side_by_side(self, node: lucene.Item, depth: int) -> Query:
        """Words side by side mean AND, which binds tighter than an OR beside it; luqum reads `a OR b c` the other way."""
        alternatives: list[list[Query]] = [[]]
        for child in node.children:
            if not isinstance(child, lucene.OrOperation):
                alternatives[-1].append(self._convert(child, depth + 1))
                continue
            self._no_plus(child.children)
            first, *others = [self._convert(part, depth + 1) for part in child.children]
            alternatives[-1].append(first)
            alternatives.extend([other] for other in others)
        return _any([_all(parts) for parts in alternatives])

    def _field(self, node: lucene.SearchField, depth: int) -> Query:
        name = _unescaped(node.name)
        if name == "*" and isinstance(node.expr, lucene.Word) and node.expr.value == "*":
            return MatchAll()
        self._check_name(node, name)
        return self._field_value(node, name, node.expr, depth)

    def _field_value(self, field: lucene.SearchField, name: str, node: lucene.Item, depth: int) -> Query:
        if depth > MAX_DEPTH:
            raise self._refuse(node, "The query is nested too deeply.", f"at most {MAX_DEPTH} levels of nesting")
        if isinstance(node, lucene.Word):
            return self._leaf(node, name, _unescaped(node.value), quoted=False)
        if isinstance(node, lucene.Phrase):
            return self._leaf(node, name, _unescaped(node.value[1:-1]), quoted=True)
        if isinstance(node, lucene.Prohibit) and node is field.expr:
            return self._negative_number(node, name)
        if isinstance(node, lucene.FieldGroup | lucene.Group | lucene.Plus):
            return self._field_value(field, name, node.children[0], depth + 1)
        if isinstance(node, lucene.Not | lucene.Prohibit):
            return Not(self._field_value(field, name, node.children[0], depth + 1))
        if isinstance(node, lucene.AndOperation | lucene.UnknownOperation | lucene.OrOperation):
            children = [self._field_value(field, name, child, depth + 1) for child in node.children]
            return _any(children) if isinstance(node, lucene.OrOperation) else _all(children)
        raise self._refused_syntax(node, field)

    def _negative_number(self, node: lucene.Prohibit, name: str) -> Query:
        value = node.children[0]
        if isinstance(value, lucene.Word) and _NUMERIC.fullmatch(value.value):
            return self._leaf(value, name, "-" + value.value, quoted=False)
        raise self._refuse(node, "A minus sign belongs before the field's name.", f"-{name}:{value}")

    def _leaf(self, node: lucene.Item, name: str, value: str, *, quoted: bool) -> Query:
        self._count(node)
        if not quoted:
            self._no_wildcard(node, quote=False)
        kind = resolve(name).kind
        if kind is Kind.LEVEL and canonical_level(value) is None:
            raise self._refuse(node, f"There is no level {value!r}.", "one of " + ", ".join(LEVELS))
        if kind is Kind.TIME and not is_moment(value):
            raise self._refuse(node, f"{value!r} is no time.", 'a date, or a quoted time like "2026-01-31T12:00:00Z"')
        if kind is Kind.ATTRIBUTE:
            self._count_readings(node, name)
        return Field(name, value, quoted)

    _CONVERTERS: Sequence[tuple[type, Callable[..., Query]]] = (
        (lucene.Word, _word),
        (lucene.Phrase, _phrase),
        (lucene.SearchField, _field),
        (lucene.Group, _group),
        (lucene.FieldGroup, _group),
        (lucene.Plus, _group),
        (lucene.Not, _not),
        (lucene.Prohibit, _not),
        (lucene.AndOperation, _and),
        (lucene.OrOperation, _or),
        (lucene.UnknownOperation, _side_by_side),
    )

    # -- what is refused ----------------------------------------------------------------------------------------

    def _count(self, node: lucene.Item) -> None:
        self.clauses += 1
        if self.clauses > MAX_CLAUSES:
            raise self._refuse(node, "The query has too many parts.", f"at most {MAX_CLAUSES} words and values")

    def _count_readings(self, node: lucene.Item, name: str) -> None:
        self.readings += 2 ** resolve(name).name.count(".") - 1
        if self.readings > MAX_READINGS:
            raise self._refuse(node, "The query has too many dotted names.", "fewer or shorter names joined by dots")

    def _no_wildcard(self, node: lucene.Item, *, quote: bool) -> None:
        if _WILDCARD.search(node.value):
            expected = "a whole word; write \\* or \\? for the character itself"
            raise self._refuse(node, "Wildcards are not supported.", expected, quote=quote)

    def _no_plus(self, nodes: Sequence[lucene.Item]) -> None:
        for node in nodes:
            if isinstance(node, lucene.Plus):
                raise self._refuse(node, "'+' beside OR has no clear meaning.", "AND, OR and parentheses")

    def _check_name(self, node: lucene.SearchField, name: str) -> None:
        if _WILDCARD.search(node.name):
            raise self._refuse(node, "A field's name cannot hold wildcards.", "one field's name")
        if _NUMERIC.fullmatch(name) or isinstance(node.expr, lucene.SearchField | lucene.Regex):
            raise self._refuse(
                node, "This reads as a field's name and value.", "quotes around text with a colon", quote=True
            )
        if name == "_exists_":
            raise self._refuse(node, "_exists_ is not supported.", "field:value")
        if name.count(".") >= MAX_PATH_PARTS:
            raise self._refuse(node, "The field's path is too long.", f"at most {MAX_PATH_PARTS} names joined by dots")

    def _refused_syntax(self, node: lucene.Item, field: lucene.Item | None = None) -> InvalidQuery:
        what, expected = _REFUSED.get(type(node), ("This syntax is not supported.", "words, phrases and field:value"))
        return self._refuse(field or node, what, expected, quote=isinstance(node, lucene.Regex))

    def _refuse(self, node: lucene.Item, message: str, expected: str, *, quote: bool = False) -> InvalidQuery:
        start, end = self._span(node)
        suggestion = self._quoted_at(start) if quote else None
        return InvalidQuery(message, position=start, length=end - start, expected=expected, suggestion=suggestion)

    def _span(self, node: lucene.Item) -> tuple[int, int]:
        start, end = node.span() if node.pos is not None else (0, len(self.prepared))
        return self._original(start or 0), max(self._original(end or 0), self._original(start or 0) + 1)

    def _original(self, prepared_position: int) -> int:
        return self.positions[min(prepared_position, len(self.positions) - 1)]

    def _quoted_at(self, position: int) -> str | None:
        """The query with the piece of text at `position` in quotes, where that can be read."""
        for chunk in _CHUNK.finditer(self.text):
            if chunk.start() <= position < chunk.end() and '"' not in chunk[0]:
                quoted = '"' + _ESCAPED.sub(r"\1", chunk[0]).replace("\\", "\\\\") + '"'
                return self.text[: chunk.start()] + quoted + self.text[chunk.end() :]
        return None

    def _syntax_error(self, reason: str) -> InvalidQuery:
        found = _AT.search(reason)
        position = self._original(int(found[1])) if found else len(self.text)
        at_end = position >= len(self.text)
        if _open_quote(self.text) is not None:
            start = _open_quote(self.text) or 0
            return InvalidQuery(
                "A quotation mark is not closed.",
                position=start,
                length=len(self.text) - start,
                expected='a closing "',
                suggestion=self.text + '"',
            )
        missing = _open_parentheses(self.text)
        if at_end and missing > 0:
            return InvalidQuery(
                "A parenthesis is not closed.",
                position=len(self.text),
                expected="a closing )",
                suggestion=self.text + ")" * missing,
            )
        if at_end:
            return InvalidQuery(
                "The query ends too early.", position=len(self.text), expected="a word, phrase or field:value"
            )
        character = self.text[position]
        return InvalidQuery(
            f"{character!r} is not expected here.",
            position=position,
            length=1,
            expected="a word, a phrase, field:value or an operator; put special characters in quotes",
            suggestion=self._quoted_at(position) if character not in "()" else None,
        )


_REFUSED: dict[type, tuple[str, str]] = {
    lucene.Range: ("Ranges are not supported.", "single values; the time range has a field of its own"),
    lucene.From: ("Comparisons are not supported.", "single values joined by OR"),
    lucene.To: ("Comparisons are not supported.", "single values joined by OR"),
    lucene.Regex: ("Patterns between slashes are not supported.", "words, or quotes around text with slashes"),
    lucene.Fuzzy: ("Fuzzy words are not supported.", "the exact word"),
    lucene.Proximity: ("Phrases with a distance are not supported.", "a phrase, or its words joined by AND"),
    lucene.Boost: ("Boosts are not supported: results are ordered by time.", "the word without ^"),
}


def is_moment(value: str) -> bool:
    """Whether `value` is a date or an RFC 3339 time."""
    try:
        date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _all(parts: list[Query]) -> Query:
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _any(parts: list[Query]) -> Query:
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _with_word_operators(text: str) -> tuple[str, list[int]]:
    """The text with `&&`, `||`, `!` written as luqum knows them, and for each of its positions the original one."""
    out: list[str] = []
    positions: list[int] = []
    at_start = True
    for match in _PIECE.finditer(text):
        piece, start = match[0], match.start()
        free = at_start and (match.end() == len(text) or text[match.end()].isspace() or text[match.end()] in "(")
        if piece == "&&" and free:
            piece = "AND"
        elif piece == "||" and free:
            piece = "OR"
        elif piece == "!" and at_start and match.end() < len(text) and not text[match.end()].isspace():
            piece = "-"
        out.append(piece)
        positions.extend(min(start + offset, match.end() - 1) for offset in range(len(piece)))
        at_start = piece.isspace() or piece in ("(", "-", "+")
    positions.append(len(text))
    return "".join(out), positions


def _open_quote(text: str) -> int | None:
    """Where a phrase begins that never ends, or None."""
    for match in _PIECE.finditer(text):
        if match[0] == '"' and (match.start() == 0 or text[match.start() - 1] in " \t\n(:+-"):
            return match.start()
    return None


def _open_parentheses(text: str) -> int:
    pieces = [match[0] for match in _PIECE.finditer(text)]
    return pieces.count("(") - pieces.count(")")
