"""Refusals of what begins like a piece of a query and is none, each with what was probably meant."""

import re

from services.errors import InvalidQuery
from services.query.mends import quoted, refusal, run_end, unescaped, unquoted_refusal
from services.query.pieces import Piece, Sort

MODIFIER = re.compile(r"([~^])[\d.]*(?=[\s)]|$)")
"""Lucene's fuzziness, distance and boost, behind a word or phrase."""

_RANGE_PARTS = re.compile(r"\s*(?:\bTO\b|\bto\b|\.\.|,|\s)\s*")
_UNCLOSED = re.compile(r"[\[{]\s*[^\s\[\]{}()]+\s+TO\s+[^\s\[\]{}()]+(?=\s|$|\))")
_BOOSTS = "Boosts are not supported: results are ordered by time."


def modified(text: str, start: int, end: int) -> InvalidQuery | None:
    """The refusal of `~`, `~2` or `^2` behind the piece from `start` to `end`; None where there is none."""
    found = MODIFIER.match(text, end)
    if found is None:
        return None
    if found[1] == "^":
        message, expected = _BOOSTS, "the same without ^"
    elif text.startswith('"', start):
        message, expected = "Phrases with a distance are not supported.", "a phrase, or its words joined by AND"
    else:
        message, expected = "Fuzzy words are not supported.", "the exact word, or a wildcard"
    return refusal(text, (start, found.end() - start), message, expected, write=text[start:end])


def unclosed_phrase(text: str, at: int) -> InvalidQuery:
    """A quotation mark without its other one."""
    backslashes = len(text) - len(text.rstrip("\\"))
    closed = text[at:] + "\\" * (backslashes % 2) + '"'
    return refusal(text, (at, len(text) - at), "A quotation mark is not closed.", 'a closing "', write=closed)


def quoted_name(text: str, at: int, end: int) -> InvalidQuery:
    """A phrase from `at` to `end` before a colon."""
    escaped = re.sub(r"(\W)", r"\\\1", unescaped(text[at + 1 : end - 1]))
    message, expected = "A field's name cannot stand in quotes.", "a backslash before each special character"
    return refusal(text, (at, end - at), message, expected, write=escaped)


def no_range(text: str, at: int) -> InvalidQuery:
    """A bracket at the place of a value that begins no range."""
    unclosed = _UNCLOSED.match(text, at)
    if unclosed is not None:
        closing = "]" if text[at] == "[" else "}"
        span, mend = (at, len(unclosed[0])), unclosed[0] + closing
        return refusal(text, span, "A range is not closed.", f"a closing {closing}", write=mend)
    end = run_end(text, at)
    written = text[at:end]
    parts = [part or "*" for part in _RANGE_PARTS.split(written[1:-1].strip(), maxsplit=1)]
    closes = written[-1] in "]}" and len(written) > 1
    mend = f"{written[0]}{parts[0]} TO {parts[-1]}{written[-1]}" if closes and len(parts) == 2 else quoted(written)
    expected = "[low TO high] or {low TO high}, with * for an open side"
    return refusal(text, (at, end - at), "This is no range.", expected, write=mend)


def comparison_without_field(text: str, at: int, before: Piece | None, found: re.Match[str] | None) -> InvalidQuery:
    """`level >= error`, where the name stands before a space, or an arrow; `found` is sign and value."""
    is_arrow = before is not None and before.sort is Sort.MINUS and before.end == at
    error = unquoted_refusal(
        text, at - 1 if is_arrow else at, "A comparison needs a field.", "field:>=value, or quotes"
    )
    if before is not None and before.sort is Sort.TEXT and found is not None and found[2]:
        error.suggestion = f"{text[: before.end]}:{found[1]}{found[2]}{text[found.end() :]}"
    return error


def misplaced(text: str, at: int, before: Piece | None) -> InvalidQuery:
    """A character at `at` that nothing can begin with."""
    found = MODIFIER.match(text, at)
    if found and found[1] == "^" and before is not None and before.end == at:
        return refusal(text, (at, found.end() - at), _BOOSTS, "the same without ^", write="")
    closing = text.find("'", at + 1) if text[at] == "'" else -1
    if closing < 0:
        return unquoted_refusal(text, at, f"{text[at]!r} is not expected here.")
    inside = text[at + 1 : closing]
    span = (at, closing + 1 - at)
    return refusal(text, span, "Phrases stand in double quotes.", quoted(inside), write=quoted(inside))
