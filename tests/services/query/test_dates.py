"""The times that a search may name."""

from datetime import UTC, datetime

import pytest

from services.errors import InvalidQuery
from services.query.dates import range_end, range_start, zone_of

NOW = datetime(2026, 3, 31, 13, 45, 30, 123456, tzinfo=UTC)  # a Tuesday, two days after Berlin's clocks went on

MOMENTS = [
    ("2026-01-31T12:00:00Z", "UTC", "2026-01-31T12:00:00"),
    ("2026-01-31T12:00:00+02:00", "UTC", "2026-01-31T10:00:00"),
    ("2026-01-31T12:00:00 02:00", "UTC", "2026-01-31T10:00:00"),
    ("2026-01-31T12:00", "Europe/Berlin", "2026-01-31T11:00:00"),
    ("2026-01-31 12:00:00.5", "UTC", "2026-01-31T12:00:00.500000"),
    ("2026-01-31", "UTC", "2026-01-31T00:00:00"),
    ("2026-01-31", "Europe/Berlin", "2026-01-30T23:00:00"),
    ("1700000000", "UTC", "2023-11-14T22:13:20"),
    ("1700000000.5", "UTC", "2023-11-14T22:13:20.500000"),
    ("1700000000123", "UTC", "2023-11-14T22:13:20.123000"),
    ("1700000000123456", "UTC", "2023-11-14T22:13:20.123456"),
    ("1700000000123456789", "UTC", "2023-11-14T22:13:20.123456"),
    ("now", "UTC", "2026-03-31T13:45:30.123456"),
    ("now-15m", "UTC", "2026-03-31T13:30:30.123456"),
    ("now+1w", "UTC", "2026-04-07T13:45:30.123456"),
    ("now-1M", "UTC", "2026-02-28T13:45:30.123456"),
    ("now-2h/d", "UTC", "2026-03-31T00:00:00"),
    ("now/d", "Europe/Berlin", "2026-03-30T22:00:00"),
    ("now-3d/d", "Europe/Berlin", "2026-03-27T23:00:00"),
    ("now/w", "UTC", "2026-03-30T00:00:00"),
    ("now/M", "UTC", "2026-03-01T00:00:00"),
    ("now/y+1h", "UTC", "2026-01-01T01:00:00"),
    (" now/h ", "UTC", "2026-03-31T13:00:00"),
]


@pytest.mark.parametrize(("text", "zone", "expected"), MOMENTS)
def test_a_range_starts_at_the_named_moment(text: str, zone: str, expected: str) -> None:
    assert range_start(text, zone_of(zone), NOW) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", "2026-02-01T00:00:00"),
        ("now/d", "2026-04-01T00:00:00"),
        ("now/M", "2026-04-01T00:00:00"),
        ("now-1h", "2026-03-31T12:45:30.123456"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00"),
    ],
)
def test_an_end_includes_its_whole_day_and_is_rounded_up(text: str, expected: str) -> None:
    assert range_end(text, zone_of("UTC"), NOW) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", [None, "", "  "])
def test_no_text_leaves_the_side_open(text: str | None) -> None:
    assert range_start(text, zone_of("UTC"), NOW) is None


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2026-13-01", "2026-02-30", "now-", "now-5x", "now-999999y", "9" * 40, "31.01.2026", "9999-12-31"],
)
def test_anything_else_is_an_invalid_query(text: str) -> None:
    with pytest.raises(InvalidQuery):
        range_end(text, zone_of("UTC"), NOW)


@pytest.mark.parametrize("name", ["Mars/Base", "", "../etc/passwd", "Europe/Berlin\x00", "x" * 300])
def test_an_unknown_time_zone_is_an_invalid_query(name: str) -> None:
    with pytest.raises(InvalidQuery):
        zone_of(name)
