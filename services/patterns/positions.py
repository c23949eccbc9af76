"""Which words of a form may turn out to be values, and how much evidence each occurrence is."""

import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from services.patterns import vocabulary
from services.patterns.lexemes import VALUE

ENOUGH = 120
"""Evidence that makes a position variable: the sum over the distinct words seen there while all else was equal."""

WORDS = 5
"""So many distinct words make a position variable."""
CAPITALS = 10
"""The same for words in capitals and behind keys such as `action`: states and methods (GET, POST) are enumerated, and
people tell them apart."""
NAMES = 2
"""The same behind a noun such as `user`, and for units behind a number."""
LABELS = 8
"""The same before a colon, where mostly a part of the program is named."""
MIN_CONSTANTS = 2
"""With fewer constant words beside it, or at the very beginning, a position asks for twice the evidence."""
MAX_POSITIONS = 16
"""So many words of a form, from its beginning, may turn out to be values."""

Keys = tuple[str, ...]


class Place(NamedTuple):
    """A form with words left out, and where this is (-1: several); how much evidence one form filed here is, and whether a
    value seen in the same place of an equal form settles it."""

    keys: Keys
    at: int
    evidence: int
    settled_by_value: bool


def places(keys: Keys, asked: Mapping[int, int]) -> Iterator[Place]:
    """One for each word that may be a value; then one with all dotted names and values of `key=value` left out at
    once, where there are several. `asked` is that of `words_asked`."""
    constants = constants_of(keys) - 1
    if constants < 1:
        return
    for index in itertools.islice(asked, MAX_POSITIONS):
        yield _place(keys, index, asked[index], constants)
    loose = [index for index in asked if index and _is_loose(keys, index)]
    if len(loose) > 1 and constants + 1 - len(loose) >= MIN_CONSTANTS:
        for index in reversed(loose):
            keys = _without(keys, index)
        yield Place(keys, -1, ENOUGH // WORDS, True)


def words_asked(keys: Keys) -> dict[int, int]:
    """Where a value may stand instead of a word, and how many distinct words would show it."""
    return {index: count for index in range(len(keys)) if (count := _asked(keys, index))}


def _place(keys: Keys, index: int, asked: int, constants: int) -> Place:
    general = _without(keys, index)
    label = len(general) < len(keys) and asked != NAMES
    weak = label or constants < MIN_CONSTANTS or index == 0
    at = index - (keys[index - 1] == VALUE if index else 0)
    return Place(
        general,
        at,
        ENOUGH // (2 * asked if weak else asked),
        constants >= MIN_CONSTANTS and not label and asked != LABELS,
    )


def constants_of(keys: Keys) -> int:
    """How many words of a form are no values."""
    return sum(1 for key in keys if is_word(key))


def is_word(key: str) -> bool:
    """Whether a lexeme is no punctuation and no value."""
    return key.isalpha() or (len(key) > 1 and any(map(str.isalpha, key)))


def _asked(keys: Keys, index: int) -> int:
    """How many distinct words would make this position variable; 0 where none would."""
    key = keys[index]
    if not is_word(key):
        return 0
    before = keys[index - 1] if index else ""
    behind = keys[index + 1] if index + 1 < len(keys) else ""
    if key in vocabulary.UNITS and before == VALUE:
        return NAMES
    if key.lower() in vocabulary.FUNCTION_WORDS or key.lower() in vocabulary.OUTCOMES:
        return 0
    if before.lower() in vocabulary.NAMING_NOUNS and behind != "=":
        return NAMES
    if behind == "=" or (behind == "(" and before != "="):
        return 0
    if behind == ":":
        return LABELS
    tells = before in ("=", ":") and index > 1 and keys[index - 2].lower() in vocabulary.EVENT_KEYS
    return CAPITALS if tells or key.isupper() else WORDS


def _is_loose(keys: Keys, index: int) -> bool:
    if keys[index - 1] == "=" and index > 1:
        return keys[index - 2].lower() not in vocabulary.EVENT_KEYS
    return keys[index].count(".") > 1 or "$" in keys[index]


def _without(keys: Keys, index: int) -> Keys:
    first = index - 1 if index and keys[index - 1] == VALUE else index
    last = index + 2 if index + 1 < len(keys) and keys[index + 1] == VALUE else index + 1
    return (*keys[:first], VALUE, *keys[last:])
