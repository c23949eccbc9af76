"""Token filters: a Bloom filter (Bloom, CACM 1970) of what one sealed block of records holds.

A filter says "surely not" or "perhaps": asked with every token that a text must have, it spares the reading of blocks
that cannot hold it. Its keys, all folded:
- the tokens with a digit of every message (in a block without shapes: all tokens),
- every four tokens with a digit in a row (`10 0 3 7`): octets are in every block, an address is in few,
- every trace id, exactly as it is, behind `t:`.
Keys come as 64-bit hashes from the engine (`hash`); a filter remembers one hash of a fixed text, so that one made by an
engine that hashes differently is not asked.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BITS_PER_KEY = 14
PROBES = 10
"""Together one block in 830 is read for nothing."""
MAX_KEYS = 300_000
"""A block with more different keys gets no filter: it must stay small (525 kB)."""
WINDOW = 4
"""Tokens with a digit in a row that make one key: an IPv4 address has four."""
PROBE_TEXT = f"elk vision {WINDOW} {PROBES}"
"""Its hash is kept with every filter: one that was made with other keys or probes is not asked, and made anew."""
_HALF = 32
_LOW = (1 << _HALF) - 1


@dataclass(frozen=True)
class TokenFilter:
    """The filter of one block. `bits` has no bytes where the block had too many keys: it admits everything."""

    bits: bytes

    @classmethod
    def of(cls, hashes: npt.NDArray[np.uint64]) -> "TokenFilter":
        """A filter of the distinct key hashes."""
        if len(hashes) > MAX_KEYS:
            return cls(b"")
        size = max(64, (len(hashes) * BITS_PER_KEY + 7) // 8 * 8)
        flags = np.zeros(size, dtype=bool)
        first, step = hashes & np.uint64(_LOW), (hashes >> np.uint64(_HALF)) | np.uint64(1)
        for probe in range(PROBES):
            flags[(first + np.uint64(probe) * step) % np.uint64(size)] = True
        return cls(np.packbits(flags, bitorder="little").tobytes())

    def admits(self, hashes: Iterable[int]) -> bool:
        """Whether the block may hold all of the keys; False is certain."""
        if not self.bits:
            return True
        size = len(self.bits) * 8
        for value in hashes:
            first, step = value & _LOW, (value >> _HALF) | 1
            for probe in range(PROBES):
                at = (first + probe * step) % size
                if not self.bits[at >> 3] >> (at & 7) & 1:
                    return False
        return True


def windows(tokens: Sequence[str], has_digit: Sequence[bool]) -> list[str]:
    """The keys of tokens in a row that a message with these tokens in a row must have, besides the tokens themselves."""
    starts = range(len(tokens) - WINDOW + 1)
    return [" ".join(tokens[at : at + WINDOW]) for at in starts if all(has_digit[at : at + WINDOW])]


def trace_key(trace_id: str) -> str:
    """The key of a trace id."""
    return "t:" + trace_id


class FilterCache:
    """Filters in memory, the least recently asked forgotten beyond `budget_bytes`. Safe to use from several threads."""

    def __init__(self, budget_bytes: int):
        self._budget = budget_bytes
        self._lock = threading.Lock()
        self._filters: OrderedDict[tuple[str, int], TokenFilter] = OrderedDict()
        self._bytes = 0

    def get(self, organisation_id: str, filter_ids: Iterable[int]) -> dict[int, TokenFilter]:
        """Those of `filter_ids` that are in memory."""
        found = {}
        with self._lock:
            for filter_id in filter_ids:
                known = self._filters.get((organisation_id, filter_id))
                if known is not None:
                    self._filters.move_to_end((organisation_id, filter_id))
                    found[filter_id] = known
        return found

    def put(self, organisation_id: str, filters: dict[int, TokenFilter]) -> None:
        """Remember filters that were read from the file."""
        with self._lock:
            for filter_id, each in filters.items():
                if (organisation_id, filter_id) not in self._filters:
                    self._filters[organisation_id, filter_id] = each
                    self._bytes += len(each.bits)
            while self._bytes > self._budget and len(self._filters) > 1:
                self._bytes -= len(self._filters.popitem(last=False)[1].bits)
