"""The times that a search may name."""

from datetime import UTC, datetime, timedelta

import pytest

from services.errors import InvalidQuery
from services.query.dates import range_end, range_start, resolve_times, zone_of
from services.query.language import And, Exists, Field, Not, Or, Phrase, Query, Range, Word, parse
from services.query.tree import Leaf

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


def resolved(text: str, zone: str = "UTC") -> Query:
    return resolve_times(parse(text), zone_of(zone), NOW)


def moment(text: str) -> str:
    """`text` completed to RFC 3339 with microseconds."""
    return datetime.fromisoformat(text).isoformat(timespec="microseconds") + "Z"


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        ("2026-01-31T12:00:00Z", "UTC", "2026-01-31T12:00:00"),
        ('"2026-01-31T12:00:00+02:00"', "UTC", "2026-01-31T10:00:00"),
        ('"2026-01-31 12:00"', "Europe/Berlin", "2026-01-31T11:00:00"),
        ("1700000000.5", "UTC", "2023-11-14T22:13:20.500000"),
        ("-1", "UTC", "1969-12-31T23:59:59"),
        ("now-15m", "UTC", "2026-03-31T13:30:30.123456"),
        ("2026-01-31||-1M", "UTC", "2025-12-31T00:00:00"),
        ("2026-03-31||-1M+1h", "Asia/Tokyo", "2026-02-27T16:00:00"),
    ],
)
def test_a_moment_in_a_query_becomes_absolute(value: str, zone: str, expected: str) -> None:
    assert resolved(f"timestamp:{value}", zone) == Field("timestamp", moment(expected))


@pytest.mark.parametrize(
    ("value", "zone", "start", "end"),
    [
        ("2026-01-31", "UTC", "2026-01-31", "2026-02-01"),
        ("2026-01-31", "America/New_York", "2026-01-31T05:00", "2026-02-01T05:00"),
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00"),  # a day of 23 hours
        ("now/d", "UTC", "2026-03-31", "2026-04-01"),
        ("now-1d/w", "UTC", "2026-03-30", "2026-04-06"),
        ("2026-02-10||/M", "UTC", "2026-02-01", "2026-03-01"),
        ("2026-02-10T10:20:00||/h", "UTC", "2026-02-10T10:00", "2026-02-10T11:00"),
    ],
)
def test_a_day_in_a_query_is_all_of_it(value: str, zone: str, start: str, end: str) -> None:
    assert resolved(f"timestamp:{value}", zone) == Range("timestamp", moment(start), moment(end), True, False)


@pytest.mark.parametrize(
    ("clause", "low", "high"),
    [
        # as Elasticsearch rounds: gte down, gt up, lt down, lte up
        ("timestamp>=now-2h/d", "2026-03-31", None),
        ("timestamp>now-2h/d", "2026-04-01", None),
        ("timestamp<now-2h/d", None, "2026-03-31"),
        ("timestamp<=now-2h/d", None, "2026-04-01"),
        ("timestamp>=2026-01-01", "2026-01-01", None),
        ("timestamp>2026-01-01", "2026-01-02", None),
        ("timestamp<2026-01-01", None, "2026-01-01"),
        ("timestamp<=2026-01-01", None, "2026-01-02"),
        ("timestamp:[2026-01-01 TO 2026-01-02]", "2026-01-01", "2026-01-03"),
        ("timestamp:{2026-01-01 TO 2026-01-02}", "2026-01-02", "2026-01-02"),
        # a moment stands for itself alone
        ("timestamp>=2026-01-01T10:00", "2026-01-01T10:00", None),
        ("timestamp>2026-01-01T10:00", "2026-01-01T10:00:00.000001", None),
        ("timestamp<2026-01-01T10:00", None, "2026-01-01T10:00"),
        ("timestamp<=2026-01-01T10:00", None, "2026-01-01T10:00:00.000001"),
        ("timestamp:[now-1h TO *]", "2026-03-31T12:45:30.123456", None),
    ],
)
def test_ranges_become_half_open(clause: str, low: str | None, high: str | None) -> None:
    bounds = [None if each is None else moment(each) for each in (low, high)]
    assert resolved(clause) == Range("timestamp", *bounds, True, False)


def test_only_times_change_wherever_they_stand() -> None:
    tree = resolved('a AND NOT (timestamp:now OR f:now OR "now") timestamp:*')
    now = Field("timestamp", "2026-03-31T13:45:30.123456Z")
    kept = [Field("f", "now"), Phrase("now")]
    assert tree == And((Word("a"), Not(Or((now, *kept))), Exists("timestamp")))


def test_leaves_keep_their_places() -> None:
    for text in ("x timestamp:now", "x timestamp:now/d", "x timestamp>=now"):
        tree = resolved(text)
        assert isinstance(tree, And)
        assert isinstance(tree.children[1], Leaf)
        assert tree.children[1].at == (2, len(text) - 2)


def test_what_is_resolved_stays_as_it_is() -> None:
    for text in ("timestamp:2026-01-01", "timestamp:[2026-01-01 TO 2026-01-02}", "timestamp:now", "timestamp<=now"):
        once = resolved(text)
        assert resolve_times(once, zone_of("Asia/Tokyo"), NOW + timedelta(days=9)) == once


def test_a_time_that_cannot_be_reached_is_refused_with_its_place() -> None:
    tree = And((Word("x"), Field("timestamp", "now-2026y", at=(2, 19))))
    with pytest.raises(InvalidQuery) as caught:
        resolve_times(tree, zone_of("UTC"), NOW)
    assert (caught.value.position, caught.value.length) == (2, 19)
    with pytest.raises(InvalidQuery):
        resolve_times(Range("timestamp", "soon", None), zone_of("UTC"), NOW)
    with pytest.raises(InvalidQuery):
        resolve_times(Range("timestamp", None, "9999-12-31T23:59:59.999999"), zone_of("UTC"), NOW)
