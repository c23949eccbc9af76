"""The text of a pattern, and where its variable parts stand in a message."""

import re
from collections.abc import Sequence

from services.patterns.lexemes import VALUE

VARIABLE = "<*>"
"""Stands in a template's text for a part that varies."""


def template_text(keys: Sequence[str], gaps: Sequence[str]) -> str:
    """One line for people: words, punctuation and spacing as in the messages, `<*>` for each variable part."""
    pieces: list[str] = []
    for index, (key, gap) in enumerate(zip(keys, gaps, strict=True)):
        if key == VALUE and index and keys[index - 1] == VALUE:
            continue
        pieces += (gap if index else "", VARIABLE if key == VALUE else key)
    return re.sub(r"\s+", " ", "".join(pieces))


def variable_parts(template: str, message: str) -> list[tuple[int, int]] | None:
    """(start, end) of each variable part of `message`, in order; None where the template does not cover it.

    It is for showing: a template of several merged spellings need not cover each of its messages by the letter.
    """
    words = [re.sub(r"(\\\s|\s)+", r"\\s+", re.escape(each)) for each in template.split(VARIABLE)]
    found = re.fullmatch(r"\s*" + r"(.*?)".join(words) + r"\s*", message, re.DOTALL)
    return [found.span(number) for number in range(1, len(words))] if found else None


def met(
    keys: tuple[str, ...], gaps: tuple[str, ...], others: tuple[str, ...], other_gaps: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What two forms of one pattern have in common; of different lengths the shorter one is the more general."""
    if len(others) < len(keys):
        keys, gaps, others = others, other_gaps, keys
    if len(keys) == len(others):
        return tuple(a if a == b else VALUE for a, b in zip(keys, others, strict=True)), gaps
    common = set(others)
    return tuple(key if key in common else VALUE for key in keys), gaps


def aligned(general: tuple[str, ...], keys: tuple[str, ...], gaps: tuple[str, ...]) -> tuple[str, ...]:
    """The white space before each key of a form that was made from `keys` by leaving words out."""
    found, index, surplus = [], 0, len(keys) - len(general)
    for number, key in enumerate(general):
        found.append(gaps[index])
        index += 1
        behind = general[number + 1] if number + 1 < len(general) else None
        while key == VALUE and surplus and (index < len(keys) and keys[index] != behind):
            index, surplus = index + 1, surplus - 1
    return tuple(found)
