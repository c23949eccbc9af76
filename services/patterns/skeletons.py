"""Finds values that vary at several places at once: user, host and file of one sentence.

Forms whose words of grammar, of outcome and of naming stand alike share a skeleton. A place of it that has seen very
many words takes any word. As the words seen only grow, the order of arrival does not matter.
"""

from collections.abc import Iterator, Mapping

from services.patterns.lexemes import VALUE
from services.patterns.positions import Keys, is_word

MANY = 16
"""So many words at a place of one skeleton make it take any word ..."""
MANY_WITHOUT_HOLD = 64
"""... or so many, where fewer than `HOLD` words of the skeleton are fixed: text that is hardly a sentence."""
HOLD = 3


class _Skeleton:
    __slots__ = ("forms", "groups", "many", "words")

    def __init__(self, outline: Keys) -> None:
        self.many = MANY if sum(map(is_word, outline)) >= HOLD else MANY_WITHOUT_HOLD
        self.words: dict[int, set[str] | None] = {index: set() for index, key in enumerate(outline) if not key}
        self.forms: list[int] = []
        self.groups: dict[Keys, int] = {}

    def add(self, form: int, known: list[Keys]) -> Iterator[tuple[int, int]]:
        """Pairs of forms that belong together now."""
        self.forms.append(form)
        if not self.sees(known[form]):
            yield form, self.group(form, known[form])
            return
        self.groups.clear()
        for each in self.forms:
            yield each, self.group(each, known[each])

    def sees(self, keys: Keys) -> bool:
        """Take note of the words; true when a place takes any word from now on."""
        opened = False
        for index, words in self.words.items():
            if words is not None:
                words.add(keys[index])
                if len(words) >= self.many:
                    self.words[index], opened = None, True
        return opened

    def group(self, form: int, keys: Keys) -> int:
        """The first form that is alike in all words but those of the open places."""
        if all(words is not None for words in self.words.values()):
            return form
        rest = tuple(key for index, key in enumerate(keys) if self.words.get(index, keys) is not None)
        return self.groups.setdefault(rest, form)


class Skeletons:
    """All skeletons of a tree."""

    def __init__(self) -> None:
        self._skeletons: dict[int, int | _Skeleton] = {}

    def add(self, form: int, asked: Mapping[int, int], known: list[Keys]) -> Iterator[tuple[int, int]]:
        """Pairs of forms that belong together now that `form` is there, which may hold values at `asked`;
        `known` holds the keys of all forms."""
        outline = _outline(known[form], asked)
        found = self._skeletons.setdefault(hash(outline), form)
        if found == form:
            return
        if isinstance(found, int):
            self._skeletons[hash(outline)] = skeleton = _Skeleton(outline)
            yield from skeleton.add(found, known)
        else:
            skeleton = found
        yield from skeleton.add(form, known)


def _outline(keys: Keys, asked: Mapping[int, int]) -> Keys:
    return tuple("" if key == VALUE or (index and index in asked) else key for index, key in enumerate(keys))
