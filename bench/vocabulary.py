"""Sentences of a made-up organisation: each becomes the messages of one shape, with values of its own in its places.

The words that the questions look for (`COMMON`, `PHRASE`, `WILD`) stand in a known share of the sentences and inside no
other word, so that `contains` finds exactly the records that a search for the word finds.
"""

import math
import random
from collections.abc import Iterator

import pyarrow as pa

COMMON, COMMON_EVERY = "timeout", 10
PHRASE, PHRASE_EVERY = "quota nearly exhausted", 25
WILD, WILD_EVERY = ("throttled", "throttling"), 40
SLOTS = 6

_VALUES = {
    "id": ("request ", "\x1a"),
    "ip": ("from ", "\x1a.\x1a.\x1a.\x1a"),
    "number": ("order ", "\x1a"),
    "ms": ("took ", "\x1a"),
    "size": ("bytes=", "\x1a"),
    "ratio": ("load ", "\x1a.\x1a"),
}
"""Kind of value: what stands before it, and its shape. `data` makes the values."""

_SUBJECTS_TEXT = """
connection session request worker replica leader follower cache index queue consumer producer broker shard partition
snapshot backup certificate token credential payment invoice cart checkout shipment customer account mailbox
notification webhook subscription scheduler job task pipeline upload download transfer socket listener gateway proxy
upstream backend cluster node volume disk filesystem buffer thread pool transaction lock cursor migration schema table
container image deployment rollout probe endpoint route policy rule session handshake resolver lookup record zone"""
_VERBS_TEXT = """
accepted closed refused opened started stopped finished failed retried skipped created updated deleted expired renewed
rotated rejected completed aborted resumed paused drained flushed synced restored elected joined left moved attached
detached mounted loaded parsed validated scheduled dispatched delivered dropped acknowledged requeued evicted
compacted merged split rebalanced promoted demoted verified signed"""
_DETAILS_TEXT = """
after before during without because unexpectedly gracefully cleanly partially while waiting for peer response from
remote side by administrator on primary in background with stale state of previous owner under high pressure at
shutdown until next interval due to missing permission invalid header malformed payload unknown field empty body
broken pipe reset by peer slow consumer full disk low memory clock skew duplicate key version conflict"""
_SYLLABLES_TEXT = """
ba co di fe ga hu ji ka lo mi nu pe ra so te va wi xo yu za bri cle dro fra gli"""
_SUBJECTS, _VERBS, _DETAILS, _SYLLABLES = (
    text.split() for text in (_SUBJECTS_TEXT, _VERBS_TEXT, _DETAILS_TEXT, _SYLLABLES_TEXT)
)


def sentences(count: int, seed: int = 1) -> pa.Table:
    """`count` different sentences: number, shape, pieces p0 to p6 and the kinds of value between them, k1 to k6.

    A message has about 100 bytes to 2 kB, most are short, as lines of logs are.
    """
    chance, known, rows = random.Random(seed), set(), []
    while len(rows) < count:
        pieces, kinds = _sentence(chance, len(rows))
        shape = "".join([pieces[0], *(_mask(kind) + piece for kind, piece in zip(kinds, pieces[1:], strict=True))])
        if shape not in known:
            known.add(shape)
            rows.append((len(rows), shape, *pieces, *kinds))
    names = ["number", "shape", *(f"p{n}" for n in range(SLOTS + 1)), *(f"k{n}" for n in range(1, SLOTS + 1))]
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return pa.table({name: pa.array(values, None if name == "number" else pa.string()) for name, values in columns})


def _mask(kind: str) -> str:
    return _VALUES[kind][1] if kind else ""


def _sentence(chance: random.Random, number: int) -> tuple[list[str], list[str]]:
    """Pieces and kinds of the sentence with that number. Every second has an id, every third an address."""
    kinds = [kind for kind, every in (("id", 2), ("ip", 3)) if number % every == 0]
    kinds += chance.choices(["number", "ms", "size", "ratio"], k=chance.randint(1, SLOTS - len(kinds)))
    size = 115 + 1900 * math.modf(number * 0.6180339887)[0] ** 8
    start = f"{_component(chance)}: {' '.join([*_marks(number), *_words(chance, 4)])}"
    pieces = [f"{start} {_VALUES[kinds[0]][0]}"]
    for kind in kinds[1:]:
        pieces.append(f" {' '.join(_words(chance, chance.randint(1, 4)))} {_VALUES[kind][0]}")
    pieces.append("".join(_tail(chance, int(size) - 12 * len(kinds) - sum(map(len, pieces)))))
    missing = SLOTS - len(kinds)
    return pieces + [""] * missing, kinds + [""] * missing


def _marks(number: int) -> list[str]:
    """The words that questions look for, where this sentence has them."""
    marked = ((COMMON, COMMON_EVERY, 3), (PHRASE, PHRASE_EVERY, 7), (WILD[number % 2], WILD_EVERY, 11))
    return [text for text, every, place in marked if number % every == place]


def _component(chance: random.Random) -> str:
    return ".".join("".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) for _ in range(chance.randint(1, 3)))


def _words(chance: random.Random, count: int) -> list[str]:
    return [chance.choice(chance.choice((_SUBJECTS, _VERBS, _DETAILS))) for _ in range(count)]


def _tail(chance: random.Random, length: int) -> Iterator[str]:
    """About `length` bytes of `key=word` and of calls, as long lines have them."""
    while length > 0:
        subject, verb = chance.choice(_SUBJECTS), chance.choice(_VERBS)
        made = chance.choice((f" {subject}_{verb}={chance.choice(_DETAILS)}", f" at {_component(chance)}.{verb}()"))
        length -= len(made)
        yield made
