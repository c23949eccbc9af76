"""How much is sent at once: more while the server keeps up, much less when it says that it does not.

Additive increase, multiplicative decrease (Chiu and Jain, 1989), of the size of bulks and of how many are on their way.
Small bulks say nothing about what the server can take, so they change nothing.
"""

import random
import threading

from services.clock import Clock

LEAST_BYTES = 1 << 20
MOST_BYTES = 10 << 20
START_BYTES = 4 << 20
MOST_CONCURRENCY = 4

SLOW_S = 1.5
"""A full bulk that takes longer makes the next ones smaller: they wait for each other on the server."""

_STEP_BYTES = 256 << 10
_FULL_BULKS_PER_STEP = 8
_COOL_S = 0.5
"""Refusals within this time are one signal: they come from the same moment of the server."""


class Pace:
    """Size and number of bulks. `bulk_bytes` and `concurrency` are what may be used now."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._lock = threading.Lock()
        self._most_bytes = MOST_BYTES
        self._full = 0
        self._cooling_until = 0.0
        self.bulk_bytes = START_BYTES
        self.concurrency = 2

    def answered(self, size_bytes: int, took_s: float) -> None:
        """A bulk of that size was taken after `took_s` seconds."""
        with self._lock:
            self.concurrency = max(2, self.concurrency)
            if took_s > SLOW_S:
                self._shrink(0.8)
            elif size_bytes * 2 >= self.bulk_bytes:
                self._grow()

    def _grow(self) -> None:
        self.bulk_bytes = min(self._most_bytes, self.bulk_bytes + _STEP_BYTES)
        self._full += 1
        if self._full >= _FULL_BULKS_PER_STEP:
            self.concurrency = min(MOST_CONCURRENCY, self.concurrency + 1)
            self._full = 0

    def refused(self) -> None:
        """The server is busy (429): half the size, one fewer at a time, though never so few that one slow one stops all."""
        with self._lock:
            if self._shrink(0.5):
                self.concurrency = max(2, self.concurrency - 1)

    def failed(self) -> None:
        """The server does not answer: one bulk at a time until it does."""
        with self._lock:
            self._shrink(0.5)
            self.concurrency = 1

    def too_large(self, size_bytes: int) -> None:
        """No request of that size passes, whatever the load: something on the way has a limit."""
        with self._lock:
            self._most_bytes = max(LEAST_BYTES // 16, size_bytes // 2)
            self.bulk_bytes = min(self.bulk_bytes, self._most_bytes)

    def _shrink(self, factor: float) -> bool:
        now = self._clock.monotonic()
        if now < self._cooling_until:
            return False
        self._cooling_until = now + _COOL_S
        self._full = 0
        self.bulk_bytes = max(min(LEAST_BYTES, self._most_bytes), int(self.bulk_bytes * factor))
        return True


class Backoff:
    """Waiting times between attempts: doubling from `first_s` to `most_s`, each shortened at random by up to a half."""

    def __init__(self, rng: random.Random, *, first_s: float = 0.1, most_s: float = 30.0):
        self._rng = rng
        self._first_s = first_s
        self._most_s = most_s

    def after(self, failures: int) -> float:
        """Seconds to wait after one more failure, when `failures` came before it in a row."""
        whole_s = min(self._most_s, self._first_s * 2.0 ** min(failures, 20))
        return whole_s * self._rng.uniform(0.5, 1.0)
