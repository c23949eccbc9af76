"""Times as conditions: moments in RFC 3339, and bare dates, which mean their whole day in UTC."""

from datetime import UTC, date, datetime, timedelta

from services.query.sql_condition import FALSE, Condition


def is_time(text: str) -> bool:
    """Whether the text is a moment or a date."""
    return _span(text) is not None


def between_times(
    low: str | None, high: str | None, includes_low: bool = True, includes_high: bool = True
) -> Condition:
    """Records from `low` to `high`; no record where a bound is no time. Without a zone a time is UTC."""
    parts, values = [], []
    if low is not None:
        span = _span(low)
        if span is None:
            return FALSE
        first, following = span
        parts.append("timestamp >= ?")
        values.append(first if includes_low else following)
    if high is not None:
        span = _span(high)
        if span is None:
            return FALSE
        first, following = span
        parts.append("timestamp < ?")
        values.append(following if includes_high else first)
    return Condition(f"({' AND '.join(parts)})", values)


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
