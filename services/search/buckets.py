"""Buckets of time: round widths, where they begin, and the ones that nothing lies in."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

from services.clock import Clock
from services.errors import InvalidInput
from services.log_store.interface import Calendar, LogStore
from services.search.requests import Asked

DEFAULT_BUCKETS = 60
MAX_BUCKETS = 10_000
"""Of one answer, empty ones included."""
MAX_INTERVAL_S = 36_600 * 86_400

WIDTHS_S: tuple[int, ...] = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * width for width in (1, 2, 5, 10, 15, 30)),
    *(3_600 * width for width in (1, 2, 3, 6, 12)),
    *(86_400 * width for width in (1, 2, 7, 14, 30, 90, 180, 365, 730, 1_825, 3_650)),
)
"""Round widths of a time bucket, in seconds."""

CALENDARS: tuple[Calendar, ...] = get_args(Calendar)
INTERVAL = r"^(auto|day|week|month|quarter|year|[1-9][0-9]{0,5}[smhd])$"
"""What an interval may be: left to us, a part of the calendar, or a number of seconds, minutes, hours, days."""
_UNITS_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Interval:
    """The width of the buckets: `seconds`, beginning at multiples since 1970 in UTC, or `calendar` of `zone`."""

    seconds: int | None
    calendar: Calendar | None
    zone: ZoneInfo

    def __str__(self) -> str:
        if self.seconds is None:
            return str(self.calendar)
        unit = next(unit for unit, size in _UNITS_S.items() if self.seconds % size == 0)
        return f"{self.seconds // _UNITS_S[unit]}{unit}"

    def first(self, moment: datetime) -> datetime:
        """The start of the bucket that `moment` lies in, aware UTC."""
        if self.seconds is not None:
            return floor(moment, self.seconds)
        return self._midnight(_period_start(self._day(moment), self.calendar))

    def following(self, start: datetime) -> datetime:
        """The start of the bucket after the one that begins at `start`. Raises `OverflowError` at the end of time."""
        if self.seconds is not None:
            return start + timedelta(seconds=self.seconds)
        return self._midnight(_next_period(self._day(start), self.calendar))

    def _day(self, moment: datetime) -> date:
        try:
            return moment.astimezone(self.zone).date()
        except OverflowError:  # a day before the first or after the last that a date can say
            return moment.date()

    def _midnight(self, day: date) -> datetime:
        """Where the day begins; the moment of the change where a clock is set forward over midnight."""
        try:
            return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)
        except OverflowError:
            return _EARLIEST if day.year == 1 else _LATEST


def interval_of(text: str, asked: Asked, store: LogStore, organisation_id: str, clock: Clock) -> Interval:
    """The interval that `text` names. Raises `InvalidInput`."""
    if not re.match(INTERVAL, text):
        expected = "auto, day, week, month, quarter, year, or a width like 30s, 5m, 1h, 1d"
        raise InvalidInput(f"{text[:60]!r} is no interval. Give {expected}.", field="interval")
    calendar = next((each for each in CALENDARS if each == text), None)
    if calendar is not None:
        return Interval(None, calendar, asked.zone)
    if text != "auto":
        seconds = int(text[:-1]) * _UNITS_S[text[-1]]
        if seconds > MAX_INTERVAL_S:
            raise InvalidInput("An interval is at most 36,600 days long.", field="interval")
        return Interval(seconds, None, asked.zone)
    first, last = span(store, organisation_id, asked, clock)
    return Interval(interval_for(first, last, DEFAULT_BUCKETS), None, asked.zone)


def span(store: LogStore, organisation_id: str, asked: Asked, clock: Clock) -> tuple[datetime, datetime]:
    """The asked range; an open side ends where the organisation's records end."""
    if asked.start is not None and asked.end is not None:
        return asked.start, asked.end
    usage, now = store.usage(organisation_id), clock.now()
    first = asked.start or usage.oldest or (asked.end or now) - timedelta(hours=1)
    tick = timedelta(microseconds=1)
    last = asked.end or min(usage.newest or now, _LATEST - tick) + tick
    return first, max(first, last)


def interval_for(start: datetime, end: datetime, buckets: int) -> int:
    """The smallest round width in seconds that cuts the range into at most `buckets` pieces, or one more."""
    wanted = (end - start).total_seconds() / buckets
    return next((width for width in WIDTHS_S if width >= wanted), WIDTHS_S[-1])


def floor(moment: datetime, width_s: int) -> datetime:
    """The start of the bucket that `moment` lies in; the first year begins where its bucket would begin before it."""
    width = timedelta(seconds=width_s)
    return _EPOCH + max((moment - _EPOCH) // width * width, _EARLIEST - _EPOCH)


def starts(interval: Interval, asked: Asked, found: list[datetime]) -> list[datetime]:
    """The start of every bucket of the asked range, empty ones included, oldest first.

    An open side ends at the first or last of the `found` ones. Raises `InvalidInput` for more than `MAX_BUCKETS`.
    """
    first = interval.first(asked.start) if asked.start is not None else min(found, default=None)
    last = asked.end if asked.end is not None else max(found, default=None)
    if first is None or last is None:
        return sorted(found)
    made: list[datetime] = []
    while first < last or (asked.end is None and first == last):
        made.append(first)
        if len(made) > MAX_BUCKETS:
            raise too_many_buckets(interval)
        try:
            first = interval.following(first)
        except (OverflowError, ValueError):  # the last bucket that a time can say
            break
    return made


def too_many_buckets(interval: Interval) -> InvalidInput:
    """What to say where `interval` is too short for its range."""
    return InvalidInput(
        f"Buckets of {interval} would be more than {MAX_BUCKETS:,}. Take a longer interval or a shorter time range.",
        field="interval",
    )


def _period_start(day: date, calendar: Calendar | None) -> date:
    if calendar == "week":
        return date.fromordinal(max(1, day.toordinal() - day.weekday()))
    if calendar == "month":
        return day.replace(day=1)
    if calendar == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1) if calendar == "year" else day


def _next_period(start: date, calendar: Calendar | None) -> date:
    if calendar in ("day", "week"):
        return start + timedelta(days=7 if calendar == "week" else 1)
    months = start.year * 12 + start.month - 1 + {"month": 1, "quarter": 3, "year": 12}[str(calendar)]
    return date(months // 12, months % 12 + 1, 1)
