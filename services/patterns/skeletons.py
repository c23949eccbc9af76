"""Finds values that vary at several places at once: user, host and file of one sentence.

Forms whose words of grammar, of outcome and of naming stand alike share a skeleton. A place of it that has seen very
many words takes any word. As the words seen only grow, the order of arrival does not matter.
"""

from collections.abc import Iterator

from services.patterns.positions import Keys, is_word, words_asked

MANY = 16
"""So many words at a place of one skeleton make it take any word ..."""
MANY_WITHOUT_HOLD = 64
"""... or so many, where fewer than `HOLD` words of the skeleton are fixed: text that is hardly a sentence."""
HOLD = 3


class _Skeleton:
    __slots__ = ("forms", "groups", "many", "words")

    def __init__(self, fixed: int, indices: tuple[int, ...]) -> None:
        self.many = MANY if fixed >= HOLD else MANY_WITHOUT_HOLD
        self.words: dict[int, set[str] | None] = {index: set() for index in indices}
        self.forms: list[int] = []
        self.groups: dict[Keys, int] = {}

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
        self._skeletons: dict[Keys, _Skeleton] = {}

    def add(self, form: int, keys: Keys, known: list[Keys]) -> Iterator[tuple[int, int]]:
        """Pairs of forms that belong together now that `form` is there; `known` holds the keys of all forms."""
        indices = tuple(index for index, asked in words_asked(keys).items() if asked and index)
        if not indices:
            return
        skeleton = self._skeleton(keys, indices)
        skeleton.forms.append(form)
        if skeleton.sees(keys):
            skeleton.groups.clear()
            for each in skeleton.forms:
                yield each, skeleton.group(each, known[each])
        else:
            yield form, skeleton.group(form, keys)

    def _skeleton(self, keys: Keys, indices: tuple[int, ...]) -> _Skeleton:
        words = set(indices)
        outline = tuple("" if index in words else key for index, key in enumerate(keys))
        if outline not in self._skeletons:
            fixed = sum(1 for key in outline if is_word(key))
            self._skeletons[outline] = _Skeleton(fixed, indices)
        return self._skeletons[outline]
