"""Time that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta


class HandClock:
    """A clock whose hands are moved by hand; both readings move together."""

    def __init__(self, start: datetime = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._seconds = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._seconds

    def move(self, **by: float) -> None:
        """Move on by `timedelta(**by)`."""
        step = timedelta(**by)
        self._now += step
        self._seconds += step.total_seconds()
