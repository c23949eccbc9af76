"""Time buckets: which width, where they begin, and that none is left out."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.errors import InvalidInput
from services.query.language import MatchAll
from services.search.buckets import MAX_BUCKETS, Interval, floor, starts
from services.search.requests import Asked

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


def asked(start: datetime | None, end: datetime | None, zone: ZoneInfo = UTC_ZONE) -> Asked:
    return Asked(MatchAll(), start, end, zone)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "1s"), (90, "90s"), (300, "5m"), (3_600, "1h"), (5_400, "90m"), (172_800, "2d")]
)
def test_a_width_is_written_in_its_largest_unit(seconds: int, text: str) -> None:
    assert str(Interval(seconds, None, UTC_ZONE)) == text


def test_days_are_23_and_25_hours_long_where_the_clock_changes() -> None:
    day = Interval(None, "day", BERLIN)
    spring = starts(day, asked(at("2026-03-28T00:00"), at("2026-03-30T12:00"), BERLIN), [])
    assert spring == [at(f"2026-03-{text}") for text in ("27T23:00", "28T23:00", "29T22:00")]
    autumn = starts(day, asked(at("2026-10-24T10:00"), at("2026-10-26T10:00"), BERLIN), [])
    assert autumn == [at(f"2026-10-{text}") for text in ("23T22:00", "24T22:00", "25T23:00")]


def test_a_day_without_midnight_begins_when_the_clock_is_set() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    found = starts(Interval(None, "day", zone), asked(at("2018-11-03T12:00"), at("2018-11-05T12:00"), zone), [])
    assert found == [at("2018-11-03T03:00"), at("2018-11-04T03:00"), at("2018-11-05T02:00")]


@pytest.mark.parametrize(
    ("calendar", "first", "second"),
    [
        ("week", "2026-05-11T00:00", "2026-05-18T00:00"),
        ("month", "2026-05-01T00:00", "2026-06-01T00:00"),
        ("quarter", "2026-04-01T00:00", "2026-07-01T00:00"),
        ("year", "2026-01-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_parts_of_the_calendar_begin_on_their_first_day(calendar: str, first: str, second: str) -> None:
    interval = Interval(None, calendar, UTC_ZONE)  # type: ignore[arg-type]
    assert interval.first(at("2026-05-17T10:00")) == at(first)
    assert interval.following(at(first)) == at(second)


def test_an_open_side_ends_at_the_first_or_last_record() -> None:
    hour = Interval(3_600, None, UTC_ZONE)
    found = [at("2026-01-01T03:00"), at("2026-01-01T05:00")]
    assert starts(hour, asked(None, None), found) == [found[0], at("2026-01-01T04:00"), found[1]]
    assert starts(hour, asked(at("2026-01-01T01:30"), None), found)[0] == at("2026-01-01T01:00")
    assert starts(hour, asked(None, at("2026-01-01T06:00:01")), found)[-1] == at("2026-01-01T06:00")
    assert starts(hour, asked(None, None), []) == []


def test_there_are_only_so_many_buckets() -> None:
    second = Interval(1, None, UTC_ZONE)
    start = at("2026-01-01T00:00")
    assert len(starts(second, asked(start, start + timedelta(seconds=MAX_BUCKETS)), [])) == MAX_BUCKETS
    with pytest.raises(InvalidInput, match="longer interval"):
        starts(second, asked(start, start + timedelta(seconds=MAX_BUCKETS + 1)), [])


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue", "UTC"])
@pytest.mark.parametrize("calendar", ["day", "week", "month", "quarter", "year"])
def test_the_edges_of_the_calendar_are_reached(calendar: str, zone: str) -> None:
    interval = Interval(None, calendar, ZoneInfo(zone))  # type: ignore[arg-type]
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert starts(interval, asked(last - timedelta(days=2), last, ZoneInfo(zone)), [])
    assert starts(interval, asked(first, first + timedelta(days=2), ZoneInfo(zone)), [])


@pytest.mark.parametrize("width_s", [1, 60, 86_400])
def test_the_last_moment_of_all_lies_in_a_bucket(width_s: int) -> None:
    last = datetime.max.replace(tzinfo=UTC)
    assert last - timedelta(seconds=width_s) < floor(last, width_s) <= last
