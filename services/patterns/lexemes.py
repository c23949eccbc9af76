"""From a shape to its form: words and punctuation as they stand, and one VALUE for each part that is surely a value.

A form depends on its shape alone. Numbers are masked already; here their neighbourhood is taken in (addresses, dates,
UUIDs, paths, host names), and lists of values become one value.
"""

import re
from typing import NamedTuple

from services.patterns import vocabulary

MASK = "\x1a"
VALUE = "\x1a"
"""Stands in forms for a part that varies; no other lexeme holds it."""

MAX_LEXEMES = 400
"""What stands behind these in a shape is not looked at."""
MAX_FORM = 48
"""What stands behind these in a form counts as one value."""
MAX_PERIOD = 6
"""A list's entry has at most so many lexemes."""

_LEXEME = re.compile(
    r"""(\s*)((?:/|[\w+][\w+.-]*://)[^\s=,;()\[\]{}<>"'`|!?]*\?[^\s()\[\]{}<>"'`|]*|[^\s=,;()\[\]{}<>"'`|!?]+|\S)"""
)
"""A path or an address with its query; a text without white space, brackets, quotes and the like; any other character."""
_URL = re.compile(r"[\w+][\w+.-]*://")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:\\")
_FILLER = re.compile(r"(\.{2,}|-{2,})")
_STARS = re.compile(r"\*{3,}\Z")
_HEX = re.compile(r"[0-9a-fA-F]{1,4}\Z")
_OPENING = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}
_COMPARISONS = frozenset("<>~")


class Form(NamedTuple):
    """`keys` is what is compared, with VALUE for values; `gaps` holds the white space that stands before each key."""

    keys: tuple[str, ...]
    gaps: tuple[str, ...]


def form_of(shape: str) -> Form:
    """The form of a shape; the empty form for one without any visible character.

    Of several lines the first tells what happened, and the others are one value; where the first ends with a colon
    (`Traceback (most recent call last):`), the last line tells it too.
    """
    keys: list[str] = []
    gaps: list[str] = []
    first, _, rest = shape.strip().partition("\n")
    _read(first, keys, gaps)
    if rest:
        keys.append(VALUE)
        gaps.append("\n")
        if first.rstrip().endswith(":"):
            _read("\n" + rest.rpartition("\n")[2].strip(), keys, gaps)
    _settle_by_neighbours(keys, gaps)
    _join_lists(keys, gaps)
    _join_quoted(keys, gaps)
    if len(keys) > MAX_FORM:
        del keys[MAX_FORM:], gaps[MAX_FORM:]
        keys[-1] = VALUE
    return Form(tuple(keys), tuple(gaps))


def _read(text: str, keys: list[str], gaps: list[str]) -> None:
    for found in _LEXEME.finditer(text):
        gap, lexeme = found.groups()
        parts = [lexeme] if lexeme.isalpha() else _parts(lexeme)
        keys += parts
        gaps.append(gap)
        gaps += [""] * (len(parts) - 1)
        if len(keys) > MAX_LEXEMES:
            break


def _parts(text: str) -> list[str]:
    """The lexemes of a text without white space, brackets, quotes and the like."""
    if _FILLER.search(text):
        return [part for each in _FILLER.split(text) if each for part in _parts_of_run(each)]
    return _parts_of_run(text)


def _parts_of_run(text: str) -> list[str]:
    core = text.rstrip(".:\\")
    tail = list(text[len(core) :])
    if not core:
        return [text]
    if _URL.match(core) or _WINDOWS_PATH.match(core):
        return [VALUE, *tail]
    if ":" not in core:
        return [VALUE if _is_value(core) else core, *tail]
    return _parts_by_colons(core.split(":")) + tail


def _is_value(text: str) -> bool:
    """For a text without colons: whether it cannot be a word."""
    if MASK in text:
        return True
    if text.isalpha():
        return False
    if text[0] in "/~" or "\\" in text:
        return len(text) > 1 and text[1:].strip("/") != ""
    if "@" in text[1:-1] or ("/" in text and ("." in text or text.count("/") > 1)):
        return True
    return "." in text and is_host(text)


def is_host(text: str) -> bool:
    """Whether a dotted name is surely one of a host: by its last label, as far as that is no ordinary word."""
    labels = text.split(".")
    if not all(labels) or len(labels) < 2:
        return False
    if labels[-1] in vocabulary.DOMAINS:
        return True
    return len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in vocabulary.SECOND_DOMAINS


