"""The times that a search may name: RFC 3339, epoch numbers, bare dates, and arithmetic on `now`.

`now-15m`, `now-1d/d`, `now-1d/d+8h` are Elasticsearch's date math
(https://www.elastic.co/docs/reference/elasticsearch/rest-apis/common-options#date-math): units s m h d w M y, `/d` rounds to
the day of the request's time zone. As there, an end is rounded up: `now/d` to `now/d` is the whole of today.
"""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.errors import InvalidQuery

EXPECTED = "a time like 2026-01-31T12:00:00Z, a date like 2026-01-31, or now-15m"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_EPOCH = re.compile(r"[+-]?\d+(\.\d+)?")
_MATH = re.compile(r"now((?:[+-]\d{1,6}[smhdwMy]|/[smhdwMy])*)")
_STEP = re.compile(r"([+-])(\d+)([smhdwMy])|/([smhdwMy])")
_LOST_PLUS = re.compile(r"(T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) (\d{2}:?\d{2})")
_SECONDS = {"s": 1, "m": 60, "h": 3_600}
_UNITS_PER_SECOND = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))


def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises `InvalidQuery`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidQuery(f"There is no time zone {name!r}.", expected="a name like UTC or Europe/Berlin") from error


def range_start(text: str | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Where a range begins, aware UTC; a bare date begins at its 00:00 in `zone`. None for no text."""
    return _moment(text, zone, now, is_end=False)


def range_end(text: str | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Where a range ends (not included), aware UTC; a bare date includes its whole day in `zone`. None for no text."""
    return _moment(text, zone, now, is_end=True)


def _moment(text: str | None, zone: ZoneInfo, now: datetime, *, is_end: bool) -> datetime | None:
    if text is None or not text.strip():
        return None
    text = text.strip()
    try:
        return _read(text, zone, now, is_end).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        side = "end" if is_end else "start"
        raise InvalidQuery(f"The {side} {text[:60]!r} is not a time.", length=len(text), expected=EXPECTED) from error


def _read(text: str, zone: ZoneInfo, now: datetime, is_end: bool) -> datetime:
    if _DATE.fullmatch(text):
        day = date.fromisoformat(text) + timedelta(days=1 if is_end else 0)
        return datetime(day.year, day.month, day.day, tzinfo=zone)
    if _EPOCH.fullmatch(text):
        return _from_epoch(float(text), text)
    math = _MATH.fullmatch(text)
    if math is not None:
        return _calculate(math[1], zone, now, is_end)
    moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _from_epoch(value: float, text: str) -> datetime:
    """Seconds, milli-, micro- or nanoseconds since 1970, told apart by size."""
    per_second = next((unit for limit, unit in _UNITS_PER_SECOND if abs(value) >= limit), 1)
    if per_second > 1 and "." not in text:
        microseconds = int(text) * 1_000_000 // int(per_second)  # integers keep every digit
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value / per_second)


def _calculate(steps: str, zone: ZoneInfo, now: datetime, is_end: bool) -> datetime:
    moment = now.astimezone(zone)
    for sign, amount, unit, rounded in _STEP.findall(steps):
        if rounded:
            moment = _rounded(moment, rounded)
            if is_end:
                moment = _shifted(moment, 1, rounded)
        else:
            moment = _shifted(moment, int(amount) * (-1 if sign == "-" else 1), unit)
    return moment


def _shifted(moment: datetime, amount: int, unit: str) -> datetime:
    if unit in _SECONDS:  # real time: an hour is an hour, also when the clocks change
        return (moment.astimezone(UTC) + timedelta(seconds=amount * _SECONDS[unit])).astimezone(moment.tzinfo)
    if unit in "dw":
        return moment + timedelta(days=amount * (7 if unit == "w" else 1))
    months = moment.year * 12 + moment.month - 1 + amount * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, _days_in(year, month + 1)))


def _days_in(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


def _rounded(moment: datetime, unit: str) -> datetime:
    midnight = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}
    match unit:
        case "s":
            return moment.replace(microsecond=0)
        case "m":
            return moment.replace(second=0, microsecond=0)
        case "h":
            return moment.replace(minute=0, second=0, microsecond=0)
        case "d":
            return moment.replace(**midnight)  # type: ignore[arg-type]
        case "w":
            return moment.replace(**midnight) - timedelta(days=moment.weekday())  # type: ignore[arg-type]
        case "M":
            return moment.replace(day=1, **midnight)  # type: ignore[arg-type]
    return moment.replace(month=1, day=1, **midnight)  # type: ignore[arg-type]
