"""logs/aggregate/."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.conftest import Caller


@pytest.fixture(scope="module")
def shop(new_caller: Callable[..., Caller]) -> Caller:
    """120 records of 2026-01-01, one a minute from 00:00Z: three services, `took` is the number of the minute."""
    caller = new_caller()
    caller.bulk(
        [
            {
                "timestamp": f"2026-01-01T{number // 60:02}:{number % 60:02}:00Z",
                "level": ("info", "error")[number % 4 == 0],
                "service": ("cart", "payment", "mail")[number % 3 if number < 90 else 0],
                "message": "served",
                "http": {"took": number} if number < 100 else {"took": "unknown"},
            }
            for number in range(120)
        ]
    )
    return caller


def ask(caller: Caller, **parameters: Any) -> dict[str, Any]:
    answer = caller.get("/api/logs/aggregate/?" + urlencode(parameters, doseq=True))
    assert answer.status_code == 200, answer.text
    return answer.json


def test_without_groups_it_is_one_number(shop: Caller) -> None:
    found = ask(shop)
    assert found["rows"] == [{"time": None, "by": {}, "other": [], "count": 120, "value": 120}]
    assert (found["interval"], found["interval_s"]) == (None, None)
    assert ask(shop, query="level:error")["rows"][0]["count"] == 30
    assert ask(shop, level="error", service="cart")["rows"][0]["value"] == 15


@pytest.mark.parametrize(
    ("metric", "value"),
    [("sum", 4950), ("avg", 49.5), ("min", 0), ("max", 99), ("distinct", 101), ("p50", 49.5)],
)
def test_metrics_look_at_the_numbers_of_a_field(shop: Caller, metric: str, value: float) -> None:
    row = ask(shop, metric=metric, field="http.took")["rows"][0]
    assert row["value"] == pytest.approx(value, abs=0.5)
    assert row["count"] == 120


def test_a_group_without_a_number_has_the_value_null(shop: Caller) -> None:
    rows = ask(shop, metric="avg", field="http.took", by="http.took", query='http.took:"unknown"')["rows"]
    assert [(row["by"], row["value"]) for row in rows] == [({"http.took": "unknown"}, None)]


def test_the_largest_groups_come_first_and_the_rest_as_one(shop: Caller) -> None:
    rows = ask(shop, by="service")["rows"]
    assert [(row["by"]["service"], row["count"]) for row in rows] == [("cart", 60), ("mail", 30), ("payment", 30)]
    rows = ask(shop, by="service", limit=1, other="true")["rows"]
    assert [(row["by"]["service"], row["other"], row["count"]) for row in rows] == [
        ("cart", [], 60),
        (None, ["service"], 60),
    ]


def test_two_fields_make_pairs(shop: Caller) -> None:
    rows = ask(shop, by=["level", "service"])["rows"]
    assert len(rows) == 6
    assert sum(row["count"] for row in rows) == 120
    assert {(row["by"]["level"], row["by"]["service"]): row["count"] for row in rows}["error", "cart"] == 15


def test_buckets_of_a_fixed_width_follow_each_other_without_gaps(shop: Caller) -> None:
    found = ask(shop, interval="30m", start_date="2026-01-01T00:10:00Z", end_date="2026-01-01T03:00:00Z")
    assert (found["interval"], found["interval_s"]) == ("30m", 1800)
    assert [row["time"][11:16] for row in found["rows"]] == ["00:00", "00:30", "01:00", "01:30", "02:00", "02:30"]
    assert [row["value"] for row in found["rows"]] == [20, 30, 30, 30, 0, 0]


def test_empty_buckets_have_no_average(shop: Caller) -> None:
    parameters = {"interval": "1h", "from": "2026-01-01T01:00:00Z", "to": "2026-01-01T03:00:00Z"}
    rows = ask(shop, metric="avg", field="http.took", **parameters)["rows"]
    assert [(row["count"], row["value"]) for row in rows] == [(60, 79.5), (0, None)]


def test_with_fields_only_buckets_with_records_come_oldest_first(shop: Caller) -> None:
    rows = ask(shop, interval="1h", by="service", query="service:mail OR service:cart", to="2026-01-02")["rows"]
    assert [(row["time"][11:13], row["by"]["service"], row["count"]) for row in rows] == [
        ("00", "cart", 20),
        ("00", "mail", 20),
        ("01", "cart", 40),
        ("01", "mail", 10),
    ]


def test_the_calendar_is_that_of_the_zone(shop: Caller) -> None:
    rows = ask(shop, interval="day", tz="America/New_York")["rows"]
    assert [(row["time"], row["count"]) for row in rows] == [("2025-12-31T05:00:00.000000Z", 120)]
    found = ask(shop, interval="month", tz="Europe/Berlin", start_date="2025-12-30", end_date="2026-02-01")
    assert [(row["time"], row["count"]) for row in found["rows"]] == [
        ("2025-11-30T23:00:00.000000Z", 0),
        ("2025-12-31T23:00:00.000000Z", 120),
        ("2026-01-31T23:00:00.000000Z", 0),
    ]
    assert (found["interval"], found["interval_s"]) == ("month", None)


def test_auto_takes_a_round_width(shop: Caller) -> None:
    found = ask(shop, interval="auto")
    assert (found["interval"], found["interval_s"]) == ("2m", 120)
    assert sum(row["count"] for row in found["rows"]) == 120
    assert len(found["rows"]) == 60


def test_nothing_found_is_no_row_of_time_and_a_count_of_zero(shop: Caller) -> None:
    assert ask(shop, query="nosuchword")["rows"][0]["count"] == 0
    assert ask(shop, query="nosuchword", by="service")["rows"] == []
    assert ask(shop, query="nosuchword", interval="1h")["rows"] == []


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ("metric=median", "metric"),
        ("metric=avg", "field"),
        ("metric=count&field=took", "field"),
        ("interval=0s", "interval"),
        ("interval=soon", "interval"),
        ("interval=1w", "interval"),
        ("interval=99999d", "interval"),
        ("interval=1s&from=2020-01-01&to=2026-01-01", "interval"),
        ("by=a&by=b&by=c", "by"),
        ("by=service&by=service.name", "by"),
        ("by=time", "by"),
        ("by=a.b.c.d.e.f.g.h.i", "by"),
        ("by=", "by"),
        ("metric=sum&field=a.b.c.d.e.f.g.h.i", "field"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("other=perhaps", "other"),
        ("query_id=a%20b", "query_id"),
        ("page=1", "page"),
    ],
)
def test_wrong_parameters_are_422_and_named(shop: Caller, parameters: str, field: str) -> None:
    answer = shop.get("/api/logs/aggregate/?" + parameters)
    assert answer.status_code == 422, answer.text
    assert answer.json["errors"][0]["field"].split(".")[0] == field


def test_a_wrong_query_is_400_and_says_where(shop: Caller) -> None:
    answer = shop.get("/api/logs/aggregate/?" + urlencode({"query": 'level:error AND "open', "interval": "1h"}))
    assert (answer.status_code, answer.json["position"]) == (400, 16)
    assert answer.json["suggestion"].endswith('open"')


def test_a_wrong_interval_is_answered_with_what_one_looks_like(shop: Caller) -> None:
    answer = shop.get("/api/logs/aggregate/?interval=5x")
    assert answer.status_code == 422
    assert "a width like 30s, 5m, 1h, 1d" in answer.json["detail"]
    assert "pattern" not in answer.json["detail"]


@pytest.mark.parametrize("path", ["aggregate/", "fields/", "fields/service/values/", "patterns/", "stats/"])
def test_times_are_told_to_the_microsecond(shop: Caller, path: str) -> None:
    took_ms = shop.get(f"/api/logs/{path}").json["took_ms"]
    assert took_ms > 0
    assert took_ms == round(took_ms, 3)
