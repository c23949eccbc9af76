"""A query text cut into pieces: operators, parentheses, names and values.

Rules that need more than one character of foresight:
- A regex begins with a slash where a value may begin and ends at the next slash without a backslash, behind which must
  stand a space, `)` or the end. Otherwise the slash begins a path (`/var/log/syslog`), unless a slash that could end a
  regex follows somewhere: then nobody can say, and quotes are asked for.
- `name>=value` (also `>`, `<=`, `<`) without a colon is a comparison where the name is a column's, or looks like a name
  and the value is a number, a time or in quotes. Any other `<` and `>` inside a word are text.
- Behind `name:` a value may hold colons where all of it is an IP address, a network or a time.
"""

import re
from ipaddress import ip_interface

from services.query.dates import is_time
from services.query.fields import Kind, is_number, resolve
from services.query.mends import refusal, run_end, unquoted_refusal
from services.query.misreadings import (
    comparison_without_field,
    misplaced,
    modified,
    no_range,
    quoted_name,
    unclosed_phrase,
)
from services.query.pieces import Piece, Sort, bound_of
from services.query.tree import Span

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_BOUND = rf"{_QUOTED}|(?:\\.|[^\s\[\]{{}}\"\\])+"
_SPACE = re.compile(r"\s+")
_OPERATOR = re.compile(r"(?:(AND)|(OR)|(NOT))(?=[\s():]|$)|(&&|\|\|)(?=[\s()]|$)|(!)(?=[^\s)])")
_PHRASE = re.compile(_QUOTED, re.DOTALL)
_REGEX = re.compile(r"/((?:[^\\/]|\\.)*)/", re.DOTALL)
_CLOSING_SLASH = re.compile(r"(?<!\\)(?:\\\\)*/(?=[\s)]|$)")
_RANGE = re.compile(rf"([\[{{])\s*({_BOUND})\s+TO\s+({_BOUND})\s*([\]}}])", re.DOTALL)
_COMPARISON = re.compile(rf"(>=|<=|>|<)\s*({_QUOTED}|(?:\\.|[^\s()\\\"])(?:\\.|[^\s()\\])*)?", re.DOTALL)
_COMPARED = re.compile(
    rf"(@?[^\W\d]\w*(?:[.\-]\w+)*)(>=|<=|!=|>|<)({_QUOTED}|(?:\\.|[^\s()\\\"])(?:\\.|[^\s()\\])*)?", re.DOTALL
)
_RUN = re.compile(r"(?:\\.|[^\s():\\^~]|(?<=T\d\d):\d\d(?::\d\d)?)+", re.DOTALL)
_WHOLE = re.compile(r"(?:\\.|[^\s()\\])+", re.DOTALL)
_TO_COLON = re.compile(r"\s*:")
_BEHIND_VALUE = re.compile(r"[\s)^~]|$")
_NO_NAME = re.compile(r"""^\d+(?:\.\d+)*$|(?<!\\)(?:\\\\)*["'<>=,;\[\]{}]""")
"""What may stand before a colon in text that people paste, and in no field's name without a backslash."""


def pieces_of(text: str) -> list[Piece]:
    """All pieces of a query text. Raises `InvalidQuery` where a piece is none."""
    return _Lexer(text).read()


