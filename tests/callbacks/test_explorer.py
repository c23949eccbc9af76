"""What the Explorer makes of a question and of its answer, without a browser."""

from datetime import UTC, datetime, timedelta

import pytest

from callbacks.explorer import different, figure, legend, range_words, request_of, summary
from components.charts import STACK, templates
from services.history import HistoryEntry
from services.search import Histogram, HistogramRow

START = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_preset_is_a_distance_from_now_and_own_times_win() -> None:
    assert request_of({"range": "6h"}, "UTC").start == "now-6h"
    assert request_of({"range": "all"}, "UTC").start is None
    own = request_of({"range": "", "from": "2026-03-01", "to": "now"}, "Asia/Tokyo")
    assert (own.start, own.end, own.timezone) == ("2026-03-01", "now", "Asia/Tokyo")


def test_an_unknown_preset_of_an_old_address_means_all_time() -> None:
    assert request_of({"range": "3 fortnights"}, "UTC").start is None
    assert range_words({"range": "3 fortnights"}) == "in this time range"


def test_the_chart_has_a_bar_for_every_bucket_empty_ones_included() -> None:
    rows = [HistogramRow(START, "error", 2), HistogramRow(START + timedelta(hours=2), "info", 5)]
    made = figure(Histogram(3_600, START, START + timedelta(hours=3), rows), "Europe/Berlin")
    by_level = {trace["name"]: trace for trace in made["data"] if trace["visible"]}
    assert by_level["error"]["y"] == [2, 0, 0]
    assert by_level["info"]["y"] == [0, 0, 5]
    assert by_level["info"]["x"][0] == "2026-03-01T01:00:00.000"
    assert made["layout"]["meta"]["buckets"][0] == ("2026-03-01T01:00:00.000", "2026-03-01T02:00:00.000")


def test_no_range_makes_an_endless_chart() -> None:
    rows = [HistogramRow(START, "info", 1)]
    made = figure(Histogram(1, START, START + timedelta(days=3_650), rows), "UTC")
    assert len(made["data"][0]["x"]) <= 400


def test_the_legend_counts_worst_first() -> None:
    rows = [
        HistogramRow(START, "info", 5),
        HistogramRow(START, "critical", 1),
        HistogramRow(START + timedelta(1), "info", 5),
    ]
    shown = legend(Histogram(60, START, START, rows))
    assert [entry.children[1] for entry in shown[:2]] == ["critical ", "info "]
    assert shown[1].children[2].children == "10"


def test_templates_colour_the_bars_in_the_order_of_the_stack() -> None:
    for template in templates().values():
        assert len(template["data"]["bar"]) == len(STACK)


def test_the_summary_counts_one_hit_as_one() -> None:
    assert summary(1, 3, "Newest first")[1] == " hit in 3 ms, newest first"
    assert summary(48_213, 3, "Oldest first")[1] == " hits in 3 ms, oldest first"


@pytest.mark.parametrize(("highest", "steps"), [(1, {"dtick": 1}), (2, {"dtick": 1}), (48_213, {"nticks": 3})])
def test_the_chart_counts_in_whole_records(highest: int, steps: dict[str, int]) -> None:
    rows = [HistogramRow(START, "info", highest)]
    axis = figure(Histogram(3_600, START, START + timedelta(hours=3), rows), "UTC")["layout"]["yaxis"]
    assert steps.items() <= axis.items()


def test_a_search_that_ran_twice_is_listed_once() -> None:
    def entry(query: str, **filters: object) -> HistoryEntry:
        return HistoryEntry(f"{query}{filters}", query, filters, 1, 1, START, START)

    listed = [entry("a"), entry("b"), entry("a"), entry("a", level=["error"])]
    assert [(each.query, each.filters) for each in different(listed)] == [
        ("a", {}),
        ("b", {}),
        ("a", {"level": ["error"]}),
    ]
