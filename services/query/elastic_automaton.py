"""What it takes to make a pattern deterministic: Lucene does so before it reads a term, and gives up where it is too much.

Glushkov's automaton (The abstract theory of automata, 1961): a state for each character of the pattern, no empty steps. The
subset construction is then walked, and counted, until it is done or too large. Lucene's limit is 100,000
(`Operations.determinize` with 10,000, times ten); ours leaves room, because Lucene works on bytes in the end.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

from services.query.elastic_regex import Characters, Either, Node, Repeat, Sequence

MAX_EFFORT = 3_000
"""Members of all sets of states."""

MAX_STATES = 400

_REPEATED_BY_HAND = 1_000


class TooComplex(ValueError):
    """The pattern has too many states."""


@dataclass
class _Piece:
    is_empty: bool
    first: frozenset[int]
    last: frozenset[int]


@dataclass
class _Automaton:
    characters: list[Characters] = field(default_factory=list)
    follow: list[set[int]] = field(default_factory=list)

    def add(self, node: Node) -> _Piece:
        """The states of a node. Raises `TooComplex`."""
        match node:
            case Characters():
                return self._character(node)
            case Sequence(items):
                found = _Piece(True, frozenset(), frozenset())
                for item in items:
                    found = self._joined(found, self.add(item))
                return found
            case Either(branches):
                parts = [self.add(branch) for branch in branches]
                firsts, lasts = (
                    frozenset().union(*each) for each in ([p.first for p in parts], [p.last for p in parts])
                )
                return _Piece(any(part.is_empty for part in parts), firsts, lasts)
            case Repeat(item, low, high):
                return self._repeated(item, low, high)
        raise TooComplex(type(node).__name__)

    def _character(self, node: Characters) -> _Piece:
        if len(self.characters) >= MAX_STATES:
            raise TooComplex("too many characters")
        self.characters.append(node)
        self.follow.append(set())
        state = frozenset([len(self.characters) - 1])
        return _Piece(False, state, state)

    def _joined(self, one: _Piece, other: _Piece) -> _Piece:
        for state in one.last:
            self.follow[state] |= other.first
        first = one.first | other.first if one.is_empty else one.first
        last = one.last | other.last if other.is_empty else other.last
        return _Piece(one.is_empty and other.is_empty, first, last)

    def _repeated(self, item: Node, low: int, high: int | None) -> _Piece:
        found = _Piece(True, frozenset(), frozenset())
        for _ in range(min(low if high is not None else max(low - 1, 0), _REPEATED_BY_HAND)):
            found = self._joined(found, self.add(item))
        if high is None:
            part = self.add(item)
            for state in part.last:
                self.follow[state] |= part.first
            return self._joined(found, _Piece(part.is_empty or low == 0, part.first, part.last))
        for _ in range(min(high - low, _REPEATED_BY_HAND)):
            part = self.add(item)
            found = self._joined(found, _Piece(True, part.first, part.last))
        return found


def is_simple(node: Node) -> bool:
    """Whether Lucene makes the pattern deterministic without giving up."""
    automaton = _Automaton()
    try:
        start = automaton.add(node)
    except TooComplex:
        return False
    return _effort(automaton, start.first) < MAX_EFFORT


def _effort(automaton: _Automaton, first: frozenset[int]) -> int:
    steps = _steps(automaton)
    seen = {first}
    waiting = [first]
    effort = 0
    while waiting and effort < MAX_EFFORT:
        states = waiting.pop()
        effort += len(states) + 1
        for members in steps:
            entered = states & members
            following = frozenset().union(*(automaton.follow[state] for state in entered)) if entered else entered
            if following and following not in seen:
                seen.add(following)
                waiting.append(following)
    return effort


def _steps(automaton: _Automaton) -> list[frozenset[int]]:
    """For each kind of character the states that take it; kinds that no state tells apart are one."""
    edges = sorted({edge for each in automaton.characters for low, high in each.ranges for edge in (low, high + 1)})
    members: list[set[int]] = [set() for _ in edges]
    for state, each in enumerate(automaton.characters):
        for low, high in each.ranges:
            for kind in range(bisect_right(edges, low) - 1, bisect_right(edges, high)):
                members[kind].add(state)
    return list({frozenset(each) for each in members if each})
