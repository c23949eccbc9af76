"""What the Explorer makes of a question and of its answer, without a browser."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.config import Config
from app.wiring import Application, build
from callbacks.explorer import (
    answer,
    chart_and_facets,
    different,
    figure,
    legend,
    one_record,
    range_words,
    request_of,
    summary,
)
from components.charts import STACK, templates
from services.history import HistoryEntry
from services.search import Histogram, HistogramRow, Search
from tests.telling_store import TellingStore

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


class Asking:
    """The Explorer over a real store that can say more than the embedded one ever has to."""

    def __init__(self, application: Application) -> None:
        self.principal = application.services.accounts.register("ask", "ask@example.org", "correct horse battery")
        self.store = TellingStore(application.services.store)
        store: Any = self.store
        search = Search(store, application.services.clock)
        self.services = replace(application.services, search=search)
        application.services.ingest.record(self.principal, b'{"message": "needle in the hay", "service": "shop"}')

    def answer(self, **asked: Any) -> dict[str, Any]:
        return answer(self.services, self.principal, {"range": "24h"} | asked)


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    application = build(Config(DATA_DIR=tmp_path))
    yield Asking(application)
    application.close()


def words(component: Any) -> str:
    """All text of a component."""
    if component is None or isinstance(component, str):
        return component or ""
    if isinstance(component, list | tuple):
        return " ".join(words(each) for each in component)
    return words(getattr(component, "children", None))


def test_a_whole_answer_has_no_remark(asking: Asking) -> None:
    shown = asking.answer(q="needle")
    assert (shown["mode"], shown["notice"], shown["at_least"]) == ("rows", None, False)
    assert words(shown["summary"]).split(" hit")[0].strip() == "1"


def test_a_partial_answer_is_shown_with_what_it_leaves_out(asking: Asking) -> None:
    asking.store.is_partial = True
    shown = asking.answer(q="needle")
    assert (shown["mode"], shown["at_least"], shown.get("error")) == ("rows", True, None)
    assert "only the newest 100,000 candidates were looked at" in words(shown["notice"])
    assert words(shown["summary"]).startswith("at least")
    assert "partial counts" in words(chart_and_facets(asking.services, asking.principal, {"range": "24h"})[1])


def test_nothing_among_those_looked_at_is_not_nothing_at_all(asking: Asking) -> None:
    asking.store.is_partial = True
    shown = asking.answer(q="absent")
    assert shown["mode"] == "empty"
    assert "Nothing found among the records that could be looked at" in words(shown["notice"])
    asking.store.is_partial = False
    assert "Nothing matches" in words(asking.answer(q="absent")["notice"])


def test_a_store_out_of_reach_is_no_empty_result(asking: Asking) -> None:
    asking.store.is_down = True
    shown = asking.answer(q="needle")
    assert "mode" not in shown
    assert "Logs cannot be searched now" in words(shown["notice"])
    assert "connection refused" in words(shown["notice"])


def test_a_record_that_is_still_on_its_way_is_waited_for(asking: Asking) -> None:
    record_id = asking.answer(q="needle")["rows"][0]["id"]
    asking.store.late_ids = {record_id}
    assert "needle" in words(one_record(asking.services, asking.principal, record_id, {}))
    asking.store.late_ids, asking.store.is_settled = {record_id}, False
    assert "still on its way" in words(one_record(asking.services, asking.principal, record_id, {}))
