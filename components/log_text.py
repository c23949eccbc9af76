"""Log text made fit to be shown: it is somebody else's, and may hold anything.

Nothing here makes markup. The result is plain text, or text cut into (kind, text) segments that the browser turns
into text nodes: kind "m" is a search match, "k" the name in `name=value`, "" the rest.
"""

import re
from collections.abc import Callable
from functools import partial

from dash import html

from services.errors import InvalidQuery
from services.query.highlights import highlights, spans_of
from services.query.language import parse

Segment = tuple[str, str]
Matches = Callable[[str], list[tuple[int, int]]]
"""Finds the places in a text to mark: start and end, in order."""

_ANSI = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_][\w.-]{0,60}=(?=\S)")


def visible(text: str) -> str:
    """`text` without terminal colours, and with control and direction characters as signs that can be seen.

    A right-to-left override would otherwise reorder what stands beside it (Unicode TR 36, section 3.5).
    """
    return _INVISIBLE.sub(lambda found: _sign(found[0]), _ANSI.sub("", text).replace("\r\n", "\n"))


def _sign(character: str) -> str:
    number = ord(character)
    if number < 0x20:
        return chr(0x2400 + number)
    return "\u2421" if number == 0x7F else f"⟨U+{number:04X}⟩"


def one_line(text: str, limit: int) -> str:
    """The first `limit` characters of `text`, visible, line breaks as ↵."""
    cut = visible(text[: limit * 2])[:limit]
    flat = cut.replace("\n", " ↵ ").replace("\t", "  ")
    return flat if len(text) <= limit else flat + "…"


def matcher(query: str) -> Matches | None:
    """Finds what the text of a query matched in a message; None where there is nothing to mark."""
    try:
        wanted = highlights(parse(query))
    except InvalidQuery:
        return None
    return partial(spans_of, wanted) if wanted else None


def segments(text: str, matches: Matches | None) -> list[Segment]:
    """`text` cut at search matches and at `name=`; joined again it is `text`."""
    cut: list[Segment] = []
    position = 0
    for start, end in matches(text) if matches else []:
        cut += _names(text[position:start])
        cut.append(("m", text[start:end]))
        position = end
    return cut + _names(text[position:])


def _names(text: str) -> list[Segment]:
    cut: list[Segment] = []
    position = 0
    for found in _NAME.finditer(text):
        cut += [("", text[position : found.start()]), ("k", found[0])]
        position = found.end()
    cut.append(("", text[position:]))
    return [each for each in cut if each[1]]


def marked(text: str, matches: Matches | None) -> list[html.Span | html.Mark | str]:
    """`text` as components: matches marked, names in a quieter colour."""
    made = {
        "m": lambda part: html.Mark(part),
        "k": lambda part: html.Span(part, className="ev-k"),
        "": lambda part: part,
    }
    return [made[kind](part) for kind, part in segments(text, matches)]
