"""Groups distinct shapes into patterns with stable ids.

After Drain (He et al., ICWS 2017) in that a tree of templates grows line by line; unlike it, what belongs together does
not depend on the order of arrival: every form is filed under itself with one word left out, and where such a place
holds enough different forms, that word is a value and they are one pattern. Groups only ever grow together.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.patterns.lexemes import VALUE, form_of
from services.patterns.positions import ENOUGH, Keys, Place, places, words_asked
from services.patterns.skeletons import Skeletons
from services.patterns.template import aligned, met, template_text

VERSION = 1
"""Changes whenever the same shapes would be grouped otherwise."""

_SETTLED = 128
_FLAGS = 256


class PatternRow(NamedTuple):
    """What is kept of a pattern: its id, its text, and the lower id that took its place (None while it is alive)."""

    id: int
    template: str
    merged_into: int | None = None


class _Group:
    """Forms of one pattern. `keys` and `gaps` are what its members have in common; `seen` is false while it holds
    nothing but a generalisation, which is no member."""

    __slots__ = ("gaps", "id", "keys", "seen")

    def __init__(self, keys: Keys, gaps: tuple[str, ...], seen: bool) -> None:
        self.id = 0
        self.keys = keys
        self.gaps = gaps
        self.seen = seen

    def take(self, other: "_Group") -> None:
        """Become what both have in common."""
        if self.seen and other.seen:
            self.keys, self.gaps = met(self.keys, self.gaps, other.keys, other.gaps)
        elif other.seen:
            self.keys, self.gaps, self.seen = other.keys, other.gaps, True


class PatternTree:
    """The patterns of one organisation. Not for use by several threads at once.

    Everything it knows follows from the shapes and their ids: whoever keeps those keeps the tree. After a failed write
    of `assign`'s answer, throw the tree away and restore it.
    """

    def __init__(self) -> None:
        self._merged: dict[int, int] = {}
        self._last_id = 0
        self._changed: set[int] = set()
        self._forms_by_id: dict[int, int] = {}
        self._skeletons = Skeletons()
        self._unseen: set[int] = set()
        self._forms: dict[Keys, int] = {}
        self._keys: list[Keys] = []
        self._parents: list[int] = []
        self._groups: dict[int, _Group] = {}
        self._places: dict[int, int | list[int]] = {}

    @classmethod
    def restore(
        cls, rows: Iterable[PatternRow], shapes: Iterable[tuple[str, int]], together: bool = True
    ) -> "PatternTree":
        """The tree that gave these ids. `rows` are all that `changed` ever told, the latest of each id; `shapes` are the
        distinct shapes that are still there, each with its pattern id, in any order.

        Shapes of one id stay together even if what brought them together is gone. With `together=False` they are
        grouped anew, as a tree of another `VERSION` would: each id stays with most of its shapes. Ask `assign` for the
        new ids of all shapes then, and write them and `changed` down.
        """
        tree = cls()
        for row in rows:
            tree._last_id = max(tree._last_id, row.id)
            if row.merged_into is not None and row.merged_into < row.id:
                tree._merged[row.id] = row.merged_into
        known = [(tree._insert_shape(shape), tree.surviving(number)) for shape, number in shapes]
        tree._last_id = max([tree._last_id, *(number for _, number in known)])
        if together:
            tree._keep_together(known)
        else:
            tree._give_ids_to_most(known)
        return tree

    @property
    def merged(self) -> dict[int, int]:
        """Every id that was merged away → the id under which its pattern lives now."""
        return {number: self.surviving(number) for number in self._merged}

    def surviving(self, number: int) -> int:
        """The id under which a pattern lives now, for any id ever given."""
        last = number
        while last in self._merged:
            last = self._merged[last]
        while number != last:
            self._merged[number], number = last, self._merged[number]
        return last

    def changed(self) -> list[PatternRow]:
        """The rows that are new or different since the last call, by id; those merged away say into which."""
        numbers, self._changed = sorted(self._changed), set()
        return [self._row(number) for number in numbers]

    def patterns(self) -> list[PatternRow]:
        """All patterns that are alive, by id."""
        return [self._row(number) for number in sorted(self._forms_by_id) if number not in self._merged]

    def _row(self, number: int) -> PatternRow:
        survivor = self.surviving(number)
        group = self._groups[self._root(self._forms_by_id[survivor])]
        return PatternRow(number, template_text(group.keys, group.gaps), None if survivor == number else survivor)

    def _keep_together(self, known: list[tuple[int, int]]) -> None:
        firsts: dict[int, int] = {}
        for form, number in known:
            self._unite(form, firsts.setdefault(number, form))
        for number, form in sorted(firsts.items()):
            self._name(self._groups[self._root(form)], number, form)

    def _give_ids_to_most(self, known: list[tuple[int, int]]) -> None:
        counts = Counter((number, self._root(form)) for form, number in known)
        owners: dict[int, int] = {}
        for (number, root), _ in counts.most_common():
            owners.setdefault(number, root)
        for number, root in sorted(owners.items()):
            self._name(self._groups[root], number, root)

    def _name(self, group: _Group, number: int, form: int) -> None:
        self._forms_by_id[number] = form
        if not group.id:
            group.id = number
        elif group.id != number:
            self._merge_ids(number, group.id)
            self._changed.add(group.id)

    def assign(self, shapes: Sequence[str]) -> list[int]:
        """The pattern id of each shape, in their order; new patterns get the next ids.

        Ids given earlier may have been merged by this call: see `merged` and `changed`.
        """
        forms = [self._insert_shape(shape) for shape in shapes]
        return [self._id_of(form) for form in forms]

    def _insert_shape(self, shape: str) -> int:
        keys, gaps = form_of(shape)
        known = self._forms.get(keys)
        if known is None:
            return self._insert(tuple(map(sys.intern, keys)), gaps)
        if known in self._unseen:
            self._unseen.remove(known)
            self._groups[self._root(known)].take(_Group(keys, gaps, seen=True))
        return known

    def _insert(self, keys: Keys, gaps: tuple[str, ...]) -> int:
        first = self._add(keys, gaps, seen=True)
        waiting = [first]
        while waiting:
            waiting += self._file(waiting.pop())
        return first

    def _add(self, keys: Keys, gaps: tuple[str, ...], seen: bool) -> int:
        form = len(self._parents)
        self._forms[keys] = form
        self._parents.append(form)
        self._keys.append(keys)
        self._groups[form] = _Group(keys, gaps, seen)
        return form

    def _file(self, form: int) -> list[int]:
        """File a form under each of its generalisations; the new forms that come of it."""
        keys, made = self._keys[form], []
        for index in (-1, *(index for index, key in enumerate(keys) if key == VALUE)):
            place = hash((keys, index))
            if any(each & _SETTLED for each in self._members(place)):
                made += self._fire(place, keys, form)
        asked = words_asked(keys)
        for each in places(keys, asked):
            made += self._file_at(each, form)
        for one, other in self._skeletons.add(form, asked, self._keys):
            self._unite(one, other)
        return made

    def _file_at(self, where: Place, form: int) -> list[int]:
        general = where.keys
        place = hash((general, where.at))
        held = self._places.get(place)
        if isinstance(held, int) and held < 0:
            self._unite(form, ~held)
            return []
        members = [*self._members(place), form * _FLAGS + where.evidence + (_SETTLED if where.settled_by_value else 0)]
        self._places[place] = members if len(members) > 1 else members[0]
        known = where.settled_by_value and general in self._forms
        if known or sum(each % _SETTLED for each in members) >= ENOUGH:
            return self._fire(place, general, form)
        return []

    def _fire(self, place: int, general: Keys, form: int) -> list[int]:
        """What is filed at a place is one pattern: its general form."""
        target, made = self._forms.get(general), []
        if target is None:
            gaps = aligned(general, self._keys[form], self._gaps_of(form))
            target = self._add(general, gaps, seen=False)
            self._unseen.add(target)
            made.append(target)
        members, self._places[place] = self._members(place), ~target
        for each in members:
            self._unite(each // _FLAGS, target)
        return made

    def _members(self, place: int) -> list[int]:
        held = self._places.get(place)
        if isinstance(held, list):
            return held
        return [] if held is None or held < 0 else [held]

    def _gaps_of(self, form: int) -> tuple[str, ...]:
        gaps = self._groups[self._root(form)].gaps
        count = len(self._keys[form])
        return gaps if len(gaps) == count else tuple(" " for _ in range(count))

    def _root(self, form: int) -> int:
        parents = self._parents
        while parents[form] != form:
            parents[form] = parents[parents[form]]
            form = parents[form]
        return form

    def _unite(self, one: int, other: int) -> None:
        one, other = self._root(one), self._root(other)
        if one == other:
            return
        if self._rank(other) < self._rank(one):
            one, other = other, one
        self._parents[other] = one
        group, gone = self._groups[one], self._groups.pop(other)
        group.take(gone)
        if gone.id:
            self._merge_ids(gone.id, group.id)
        if group.id:
            self._changed.add(group.id)

    def _rank(self, root: int) -> tuple[float, int]:
        return (self._groups[root].id or float("inf"), root)

    def _merge_ids(self, gone: int, kept: int) -> None:
        self._merged[gone] = kept
        self._changed.add(gone)

    def _id_of(self, form: int) -> int:
        group = self._groups[self._root(form)]
        if not group.id:
            self._last_id += 1
            self._name(group, self._last_id, form)
            self._changed.add(group.id)
        return group.id
