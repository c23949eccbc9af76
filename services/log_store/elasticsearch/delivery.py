"""What is told of delivery: counters for the metrics page, and the state of this moment for people."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.clock import Clock

NAMES = (
    "delivered",
    "found_there",
    "retried",
    "refitted",
    "conflicts",
    "dead_letters",
    "bulks",
    "bulk_bytes",
    "failed_bulks",
    "looked_up",
)
"""Records but for bulks, bulk_bytes, failed_bulks.

delivered    the server said that it created them
found_there  sent before without an answer, and found with the same content
retried      put back to be sent again
refitted     sent again without fields of their own, because the index takes no more
conflicts    another record had the id: they got a new one
looked_up    searched for before they were sent again, because nobody answered the first time or knows whether
"""

RATE_WINDOW_S = 10


class DeliveryCounters:
    """Counts since the start of the process; safe to add to from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values = dict.fromkeys(NAMES, 0)

    def add(self, name: str, amount: int = 1) -> None:
        """Count `amount` more of one of `NAMES`."""
        with self._lock:
            self._values[name] += amount

    def read(self) -> dict[str, int]:
        """A copy of all counters."""
        with self._lock:
            return dict(self._values)


class Rate:
    """Records a second over the last `RATE_WINDOW_S` seconds."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._lock = threading.Lock()
        self._seconds: deque[tuple[int, int]] = deque(maxlen=RATE_WINDOW_S + 1)

    def add(self, records: int) -> None:
        """So many more, now."""
        second = int(self._clock.monotonic())
        with self._lock:
            if self._seconds and self._seconds[-1][0] == second:
                records += self._seconds.pop()[1]
            self._seconds.append((second, records))

    def per_s(self) -> float:
        """The mean over the whole seconds of the window."""
        now = int(self._clock.monotonic())
        with self._lock:
            return sum(n for second, n in self._seconds if now - RATE_WINDOW_S <= second < now) / RATE_WINDOW_S


@dataclass(frozen=True)
class HeldBack:
    """An organisation whose own stream takes nothing at present, and why."""

    reason: str
    since: datetime


@dataclass(frozen=True)
class DeliveryState:
    """Delivery at one moment.

    records, size_bytes  acknowledged and not delivered
    lag_s        age of the oldest of them; 0 where there is none
    rate_per_s   records delivered a second, over ten seconds
    in_doubt     records that may be stored already: sent without an answer, or left by an earlier process
    last_error   what failed last, at `last_error_at`; failing_since says since when nothing at all gets through
    held_back    organisations that wait by themselves
    """

    records: int
    size_bytes: int
    lag_s: float
    rate_per_s: float
    concurrency: int
    bulk_bytes: int
    is_reachable: bool
    failing_since: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None
    in_doubt: int = 0
    held_back: Mapping[str, HeldBack] = field(default_factory=dict)
    dead_letters: Mapping[str, int] = field(default_factory=dict)
