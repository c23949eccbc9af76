"""Records of every kind for property tests: what people log, and what breaks programs."""

import json
import random
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from services.ingest.normalise import shapes
from services.model import LEVELS, LogBatch
from services.query.sql import TEXT_LIMIT
from tests.records import batch, record

# fmt: off
WORDS = (
    "error", "Timeout", "user", "42", "a1b2", "snake_case", "GET", "10", "0", "id", "x", "É", "e\u0301", "straße",
    "STRASSE", "ΣΑΣ", "σας", "İstanbul", "ıstanbul", "i", "日本語", "日本", "٣", "²", "Ⅷ", "ⅷ", "naïve", "\U0001f600",
    "ﬁne", "K", "connection", "refused", "5", "v2", "\U0001e4d0", "Ǆ", "ǆ", "c-3",
)
GLUE = (
    " ", " ", " ", ", ", "-", ".", ":", "/", "=", " -> ", "\t", "\n", '"', "'", "%", "_", "\\", "\U0001f600", "\u200d",
    "*", "?", "\u00a0", "(", ")",
)
ADDRESSES = (
    "10.1.2.3", "10.255.0.1", "11.0.0.1", "192.168.0.7", "010.1.2.3", "10.1.2.256", "10.1.2", "10.1.2.3.4", "10.1.2.3 ",
    "::ffff:10.1.2.3", "::FFFF:0a01:203", "::10.1.2.3", "0:0:0:0:0:ffff:10.1.2.3", "2001:db8::1", "2001:0DB8:0:0::1",
    "2001:db8:0:0:0:0:0:1", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "1::2:3:4:5:6:7:8", "::1::", ":1",
    "1:2:3:4:5:6:7", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "fe80::1%eth0", "fe80::1%", "fe80::1%a%b", "fe80::1%a/b",
    "fd00::12345", "10.0.0.0/8", "::ffff:10.1.2.3%eth0", "::ffff:010.1.2.3", "1:::2", "0.0.0.0", "255.255.255.255", "१.1.1.1",
)
NUMBERS = (
    "0", "-0", "0.0", "-0.0", "1", "1.0", "1.00", "1e0", "10", "1e1", "42", "42.0", "4.2e1", "4.5", "4.50", "-1", "1.5", "1e3",
    "1E3", "1000", "1e+3", "0.1e-5", "1e-6", "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740992.0",
    "100000000000000000000", "1e20", "100000000000000000000.0", "12345678901234567890123", "1e400", "-1e400", "1e-400",
    "0.1", "0.30000000000000004", "0.3", "17.25", "1.12345678901234567890",
)
"""As JSON may write them; each may also be a string."""
TEXTS = (
    "x", "a b", "é", 'q"q', "back\\slash", "true", "false", "null", "NaN", "Infinity", "", " 1", "1 ", "+1", "1.", ".5", "1_0",
    "0x10", "007", "01.5", "٣", "line\nbreak", "a/b", "A", "a", "ab", "abc", "{\"k\":1}", "[1]", "*", "a*b", "%", "_", "a%b", "\u007f",
    "1" * 400, "0." + "1" * 400, "C:\\Windows\\System32", "2026-03-01", "ÅÄ", "\U0001f600", "e1", "1e", "Web", "web", "$a^",
)
KEYS = (
    "user", "id", "user.id", "a.b", "a", "b", "é", "sp ace", "k", "0", "1", "", "*", "**", 'q"', "b\\", "/", "~", "$", "a.b.c", "[*]",
    "a.", ".a", "_",
)
SERVICES = ("web", "my shop", "Web", None, "", "a'b", 'a"b', "42", "42.0", "-0", "line\nbreak", "10.1.2.3", "fe80::1%eth0")
# fmt: on


class Number(str):
    """A number, written in JSON as it stands."""