class _Lexer:
    """Walks through one query text. Inside `name:( … )` there are no names, only values."""

    def __init__(self, text: str):
        self.text = text
        self.at = 0
        self.pieces: list[Piece] = []
        self.groups: list[bool] = []
        slashes = [found.end() for found in _CLOSING_SLASH.finditer(text)]
        self.last_slash = slashes[-1] - 1 if slashes else -1

    def read(self) -> list[Piece]:
        while self.at < len(self.text):
            space = _SPACE.match(self.text, self.at)
            if space:
                self.at = space.end()
            else:
                self._piece(self.text[self.at])
        return self.pieces

    def _piece(self, character: str) -> None:
        operator = _OPERATOR.match(self.text, self.at)
        if operator:
            self._operator(operator)
        elif character in "()":
            self._parenthesis(character)
        elif character in "-+" and not self._is_signed_number():
            self._add(Sort(character), self.at + 1)
        else:
            reader = {
                '"': self._phrase,
                "/": self._regex,
                "[": self._range,
                "{": self._range,
                "<": self._comparison,
                ">": self._comparison,
                "'": self._misplaced,
                ":": self._colon,
                "^": self._misplaced,
                "~": self._misplaced,
            }.get(character, self._run)
            reader()

    def _add(self, sort: Sort, end: int, raw: str | None = None) -> None:
        self.pieces.append(Piece(sort, self.at, end, self.text[self.at : end] if raw is None else raw))
        self.at = end

    @property
    def _is_value(self) -> bool:
        """Whether what comes is a value of a field, not a name or a bare word."""
        return self._is_behind_colon or (bool(self.groups) and self.groups[-1])

    @property
    def _is_behind_colon(self) -> bool:
        return bool(self.pieces) and self.pieces[-1].sort is Sort.COLON

    # -- operators and parentheses ---------------------------------------------------------------------------------

    def _operator(self, found: re.Match[str]) -> None:
        word = {"&&": "AND", "||": "OR", "!": "NOT"}.get(found[0], found[0])
        self._add(Sort(word), found.end())

    def _parenthesis(self, character: str) -> None:
        if character == "(":
            self.groups.append(self._is_value)
        elif self.groups:
            self.groups.pop()
        self._add(Sort(character), self.at + 1)

    def _is_signed_number(self) -> bool:
        whole = _WHOLE.match(self.text, self.at) if self._is_behind_colon else None
        return whole is not None and is_number(whole[0])

    # -- values ----------------------------------------------------------------------------------------------------

    def _phrase(self) -> None:
        found = _PHRASE.match(self.text, self.at)
        if found is None:
            raise unclosed_phrase(self.text, self.at)
        self._refuse_modifier(found.end())
        if _TO_COLON.match(self.text, found.end()) and not self._is_value:
            raise quoted_name(self.text, self.at, found.end())
        self._add(Sort.QUOTED, found.end(), found[0][1:-1])

    def _regex(self) -> None:
        found = _REGEX.match(self.text, self.at)
        if found and not _BEHIND_VALUE.match(self.text, found.end()):
            found = None
        if found and found[1]:
            self._refuse_modifier(found.end())
            self._add(Sort.REGEX, found.end(), found[1])
        elif found or self.last_slash > self.at:
            expected = r"quotes around a path; in a regex, \/ for each slash"
            raise unquoted_refusal(self.text, self.at, "This may be a path or a regex.", expected)
        else:
            self._path()

    def _path(self) -> None:
        end = run_end(self.text, self.at)
        if any(each in self.text[self.at : end] for each in ':"^~'):
            raise unquoted_refusal(self.text, self.at, "This path holds special characters.")
        self._run()

    def _range(self) -> None:
        if not self._is_value:
            raise unquoted_refusal(self.text, self.at, "A range needs a field.", "field:[low TO high], or quotes")
        found = _RANGE.match(self.text, self.at)
        if found is None or not _BEHIND_VALUE.match(self.text, found.end()):
            raise no_range(self.text, self.at)
        self._refuse_modifier(found.end())
        low, high = bound_of(found[2], found[1] == "["), bound_of(found[3], found[4] == "]")
        self.pieces.append(Piece(Sort.RANGE, self.at, found.end(), found[0], low, high))
        self.at = found.end()

    def _comparison(self) -> None:
        found = _COMPARISON.match(self.text, self.at)
        if found is None or not self._is_value:
            before = self.pieces[-1] if self.pieces else None
            raise comparison_without_field(self.text, self.at, before, found)
        self._add_comparison(found[1], found[2], found.end())

    def _add_comparison(self, sign: str, value: str | None, end: int) -> None:
        span = (self.at, end - self.at)
        if not value or value == "*":
            mend = None if value is None else "*" if self.text[self.at - 1] == ":" else ":*"
            raise refusal(self.text, span, "A comparison needs a value.", f"a value behind {sign}", write=mend)
        if value[0] == '"' and not _PHRASE.fullmatch(value):
            raise refusal(self.text, span, "This is no value to compare with.", "one value, in quotes as a whole")
        bound = bound_of(value, "=" in sign)
        low, high = (bound, None) if ">" in sign else (None, bound)
        self.pieces.append(Piece(Sort.RANGE, self.at, end, self.text[self.at : end], low, high))
        self.at = end

    # -- words and names -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        if self._is_value:
            self._value_run()
        elif not self._compared():
            self._bare_run()

    def _value_run(self) -> None:
        whole = self._whole()
        found = _RUN.match(self.text, self.at)
        if found is not None and found.end() == whole.end():
            return self._add(Sort.TEXT, whole.end())
        if is_address(whole[0]) or is_time(whole[0]):
            return self._add(Sort.TEXT, whole.end())
        if found is not None:
            self._refuse_modifier(found.end())
        message = "This reads as a field's name and value." if ":" in whole[0] else "This value has special characters."
        raise unquoted_refusal(self.text, self.at, message)

    def _bare_run(self) -> None:
        whole = self._whole()
        if ":" in whole[0] and is_time(whole[0]):
            return self._add(Sort.TEXT, whole.end())
        if is_address(whole[0]):
            raise unquoted_refusal(self.text, self.at, "This reads as an address and as a field's name and value.")
        found = _RUN.match(self.text, self.at)
        end = found.end() if found else self.at
        self._refuse_modifier(end)
        if self.text[end : end + 1] in ("^", "~"):
            raise unquoted_refusal(self.text, self.at, "This word has special characters.")
        colon = _TO_COLON.match(self.text, end)
        if colon is None:
            return self._add(Sort.TEXT, end)
        if self.text.startswith("//", colon.end()) or _NO_NAME.search(self.text[self.at : end]):
            message, expected = "This reads as a field's name and value.", "quotes around text with a colon"
            raise unquoted_refusal(self.text, self.at, message, expected)
        self._add(Sort.NAME, end)
        self.at = colon.end() - 1
        return self._add(Sort.COLON, colon.end())

    def _compared(self) -> bool:
        """Takes `name>=value`, where it is that."""
        found = _COMPARED.match(self.text, self.at)
        if found is None:
            return False
        name, sign, value = found.groups()
        if resolve(name).kind is Kind.ATTRIBUTE and not _is_comparable(value):
            return False
        if sign == "!=":
            mend = f"NOT {name}:{value}" if value else f"{name}:*"
            raise refusal(self.text, _span(found), "There is no operator !=.", "NOT field:value", write=mend)
        self._add(Sort.NAME, found.end(1))
        self.pieces.append(Piece(Sort.COLON, self.at, self.at, ""))
        self._add_comparison(sign, value, found.end())
        return True

    def _whole(self) -> re.Match[str]:
        whole = _WHOLE.match(self.text, self.at)
        if whole is None or (whole.end() == len(self.text) - 1 and self.text.endswith("\\")):
            at = (len(self.text) - 1, 1)
            expected = r"\\ for the character itself"
            raise refusal(self.text, at, "A backslash has nothing behind it.", expected, write="\\\\")
        return whole

    # -- what is refused -------------------------------------------------------------------------------------------

    def _colon(self) -> None:
        whole = self._whole()
        if not is_address(whole[0]):
            return self._misplaced()
        return self._add(Sort.TEXT, whole.end())

    def _misplaced(self) -> None:
        raise misplaced(self.text, self.at, self.pieces[-1] if self.pieces else None)

    def _refuse_modifier(self, end: int) -> None:
        error = modified(self.text, self.at, end)
        if error is not None:
            raise error


def is_address(text: str) -> bool:
    """Whether `text` is an IP address or network with colons, as far as its form goes."""
    if ":" not in text:
        return False
    try:
        ip_interface(text)
    except ValueError:
        return False
    return True


def _is_comparable(value: str | None) -> bool:
    return value is not None and (_PHRASE.fullmatch(value) is not None or is_number(value) or is_time(value))


def _span(found: re.Match[str]) -> Span:
    return found.start(), found.end() - found.start()