def _parts_by_colons(texts: list[str]) -> list[str]:
    """`key:value` keeps its key; `host:port`, times and hardware addresses are one value."""
    if len(texts) > 3 and all(each == MASK or _HEX.match(each) or not each for each in texts):
        return [VALUE]
    values = [_is_value(each) if each else None for each in texts]
    for index in range(len(texts)):
        before = index > 0 and values[index - 1] is True
        behind = index + 1 < len(texts) and values[index + 1] is True
        if values[index] is None:
            values[index] = before or (behind and index > 0) or texts[:2] == ["", ""]
        elif not values[index] and ((before and _HEX.match(texts[index])) or (behind and "." in texts[index][1:-1])):
            values[index] = True
    parts: list[str] = []
    for index, (text, value) in enumerate(zip(texts, values, strict=True)):
        joins = index > 0 and value and values[index - 1]
        if index > 0 and not joins:
            parts.append(":")
        if not joins and (value or text):
            parts.append(VALUE if value else text)
    return parts


def _settle_by_neighbours(keys: list[str], gaps: list[str]) -> None:
    """Dates, empty brackets, `<5`, booleans: what only the neighbours tell."""
    for index in range(len(keys) - 1, -1, -1):
        key = keys[index]
        if key.isalpha() and len(key) > 9:
            continue
        before = keys[index - 1] if index else ""
        behind = keys[index + 1] if index + 1 < len(keys) else ""
        if key == VALUE:
            continue
        if _is_value_beside(key, before, behind):
            keys[index] = VALUE
        elif _OPENING.get(key) == behind and (gaps[index] or before == "=") and not gaps[index + 1]:
            keys.insert(index + 1, VALUE)
            gaps.insert(index + 1, "")
        elif (
            key in _COMPARISONS and gaps[index] and behind == VALUE and not gaps[index + 1] and ">" not in keys[index:]
        ):
            del keys[index], gaps[index + 1]


def _is_value_beside(key: str, before: str, behind: str) -> bool:
    if key in vocabulary.LITERALS:
        return True
    if VALUE in (before, behind) and (key in vocabulary.DATE_WORDS or _STARS.match(key)):
        return True
    if key == "/" and behind == VALUE:
        return before.isalpha()
    if before == "=":
        return key.lower() in vocabulary.ABSENT_OR_BOOLEAN
    return bool(_STARS.match(key) and (_STARS.match(before) or _STARS.match(behind)))


def _join_lists(keys: list[str], gaps: list[str]) -> None:
    """Values side by side, with commas or without, are one value; so is an entry that is repeated and holds one."""
    for period in range(1, MAX_PERIOD + 1):
        values = {index for index, key in enumerate(keys) if key == VALUE}
        if any(index + period in values or index + period + 1 in values for index in values):
            _join_repeated(keys, gaps, period)


def _join_repeated(keys: list[str], gaps: list[str], period: int) -> None:
    kept: list[str] = []
    kept_gaps: list[str] = []
    for key, gap in zip(keys, gaps, strict=True):
        kept.append(key)
        kept_gaps.append(gap)
        if key in kept[-period - 2 : -period] and (cut := _repeated(kept, period)):
            del kept[-cut:], kept_gaps[-cut:]
    keys[:], gaps[:] = kept, kept_gaps


def _repeated(kept: list[str], period: int) -> int:
    """How many lexemes at the end say again what stands before them: an entry, and the comma that parts the two."""
    entry = kept[-period:]
    if kept[-2 * period : -period] == entry:
        cut = period
    elif kept[-period - 1] in (",", ";") and kept[-2 * period - 1 : -period - 1] == entry:
        cut = period + 1
    else:
        return 0
    return cut if VALUE in entry and _is_balanced(entry) else 0


def _is_balanced(entry: list[str]) -> bool:
    return entry.count('"') % 2 == 0 and all(entry.count(one) == entry.count(_OPENING[one]) for one in "([{")


def _join_quoted(keys: list[str], gaps: list[str]) -> None:
    """A quoted text that holds several values is data, such as a browser's name, and so is a quoted dash."""
    quotes = [index for index, key in enumerate(keys) if key == '"']
    for begin, end in reversed(list(zip(quotes[::2], quotes[1::2], strict=False))):
        inside = keys[begin + 1 : end]
        if inside == ["-"] or inside.count(VALUE) > 1:
            keys[begin + 1 : end] = [VALUE]
            gaps[begin + 1 : end] = [""]
