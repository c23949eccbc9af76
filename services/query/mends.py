"""Refusals of a query text, and the corrected text that comes with them."""

import re
from collections.abc import Callable

from services.errors import InvalidQuery
from services.query.tree import Span

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_RUN = re.compile(r'(?:\\.|"(?:[^"\\]|\\.)*"|[^\s()])+', re.DOTALL)
_BRACKETED = re.compile(r"[\[{][^\[\]{}]*[\]}]")
_ROUNDS = 6
"""One mend may uncover the next mistake: so many are made before no corrected text is offered."""


def unescaped(raw: str) -> str:
    """The text that `raw` stands for: a backslash takes the meaning from the character behind it."""
    return _ESCAPED.sub(r"\1", raw)


def quoted(text: str) -> str:
    """`text` as a phrase."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def refusal(
    text: str, span: Span, message: str, expected: str, *, write: str | None = None, over: Span | None = None
) -> InvalidQuery:
    """The error for the piece at `span` (position and length); the mend writes `write` over `over`, else over it."""
    start, length = over or span
    suggestion = None if write is None else text[:start] + write + text[start + length :]
    return InvalidQuery(message, position=span[0], length=span[1], expected=expected, suggestion=suggestion)


def unquoted_refusal(text: str, position: int, message: str, expected: str = "quotes around it") -> InvalidQuery:
    """The error for the run of text at `position`, which can stand there in quotes."""
    end = run_end(text, position)
    run = unescaped(text[position:end])
    return refusal(text, (position, end - position), message, expected, write=quoted(run))


def run_end(text: str, position: int) -> int:
    """Where the text without spaces, or in brackets, ends that begins at `position`."""
    found = _BRACKETED.match(text, position) or _RUN.match(text, position)
    return found.end() if found else position + 1


def dropped(text: str, span: Span) -> str | None:
    """`text` without the piece at `span`, spaces tidied; None where nothing would be left."""
    before, after = text[: span[0]].rstrip(), text[sum(span) :].lstrip()
    glue = "" if not before or not after or before[-1] in "(:" or after[0] == ")" else " "
    return before + glue + after or None


def readable(suggestion: str | None, text: str, read: Callable[[str], object]) -> str | None:
    """The corrected text, mended on until `read` takes it; None where it never does."""
    for _ in range(_ROUNDS):
        if suggestion is None or not suggestion.strip() or suggestion == text:
            return None
        try:
            read(suggestion)
        except InvalidQuery as error:
            suggestion = error.suggestion
        else:
            return suggestion
    return None
