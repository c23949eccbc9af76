"""The part of RE2's syntax (https://github.com/google/re2/wiki/Syntax) that can be said to Lucene, as a small tree.

What is not read (flags but at the beginning, `\\Q`, classes with names, octal escapes) raises `Unreadable`; what is read but
has no counterpart is `Opaque`: it may match anything, also nothing. Patterns are known to be RE2's before they come here.
"""

import re
from dataclasses import dataclass

from services.query.tokens import fold

LAST = 0x10FFFF
_MAX_NESTING = 40
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_GROUP = re.compile(r"\((?:\?:|\?P?<[A-Za-z_0-9]+>|(?!\?))")
_FLAGS = re.compile(r"\(\?([ismU]+)\)")
_COUNTED = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
_HEX = re.compile(r"\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_PROPERTY = re.compile(r"\\[pP](?:[A-Z]|\{\^?\w+\})")


_CASES = 3
"""Characters that are one in another case, at most: k, K and the sign of Kelvin."""

_OTHER_CASES = {"k": "\u212a", "s": "\u017f"}
"""Beyond ASCII, of ASCII letters (Unicode's CaseFolding.txt, simple folding)."""


class Unreadable(ValueError):
    """The pattern holds something that is not read here."""


@dataclass(frozen=True)
class Node:
    """A piece of a pattern."""


@dataclass(frozen=True)
class Characters(Node):
    """One character of the ranges, which are sorted and do not touch."""

    ranges: tuple[tuple[int, int], ...]

    @property
    def only(self) -> str | None:
        """The character, where it is one."""
        (low, high), *others = self.ranges or ((0, 1),)
        return chr(low) if low == high and not others else None

    @property
    def folded(self) -> str | None:
        """The character in lower case, where all are one in lower case."""
        if len(self.ranges) > _CASES or any(low != high for low, high in self.ranges):
            return None
        found = {fold(chr(low)) for low, _ in self.ranges}
        return found.pop() if len(found) == 1 else None


@dataclass(frozen=True)
class Sequence(Node):
    """One after another; of no items nothing."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Either(Node):
    """One of the branches."""

    branches: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat(Node):
    """From `low` to `high` times, None for any number."""

    item: Node
    low: int
    high: int | None


@dataclass(frozen=True)
class Start(Node):
    """`^`."""


@dataclass(frozen=True)
class End(Node):
    """`$`."""


@dataclass(frozen=True)
class Opaque(Node):
    """Something else: nobody knows what it matches."""


ANY = Characters(((0, LAST),))
NOT_NEWLINE = Characters(((0, 9), (11, LAST)))
ANYTHING = Repeat(ANY, 0, None)


def one_of(ranges: list[tuple[int, int]], *, negated: bool = False) -> Characters:
    """The characters of the ranges, or all others."""
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    if not negated:
        return Characters(tuple(joined))
    edges = [-1, *(edge for pair in joined for edge in pair), LAST + 1]
    gaps = [(edges[at] + 1, edges[at + 1] - 1) for at in range(0, len(edges), 2)]
    return Characters(tuple((low, high) for low, high in gaps if low <= high))


_DIGITS = [(48, 57)]
_WORD = [*_DIGITS, (65, 90), (95, 95), (97, 122)]
_SPACES = [(9, 10), (12, 13), (32, 32)]
_CLASSES = {"d": one_of(_DIGITS), "w": one_of(_WORD), "s": one_of(_SPACES)}
_CLASSES |= {name.upper(): one_of(list(each.ranges), negated=True) for name, each in _CLASSES.items()}


def read(pattern: str) -> Node:
    """The tree of a pattern that RE2 takes. Raises `Unreadable`."""
    flags = _FLAGS.match(pattern)
    reader = _Reader(pattern, "" if flags is None else flags[1])
    reader.at = 0 if flags is None else flags.end()
    node = reader.either(0)
    if reader.at < len(pattern):
        raise Unreadable(pattern)
    return node


def literal(text: str) -> Sequence:
    """The characters of a text."""
    return Sequence(tuple(Characters(((ord(each), ord(each)),)) for each in text))


class _Reader:
    def __init__(self, pattern: str, flags: str):
        self.pattern = pattern
        self.at = 0
        self._ignores_case = "i" in flags
        self._is_by_line = "m" in flags
        self._dot = ANY if "s" in flags else NOT_NEWLINE

    def either(self, nesting: int) -> Node:
        if nesting > _MAX_NESTING:
            raise Unreadable(self.pattern)
        branches = [self._sequence(nesting)]
        while self.pattern[self.at : self.at + 1] == "|":
            self.at += 1
            branches.append(self._sequence(nesting))
        return branches[0] if len(branches) == 1 else Either(tuple(branches))

    def _sequence(self, nesting: int) -> Node:
        items: list[Node] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            items.append(self._repeated(self._atom(nesting)))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _repeated(self, node: Node) -> Node:
        while True:
            counted = _COUNTED.match(self.pattern, self.at)
            if counted:
                low = int(counted[1])
                high = None if counted[2] and not counted[3] else int(counted[3] or low)
                node, self.at = Repeat(node, low, high), counted.end()
            elif self.pattern[self.at : self.at + 1] in ("*", "+", "?"):
                sign = self.pattern[self.at]
                node, self.at = Repeat(node, int(sign == "+"), 1 if sign == "?" else None), self.at + 1
            else:
                return node
            if self.pattern[self.at : self.at + 1] == "?":  # prefers fewer, which does not change what matches
                self.at += 1

    def _atom(self, nesting: int) -> Node:
        character = self.pattern[self.at]
        if character == "(":
            return self._group(nesting)
        if character == "[":
            return self._class()
        if character == "\\":
            return self._escape()
        self.at += 1
        if character in "^$":
            return Opaque() if self._is_by_line else Start() if character == "^" else End()
        return self._dot if character == "." else self._single(character)

    def _group(self, nesting: int) -> Node:
        opening = _GROUP.match(self.pattern, self.at)
        if opening is None:
            raise Unreadable(self.pattern)
        self.at = opening.end()
        node = self.either(nesting + 1)
        if self.pattern[self.at : self.at + 1] != ")":
            raise Unreadable(self.pattern)
        self.at += 1
        return node

    def _escape(self) -> Node:
        named = _PROPERTY.match(self.pattern, self.at)
        if named:
            self.at = named.end()
            return Opaque()
        following = self.pattern[self.at + 1 : self.at + 2]
        if following in _CLASSES:
            self.at += 2
            return Opaque() if self._ignores_case and following in "wW" else _CLASSES[following]
        if following in ("b", "B", "A", "z"):
            self.at += 2
            return Opaque()
        return self._single(self._escaped())

    def _escaped(self) -> str:
        """The single character that an escape stands for."""
        code = _HEX.match(self.pattern, self.at)
        if code:
            self.at = code.end()
            return chr(int(code[1] or code[2], 16))
        following = self.pattern[self.at + 1 : self.at + 2]
        self.at += 2
        if following in _CONTROLS:
            return _CONTROLS[following]
        if not following or following.isalnum() or not following.isascii():
            raise Unreadable(self.pattern)
        return following

    def _class(self) -> Node:
        self.at += 1
        negated = self.pattern[self.at : self.at + 1] == "^"
        self.at += negated
        ranges: list[tuple[int, int]] = []
        is_first = True
        while is_first or self.pattern[self.at : self.at + 1] != "]":
            ranges += self._class_item()
            is_first = False
        self.at += 1
        return Opaque() if self._ignores_case else one_of(ranges, negated=negated)

    def _class_item(self) -> list[tuple[int, int]]:
        if self.pattern[self.at : self.at + 2] == "[:" or _PROPERTY.match(self.pattern, self.at):
            raise Unreadable(self.pattern)
        if self.pattern[self.at : self.at + 1] == "\\" and self.pattern[self.at + 1 : self.at + 2] in _CLASSES:
            self.at += 2
            return list(_CLASSES[self.pattern[self.at - 1]].ranges)
        low = self._class_character()
        following = self.pattern[self.at : self.at + 2]
        if following[:1] == "-" and following != "-]" and len(following) == 2:
            self.at += 1
            return [(ord(low), ord(self._class_character()))]
        return [(ord(low), ord(low))]

    def _class_character(self) -> str:
        character = self.pattern[self.at : self.at + 1]
        if character == "\\":
            return self._escaped()
        if not character:
            raise Unreadable(self.pattern)
        self.at += 1
        return character

    def _single(self, character: str) -> Node:
        if not self._ignores_case or character.lower() == character.upper():
            return one_of([(ord(character), ord(character))])
        if not character.isascii():
            return Opaque()
        cases = character.lower() + character.upper() + _OTHER_CASES.get(character.lower(), "")
        return one_of([(ord(each), ord(each)) for each in cases])