def message(rng: random.Random) -> str:
    """Words with anything between them; now and then around the limit of what is searched, or 1 MB."""
    words = "".join(rng.choice((*WORDS, *ADDRESSES[:6])) + rng.choice(GLUE) for _ in range(rng.randint(0, 6)))
    chance = rng.random()
    if chance < 0.97:
        return words
    if chance < 0.995:
        return _around_limit(rng, words)
    return (words + " filler ") * (1_000_000 // (len(words.encode()) + 8))


def _around_limit(rng: random.Random, words: str) -> str:
    return (rng.choice(("é", "a", "5 ")) * TEXT_LIMIT)[: TEXT_LIMIT - rng.randint(1, 12)] + " " + words


def value(rng: random.Random, depth: int = 0) -> Any:
    """A JSON value; numbers as `Number`."""
    kind = rng.random()
    if kind < 0.3:
        return Number(rng.choice(NUMBERS))
    if kind < 0.65:
        return rng.choice((*TEXTS, *ADDRESSES, *NUMBERS))
    if kind < 0.75:
        return rng.choice((True, False, None))
    if kind < 0.88 or depth > 2:
        return [value(rng, depth + 1) for _ in range(rng.randint(0, 3))] if depth < 4 else []
    return members(rng, depth + 1)


def members(rng: random.Random, depth: int = 0) -> list[tuple[str, Any]]:
    """The members of a JSON object; a name may come twice."""
    return [(rng.choice(KEYS), value(rng, depth)) for _ in range(rng.randint(0, 4))]


def written(rng: random.Random, found: Any) -> str:
    """JSON text, with the freedoms that JSON leaves."""
    space = rng.choice(("", "", " ", "\n "))
    if isinstance(found, Number):
        return str(found)
    if isinstance(found, list) and found and isinstance(found[0], tuple):
        inner = [f"{written(rng, name)}{space}:{space}{written(rng, each)}" for name, each in found]
        return "{" + f",{space}".join(inner) + space + "}"
    if isinstance(found, list):
        return "[" + f",{space}".join(written(rng, each) for each in found) + "]"
    text = json.dumps(found, ensure_ascii=rng.random() < 0.3)
    return text.replace("/", "\\/") if rng.random() < 0.2 else text


def attributes(rng: random.Random) -> str | None:
    """A JSON object as text; a few are longer than what is searched."""
    if rng.random() < 0.15:
        return None
    found = members(rng) or [("k", Number("1"))]
    if rng.random() < 0.03:
        found.insert(rng.randint(0, len(found)), ("filler", "y" * (TEXT_LIMIT - rng.randint(0, 60))))
    return written(rng, found) + rng.choice(("", "", " "))


def random_record(rng: random.Random) -> dict[str, Any]:
    """One record as `tests.records.record` makes it."""
    return record(
        message(rng),
        at=rng.choice((rng.randint(0, 5), rng.randint(0, 400_000), rng.random() * 10)),
        level=rng.choice(LEVELS),
        source=rng.choice((None, "", "2026-03-01", "x")),
        service=rng.choice(SERVICES),
        environment=rng.choice((None, *NUMBERS, *TEXTS[:30])),
        host=rng.choice((None, *ADDRESSES)),
        trace_id=rng.choice((None, "42", "4bf92f3577b34da6a3ce929d0e0e4736", "9007199254740993", "12e4", "x")),
        tags=rng.choice(([], None, ["x"], ["x", "a b"], ["42", "1.0"], [rng.choice(ADDRESSES), "web"], [""])),
        attributes=attributes(rng),
        raw=rng.choice((None, None, message(rng))),
        problem=rng.choice((None, "Time out of range", "x")),
        upload_id=rng.choice((None, "u-1")),
    )


def random_batch(
    rng: random.Random, count: int, make: Callable[[random.Random], dict[str, Any]] = random_record
) -> LogBatch:
    """`count` records with the shapes that ingest would give them."""
    made = batch(*(make(rng) for _ in range(count)))
    column = made.schema.get_field_index("shape")
    return made.set_column(
        column, made.schema.field(column), shapes(made["message"].combine_chunks()).cast(pa.string())
    )
