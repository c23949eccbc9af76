"""Strict JSON (RFC 8259) on its text: where members begin and end, so that what is kept is kept byte for byte.

The standard library's scanner (C) does the work; texts that nest deeper than it can follow go to an iterative one.
"""

import json
import re
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

_BLANKS = " \t\n\r"
_BLANK = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class NotJson(ValueError):
    """The text is not JSON; `position` counts characters, `reason` is a few words."""

    def __init__(self, reason: str, position: int):
        super().__init__(f"{reason} at column {position + 1}")
        self.reason = reason
        self.position = position


def _no_constant(word: str) -> None:
    raise NotJson(f"{word} is not a JSON value", 0)


_decoder = json.JSONDecoder(parse_constant=_no_constant, parse_int=float)
_scan = _decoder.scan_once  # type: ignore[attr-defined]


@dataclass(slots=True)
class Member:
    """One member of an object: its name, and where it and its value stand in the text."""

    name: str
    start: int
    value_start: int
    end: int
    value: Any


def skip_blank(text: str, position: int) -> int:
    """The position of the next character that is not white space."""
    if text[position : position + 1] not in _BLANKS:
        return position
    match = _BLANK.match(text, position)
    return match.end() if match else position


def scan_value(text: str, position: int) -> tuple[Any, int]:
    """(value, end) of the JSON value at `position`. Deeply nested values come back as None. Raises `NotJson`."""
    try:
        value, end = _scan(text, position)
    except StopIteration as stop:
        raise NotJson("a value is missing", stop.value) from None
    except json.JSONDecodeError as error:
        raise NotJson(_reason(error), error.pos) from None
    except RecursionError:
        return None, skip_value(text, position)
    return value, end


def _reason(error: json.JSONDecodeError) -> str:
    return error.msg.lower().split(":")[0].removesuffix(" at")


def members(text: str, position: int) -> tuple[list[Member], int]:
    """The members of the object that begins at `position` (a brace), and where it ends. Raises `NotJson`."""
    found: list[Member] = []
    start = skip_blank(text, position + 1)
    if text[start : start + 1] == "}":
        return found, start + 1
    while True:
        name, value_start = _name(text, start)
        value, end = scan_value(text, value_start)
        found.append(Member(name, start, value_start, end, value))
        mark = text[end : end + 1]
        if mark in _BLANKS:
            end = skip_blank(text, end)
            mark = text[end : end + 1]
        if mark == "}":
            return found, end + 1
        if mark != ",":
            raise NotJson("a comma or a closing brace is missing", end)
        start = end + 1
        if text[start : start + 1] in _BLANKS:
            start = skip_blank(text, start)


def _name(text: str, position: int) -> tuple[str, int]:
    """(name, where its value begins) of the member at `position`."""
    if text[position : position + 1] != '"':
        raise NotJson("a member name in double quotes is missing", position)
    try:
        name, end = scanstring(text, position + 1, True)
    except json.JSONDecodeError as error:
        raise NotJson(_reason(error), error.pos) from None
    if text[end : end + 1] != ":":
        end = skip_blank(text, end)
        if text[end : end + 1] != ":":
            raise NotJson("a colon is missing", end)
    return name, skip_blank(text, end + 1)


def check_end(text: str, position: int) -> None:
    """Raise `NotJson` where anything but white space follows."""
    position = skip_blank(text, position)
    if position != len(text):
        raise NotJson("something follows the value", position)


def skip_value(text: str, position: int) -> int:
    """The end of the value at `position`, whatever its depth. Raises `NotJson`."""
    stack: list[str] = []
    while True:
        position = skip_blank(text, position)
        mark = text[position : position + 1]
        if mark in ("{", "["):
            closing = "}" if mark == "{" else "]"
            position = skip_blank(text, position + 1)
            if text[position : position + 1] != closing:
                stack.append(closing)
                position = _skip_name(text, position) if mark == "{" else position
                continue
            position += 1
        else:
            position = _skip_scalar(text, position)
        position, open_again = _close(text, position, stack)
        if not open_again:
            return position


def _close(text: str, position: int, stack: list[str]) -> tuple[int, bool]:
    """Past the closing marks and one comma behind a value; False where no container is open any more."""
    while stack:
        position = skip_blank(text, position)
        mark = text[position : position + 1]
        if mark == ",":
            position = skip_blank(text, position + 1)
            return (_skip_name(text, position) if stack[-1] == "}" else position), True
        if mark != stack[-1]:
            raise NotJson(f"a comma or {stack[-1]} is missing", position)
        stack.pop()
        position += 1
    return position, False


def _skip_name(text: str, position: int) -> int:
    match = _STRING.match(text, position)
    if not match:
        raise NotJson("a member name in double quotes is missing", position)
    position = skip_blank(text, match.end())
    if text[position : position + 1] != ":":
        raise NotJson("a colon is missing", position)
    return position + 1


def _skip_scalar(text: str, position: int) -> int:
    match = _STRING.match(text, position) or _SCALAR.match(text, position)
    if not match:
        raise NotJson("a value is missing", position)
    return match.end()


def depth(text: str) -> int:
    """How deeply the arrays and objects of a JSON text nest; 0 for a scalar."""
    deepest = level = 0
    for mark in re.findall(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text):
        if mark in "[{":
            level += 1
            deepest = max(deepest, level)
        elif mark in "]}":
            level -= 1
    return deepest


_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


def without_surrogates(value: str) -> str:
    """The text with lone surrogates, which no UTF-8 can hold, written as the escapes that they came as."""
    return _SURROGATE.sub(lambda match: f"\\u{ord(match.group()):04x}", value)


def has_surrogates(value: str) -> bool:
    """True where a decoded string holds lone surrogates."""
    return _SURROGATE.search(value) is not None


def escape_lone(text: str) -> str:
    """A JSON text in which escapes of lone surrogates have become text (`\\\\ud800`): readers refuse them otherwise."""
    pieces: list[str] = []
    done = 0
    high: tuple[int, int] | None = None
    for match in _ESCAPES.finditer(text):
        code = int(match.group(1), 16) if match.group(1) else 0
        if high and 0xDC00 <= code <= 0xDFFF and match.start() == high[1]:
            high = None
            continue
        if high:
            pieces += [text[done : high[0]], "\\"]
            done, high = high[0], None
        if 0xD800 <= code <= 0xDBFF:
            high = (match.start(), match.end())
        elif 0xDC00 <= code <= 0xDFFF:
            pieces += [text[done : match.start()], "\\"]
            done = match.start()
    if high:
        pieces += [text[done : high[0]], "\\"]
        done = high[0]
    return "".join(pieces) + text[done:]
