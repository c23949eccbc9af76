"""What an aggregation may ask for."""

from typing import get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.errors import InvalidQuery
from services.log_store.interface import Aggregation, Calendar, Metric
from services.query.fields import GROUPABLE, Kind, resolve

MAX_LIMIT = 1_000
MAX_ROWS = 100_000
"""Rows of a result: time buckets times groups."""
MAX_INTERVAL_S = 100 * 366 * 86_400
_NO_GROUPS = (Kind.TEXT, Kind.TIME, Kind.ID, Kind.PATTERN)


def check_aggregation(aggregation: Aggregation) -> None:
    """Raise `InvalidQuery` for what is not served."""
    _check_groups(aggregation)
    _check_time(aggregation)
    _check_metric(aggregation)
    if not 1 <= aggregation.limit <= MAX_LIMIT:
        raise InvalidQuery(
            f"Between 1 and {MAX_LIMIT:,} groups can be kept.", expected=f"a limit of 1 to {MAX_LIMIT:,}"
        )


def too_many_rows() -> InvalidQuery:
    """For a result of more than `MAX_ROWS`."""
    return InvalidQuery(
        f"The answer would have more than {MAX_ROWS:,} rows.",
        expected="wider time buckets, a shorter time range, or a lower limit",
    )


def _check_groups(aggregation: Aggregation) -> None:
    names = [name for name in aggregation.by if name != "time"]
    for name in names:
        _check_name(name, "Records cannot be grouped by")
    if len(names) > 2 or len(set(aggregation.by)) < len(aggregation.by):
        raise InvalidQuery("Records are grouped by time and at most two different fields.", expected="fewer fields")


def _check_name(name: str, sentence: str) -> None:
    if not name or resolve(name).kind in _NO_GROUPS:
        columns = ", ".join(sorted(GROUPABLE))
        raise InvalidQuery(f"{sentence} {name!r}.", expected=f"{columns}, tags, or an attribute's path")


def _check_time(aggregation: Aggregation) -> None:
    if "time" not in aggregation.by:
        return
    if aggregation.calendar is not None:
        _check_calendar(aggregation)
    elif not 1 <= (aggregation.interval_s or 0) <= MAX_INTERVAL_S:
        raise InvalidQuery(
            "Counting by time needs the width of a bucket.",
            expected=f"an interval of 1 to {MAX_INTERVAL_S:,} seconds, or one of {_or(get_args(Calendar))}",
        )


def _check_calendar(aggregation: Aggregation) -> None:
    if aggregation.interval_s is not None:
        raise InvalidQuery("Time buckets have a width or follow the calendar.", expected="one of the two")
    if aggregation.calendar not in get_args(Calendar):
        raise InvalidQuery(f"There is no time bucket {aggregation.calendar!r}.", expected=_or(get_args(Calendar)))
    try:
        ZoneInfo(aggregation.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"There is no time zone {aggregation.zone!r}."
        raise InvalidQuery(message, expected="a name like Europe/Berlin or UTC") from error


def _check_metric(aggregation: Aggregation) -> None:
    metrics = get_args(Metric)
    if aggregation.metric not in metrics:
        raise InvalidQuery(f"There is no metric {aggregation.metric!r}.", expected=_or(metrics))
    if aggregation.metric == "count":
        return
    if aggregation.field is None:
        raise InvalidQuery(
            f"The metric {aggregation.metric} needs a field.", expected="an attribute's path or a column"
        )
    _check_name(aggregation.field, f"The metric {aggregation.metric} cannot be computed of")


def _or(words: tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + " or " + words[-1]
