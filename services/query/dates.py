"""The times that a search may name: RFC 3339, epoch numbers, bare dates, and arithmetic on `now`.

`now-15m`, `now-1d/d`, `now-1d/d+8h` are Elasticsearch's date math
(https://www.elastic.co/docs/reference/elasticsearch/rest-apis/common-options#date-math): units s m h d w M y, `/d` rounds to
the day of the request's time zone. As there, an end is rounded up: `now/d` to `now/d` is the whole of today. A date or time
takes arithmetic behind `||`: `2026-01-31||-1M/d`.

In a query, `:>=` and `:<` round down, `:>` and `:<=` up
(https://www.elastic.co/docs/reference/query-languages/query-dsl/query-dsl-range-query#range-query-date-math-rounding).
"""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.errors import InvalidQuery
from services.query.fields import Kind, resolve
from services.query.tree import And, Field, Not, Or, Query, Range

EXPECTED = "a time like 2026-01-31T12:00:00Z, a date like 2026-01-31, or now-15m"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_EPOCH = re.compile(r"[+-]?\d+(\.\d+)?")
_MATH = re.compile(r"(?:now|(\d{4}-\d{2}-\d{2}(?:[T ][^|]*)?)\|\|)((?:[+-]\d{1,6}[smhdwMy]|/[smhdwMy])*)")
_STEP = re.compile(r"([+-])(\d+)([smhdwMy])|/([smhdwMy])")
_LOST_PLUS = re.compile(r"(T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) (\d{2}:?\d{2})")
_UTC_ZONE = ZoneInfo("UTC")
_TICK = timedelta(microseconds=1)  # what records' times are kept in
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


def is_time(text: str) -> bool:
    """Whether a query may name this as a time."""
    try:
        _read(text, _UTC_ZONE, datetime(2026, 1, 1, tzinfo=UTC), is_end=True).astimezone(UTC)
    except (ValueError, OverflowError):
        return False
    return True


def resolve_times(query: Query, zone: ZoneInfo, now: datetime) -> Query:
    """`query` with every time absolute: its leaves on times hold RFC 3339 in UTC, with microseconds.

    A time that stands for a stretch (a bare date, a rounding like `now/d`) and every range become a half-open `Range`,
    which includes its low end and excludes its high one; a `Field` is one moment. Dates and times without an offset are
    in `zone`, weeks begin on Mondays. Raises `InvalidQuery` with the place of the leaf.
    """
    match query:
        case And(children):
            return And(tuple(resolve_times(child, zone, now) for child in children))
        case Or(children):
            return Or(tuple(resolve_times(child, zone, now) for child in children))
        case Not(child):
            return Not(resolve_times(child, zone, now))
        case Field() | Range() if resolve(query.name).kind is Kind.TIME:
            try:
                return _absolute(query, zone, now)
            except (ValueError, OverflowError) as error:
                position, length = query.at or (0, 0)
                message = f"{query.name} has no such time."
                raise InvalidQuery(message, position=position, length=length, expected=EXPECTED) from error
    return query


def _absolute(leaf: Field | Range, zone: ZoneInfo, now: datetime) -> Field | Range:
    if isinstance(leaf, Field):
        start, end = _stretch(leaf.value, zone, now)
        if start == end:
            return replace(leaf, value=_rfc3339(start))
        return Range(leaf.name, _rfc3339(start), _rfc3339(end), True, False, at=leaf.at)
    low = None if leaf.low is None else _edge(leaf.low, zone, now, is_behind=not leaf.includes_low)
    high = None if leaf.high is None else _edge(leaf.high, zone, now, is_behind=leaf.includes_high)
    return Range(leaf.name, low, high, True, False, at=leaf.at)


def _edge(text: str, zone: ZoneInfo, now: datetime, *, is_behind: bool) -> str:
    """The first moment of what `text` names, or the first one behind it."""
    start, end = _stretch(text, zone, now)
    if not is_behind:
        return _rfc3339(start)
    return _rfc3339(end if end > start else start + _TICK)


def _stretch(text: str, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """Where a time begins, and where what it stands for ends (not included); twice the same for a moment."""
    text = text.strip()
    return _read(text, zone, now, False).astimezone(UTC), _read(text, zone, now, True).astimezone(UTC)


def _rfc3339(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


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
        start = now if math[1] is None else _read(math[1], zone, now, is_end=False)
        return _calculate(math[2], start.astimezone(zone), is_end)
    moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _from_epoch(value: float, text: str) -> datetime:
    """Seconds, milli-, micro- or nanoseconds since 1970, told apart by size."""
    per_second = next((unit for limit, unit in _UNITS_PER_SECOND if abs(value) >= limit), 1)
    if per_second > 1 and "." not in text:
        microseconds = int(text) * 1_000_000 // int(per_second)  # integers keep every digit
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value / per_second)


def _calculate(steps: str, moment: datetime, is_end: bool) -> datetime:
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
