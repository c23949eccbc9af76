"""The clock, as an argument: tests move it, the product reads the machine's."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the services need to know of time."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never steps back."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()
