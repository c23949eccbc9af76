"""What of a record a query asks for: the fields that it names, and the places in a message that it matched."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from services.query.fields import canonical_name
from services.query.sql_texts import TEXT_LIMIT
from services.query.tokens import TOKEN, fold, tokens
from services.query.tree import (
    And,
    Exists,
    Field,
    Leaf,
    Network,
    Not,
    Or,
    Phrase,
    Query,
    Range,
    Regex,
    Span,
    Wildcard,
    Word,
)

_WILD = re.compile(r"\\(.)|(\*)|(\?)|(.)", re.DOTALL)


@dataclass(frozen=True)
class Highlight:
    """One thing to mark: folded `tokens` in a row, or one token that matches `wildcard`, or the folded `literal`."""

    tokens: tuple[str, ...] = ()
    wildcard: str = ""
    literal: str = ""


def leaves(query: Query) -> Iterator[Leaf]:
    """All leaves of a query, from left to right."""
    match query:
        case And(children) | Or(children):
            for child in children:
                yield from leaves(child)
        case Not(child):
            yield from leaves(child)
        case Leaf():
            yield query


def fields_used(query: Query) -> list[str]:
    """The fields that a query asks for, by their shortest names, in order, each once; bare words ask for `message`."""
    used: dict[str, None] = {}
    for leaf in leaves(query):
        match leaf:
            case Word() | Phrase():
                used["message"] = None
            case Field(name) | Wildcard(name) | Regex(name) | Range(name) | Exists(name) | Network(name):
                used[canonical_name(name)] = None
    return list(used)


def highlights(query: Query) -> list[Highlight]:
    """What to mark in the messages that `query` matches, each once.

    Words, phrases and wildcards on the message. Nothing that stands under a NOT. No regexes: they are RE2's, and
    Python's `re` both reads some of them otherwise and may take seconds for one message.
    """
    return list(dict.fromkeys(_wanted(query)))


def _wanted(query: Query) -> Iterator[Highlight]:
    match query:
        case And(children) | Or(children):
            for child in children:
                yield from _wanted(child)
        case Word(text) | Phrase(text):
            yield from _of_text(text)
        case Field(name, text) if canonical_name(name) == "message":
            yield from _of_text(text)
        case Wildcard(name, pattern) if canonical_name(name) == "message":
            yield Highlight(wildcard=fold(pattern))


def _of_text(text: str) -> Iterator[Highlight]:
    words = tokens(text)
    if words:
        yield Highlight(tokens=tuple(words))
    elif text.strip():
        yield Highlight(literal=fold(text.strip()))


def spans(query: Query, message: str) -> list[Span]:
    """Where `query` matched in a message: (start, end) in characters, in order, joined where they touch each other.

    Words beyond the first 32,768 characters are not searched, and not marked.
    """
    return spans_of(highlights(query), message)


def spans_of(wanted: list[Highlight], message: str) -> list[Span]:
    """As `spans`, for many messages of one query."""
    if not wanted:
        return []
    text = _Text(message)
    found = [span for each in wanted for span in text.find(each)]
    return _joined(sorted(found))


class _Text:
    """A message, cut into tokens once."""

    def __init__(self, message: str):
        self.folded = fold(message[:TEXT_LIMIT])
        self.tokens = [(found.start(), found.end(), found[0]) for found in TOKEN.finditer(self.folded)]
        self.places: dict[str, list[int]] = defaultdict(list)
        for at, (_, _, token) in enumerate(self.tokens):
            self.places[token].append(at)

    def find(self, wanted: Highlight) -> Iterator[Span]:
        if wanted.tokens:
            yield from self._in_a_row(wanted.tokens)
        elif wanted.wildcard:
            matches = _Glob(wanted.wildcard)
            places = [at for token, found in self.places.items() if matches(token) for at in found]
            yield from (self.tokens[at][:2] for at in places)
        else:
            yield from self._literal(wanted.literal)

    def _in_a_row(self, words: tuple[str, ...]) -> Iterator[Span]:
        """Looks where the rarest of the words stands."""
        rarest = min(range(len(words)), key=lambda at: len(self.places.get(words[at], ())))
        for place in self.places.get(words[rarest], ()):
            first = place - rarest
            row = self.tokens[first : first + len(words)] if first >= 0 else []
            if tuple(token for _, _, token in row) == words:
                yield row[0][0], row[-1][1]

    def _literal(self, literal: str) -> Iterator[Span]:
        start = self.folded.find(literal)
        while start >= 0:
            yield start, start + len(literal)
            start = self.folded.find(literal, start + len(literal))


class _Glob:
    """Whether a token matches a wildcard pattern: each piece between stars at its first place, so time stays linear."""

    def __init__(self, pattern: str):
        pieces = [""]
        for escaped, star, one, plain in _WILD.findall(pattern):
            if star:
                pieces.append("")
            else:
                pieces[-1] += "." if one else re.escape(escaped or plain)
        self.first, *self.middle = [re.compile(piece, re.DOTALL) for piece in pieces]

    def __call__(self, token: str) -> bool:
        start = self.first.match(token)
        if start is None:
            return False
        if not self.middle:
            return start.end() == len(token)
        at = start.end()
        *between, last = self.middle
        for piece in between:
            found = piece.search(token, at)
            if found is None:
                return False
            at = found.end()
        return self._ends_with(last, token, at)

    @staticmethod
    def _ends_with(piece: re.Pattern[str], token: str, at: int) -> bool:
        """A piece is as long as its match is: every `.` and character stands for one."""
        length = len(re.sub(r"\\(.)", r"\1", piece.pattern, flags=re.DOTALL))
        return len(token) - length >= at and piece.fullmatch(token, len(token) - length) is not None


def _joined(found: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in found:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
