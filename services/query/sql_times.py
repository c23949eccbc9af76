"""Times as conditions: moments in RFC 3339, and bare dates, which mean their whole day in UTC."""

from datetime import UTC, date, datetime, timedelta

from services.query.sql_condition import Condition

_NO_TIME = (datetime.max, datetime.min)


def is_time(text: str) -> bool:
    """Whether the text is a moment or a date."""
    return _span(text) is not None


def moments(
    low: str | None, high: str | None, includes_low: bool = True, includes_high: bool = True
) -> tuple[datetime | None, datetime | None] | None:
    """The first moment of a range and the first one after it, naive UTC as the column holds times, None for an open side.

    None for both where a bound is no time. Without a zone a time is UTC.
    """
    spans = [None if bound is None else _span(bound) or _NO_TIME for bound in (low, high)]
    if _NO_TIME in spans:
        return None
    first = None if spans[0] is None else spans[0][0 if includes_low else 1]
    after = None if spans[1] is None else spans[1][1 if includes_high else 0]
    return first, after


def between(first: datetime | None, after: datetime | None) -> Condition:
    """Records from `first` until before `after`, naive UTC; at least one is not None."""
    parts = [("timestamp >= ?", first), ("timestamp < ?", after)]
    asked = [(sql, value) for sql, value in parts if value is not None]
    return Condition(f"({' AND '.join(sql for sql, _ in asked)})", [value for _, value in asked])


def _span(text: str) -> tuple[datetime, datetime] | None:
    """The first moment that the text means and the first one after it, naive UTC as the column holds times."""
    try:
        if len(text) == 10:
            day = datetime.combine(date.fromisoformat(text), datetime.min.time())
            return day, _later(day, timedelta(days=1))
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    naive = _utc(moment)
    return naive, _later(naive, timedelta(microseconds=1))


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except OverflowError:  # the offset leads out of the years that a time can have
        return datetime.min if moment.year == 1 else datetime.max


def _later(moment: datetime, by: timedelta) -> datetime:
    return datetime.max if moment > datetime.max - by else moment + by
