"""Query trees of every kind for property tests, made of what `random_records` puts into records."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from services.model import LEVELS
from services.query.fields import MAX_PATH_PARTS, Kind, resolve
from services.query.tree import (
    And,
    Exists,
    Field,
    MatchAll,
    Network,
    Not,
    Or,
    Phrase,
    Query,
    Range,
    Regex,
    Wildcard,
    Word,
)
from tests.services.query.random_records import ADDRESSES, GLUE, KEYS, NUMBERS, SERVICES, TEXTS, WORDS

LEVEL_WORDS = (*LEVELS, "WARN", "fatal", "Err")
TIMES = (
    *("2026-03-01", "2026-03-03", "2026-03-01T12:00:03Z", "2026-03-01T12:00:00+00:00", "2026-03-02T01:00:00+01:00"),
    *("2026-03-01T12:00:02.5Z", "0001-01-01", "9999-12-31", "2026-03-01T12:00:03"),
)
NETWORKS = (
    *("10.0.0.0/8", "10.1.2.0/24", "10.1.2.3/32", "0.0.0.0/0", "192.168.0.0/13", "10.128.0.0/9", "10.1.2.2/31"),
    *("::/0", "2001:db8::/32", "fe80::/10", "::1/128", "::/96", "::ffff:0:0/96", "fc00::/7", "1::/17"),
)
TEXT_COLUMNS = ("message", "message", "raw", "problem")
KEYWORDS = ("service", "host", "environment", "source", "trace_id", "tags", "upload_id", "span_id")
VALUES = (*NUMBERS, *TEXTS, *ADDRESSES, *(service for service in SERVICES if service is not None))


def random_tree(rng: random.Random, depth: int = 3, leaf: Callable[[random.Random], Query] | None = None) -> Query:
    """A tree of up to `depth` levels of AND, OR and NOT over leaves."""
    kind = rng.random()
    if depth == 0 or kind < 0.4:
        return (leaf or random_leaf)(rng)
    if kind < 0.55:
        return Not(random_tree(rng, depth - 1, leaf))
    children = tuple(random_tree(rng, depth - 1, leaf) for _ in range(rng.randint(2, 3)))
    return And(children) if kind < 0.8 else Or(children)


def random_leaf(rng: random.Random) -> Query:
    """A leaf of any kind on a field that takes it."""
    return rng.choice(LEAVES)(rng)


def _everything(rng: random.Random) -> Query:
    return MatchAll()


def _word(rng: random.Random) -> Query:
    return Word(rng.choice(WORDS))


def _phrase(rng: random.Random) -> Query:
    return Phrase("".join(rng.choice((*WORDS, *GLUE, *ADDRESSES[:3])) for _ in range(rng.randint(1, 4))) or "x")


def _on_text(rng: random.Random) -> Query:
    return Field(rng.choice(TEXT_COLUMNS), rng.choice((*WORDS, *GLUE)))


def _text_wildcard(rng: random.Random) -> Query:
    return Wildcard(rng.choice(TEXT_COLUMNS), wildcard(rng, rng.choice(WORDS)))


def _text_regex(rng: random.Random) -> Query:
    return Regex(rng.choice(TEXT_COLUMNS), regex(rng))


def _field(rng: random.Random) -> Query:
    return Field(name(rng), rng.choice(VALUES))


def _wildcard(rng: random.Random) -> Query:
    return Wildcard(name(rng), wildcard(rng, rng.choice(VALUES)))


def _regex(rng: random.Random) -> Query:
    return Regex(name(rng), regex(rng))


def _range(rng: random.Random) -> Query:
    texts = [
        each for each in VALUES if each not in NUMBERS and not each.isdigit() and not each.startswith(("0.1", "01"))
    ]
    return _bounded(rng, name(rng), rng.choice((NUMBERS, texts)))


def _exists(rng: random.Random) -> Query:
    return Exists(rng.choice((name(rng), path(rng), "message", "raw", "level", "id", "timestamp")))


def _network(rng: random.Random) -> Query:
    return Network(name(rng), rng.choice(NETWORKS))


def _level(rng: random.Random) -> Query:
    word = rng.choice(LEVEL_WORDS)
    at = rng.choice(("level", "log.level"))
    return rng.choice(
        (
            Field(at, word),
            _bounded(rng, at, LEVEL_WORDS),
            Wildcard(at, wildcard(rng, word)),
            Regex(at, rng.choice(("err", "^(info|warning)$", "[aeiou]{2}", "n", "ERROR", "x"))),
        )
    )


def _time(rng: random.Random) -> Query:
    return rng.choice((Field("@timestamp", rng.choice(TIMES[:6])), _bounded(rng, "timestamp", TIMES)))


LEAVES = (
    *(_everything, _word, _word, _phrase, _phrase, _on_text, _text_wildcard, _text_wildcard, _text_regex, _field),
    *(_field, _field, _wildcard, _wildcard, _regex, _regex, _range, _range, _exists, _network, _level, _time),
)


def _bounded(rng: random.Random, at: str, bounds: Sequence[str]) -> Query:
    low, high = rng.choice(((True, True), (True, False), (False, True)))
    options: dict[str, Any] = {"includes_low": rng.random() < 0.5, "includes_high": rng.random() < 0.5}
    return Range(at, rng.choice(bounds) if low else None, rng.choice(bounds) if high else None, **options)


def name(rng: random.Random) -> str:
    """A keyword column, the tags, or a path of the attributes."""
    return rng.choice(KEYWORDS) if rng.random() < 0.35 else path(rng)


def path(rng: random.Random) -> str:
    """A path into the attributes."""
    joined = ".".join(rng.choice(KEYS) for _ in range(rng.choice((1, 1, 2, 3))))
    joined = ".".join(joined.split(".")[:MAX_PATH_PARTS])
    return joined if joined and resolve(joined).kind is Kind.ATTRIBUTE else "attributes." + joined


def wildcard(rng: random.Random, text: str) -> str:
    """A pattern that some change of the text makes; it may match it."""
    pieces = [rng.choice(("\\", "")) + c if c in "*?\\" else c for c in text[:20]]
    for _ in range(rng.randint(1, 2)):
        start = rng.randint(0, len(pieces))
        end = min(len(pieces), start + rng.choice((0, 1, 1, 2, 20)))
        pieces[start:end] = rng.choice(("*", "*", "?", "**", "?*"))
    return "".join(pieces) if any(piece in ("*", "?") for piece in pieces) else "".join(pieces) + "*"


def regex(rng: random.Random) -> str:
    """A pattern that RE2 and Python's `re` (after `reference.python_regex`) read alike."""
    inner = "".join(_atom(rng, 2) for _ in range(rng.randint(1, 3)))
    return rng.choice(("", "", "^")) + inner + rng.choice(("", "", "$"))


def _atom(rng: random.Random, depth: int) -> str:
    kinds = (
        "x",
        "e",
        "r",
        "1",
        "0",
        "42",
        "user",
        "\\.",
        "-",
        " ",
        "é",
        "日",
        ".",
        "[a-f]",
        "[^a-z]",
        "[0-9]",
        "\\d",
        "\\w",
        "\n",
    )
    atom = rng.choice(kinds)
    if depth and rng.random() < 0.2:  # never repeated: Python's time for that has no bound
        return (
            "(?:" + _atom(rng, depth - 1) + rng.choice(("", "|")) + _atom(rng, depth - 1) + ")" + rng.choice(("", "?"))
        )
    if atom in ("user", "42"):
        return atom
    unbounded = ("*", "+", "*?") if atom in ("x", "e", "r", "1", "0", "-") else ()  # no long text repeats these
    return atom + rng.choice(("", "", "", "?", "{2}", "{1,3}", "{0,4}", *unbounded))
