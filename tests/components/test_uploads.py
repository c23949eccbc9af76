"""The list of uploads in words, and times and numbers as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from components.numbers import plural, size, took, width
from components.times import ago, clock_parts, naive, offset_words

NOON = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (41_800_000, "41.8 MB"), (2 * 10**12, "2000 GB")],
)
def test_sizes(size_bytes: int, words: str) -> None:
    assert size(size_bytes) == words


@pytest.mark.parametrize(("took_ms", "words"), [(0.2, "1 ms"), (38.4, "38 ms"), (2_440, "2.4 s")])
def test_durations(took_ms: float, words: str) -> None:
    assert took(took_ms) == words


@pytest.mark.parametrize(
    ("interval_s", "words"), [(10, "10 s"), (300, "5 min"), (3_600, "1 h"), (86_400, "1 day"), (604_800, "7 days")]
)
def test_widths_of_bars(interval_s: int, words: str) -> None:
    assert width(interval_s) == words


def test_one_and_many() -> None:
    assert (plural(1, "file"), plural(1_200, "file")) == ("1 file", "1,200 files")


def test_times_move_into_the_chosen_zone() -> None:
    assert clock_parts(NOON, "Europe/Berlin", with_date=True) == ("2026-07-01 14:00:00", ".123")
    assert naive(NOON, "Asia/Tokyo") == "2026-07-01T21:00:00.123"
    assert offset_words(NOON, "America/St_Johns") == "America/St_Johns, UTC-02:30"


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=12), "12 days ago"),
    ],
)
def test_ages(before: timedelta, words: str) -> None:
    assert ago(NOON - before, NOON) == words
    assert ago(None, NOON) == "never"
