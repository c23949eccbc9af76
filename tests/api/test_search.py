"""logs/search/ and logs/stats/."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.conftest import Caller


@pytest.fixture(scope="module")
def shop(new_caller: Callable[..., Caller]) -> Caller:
    """An organisation with 100 records, one a minute, from 2026-01-01T00:00Z; three levels, two services, two hosts."""
    caller = new_caller()
    caller.bulk(
        [
            {
                "timestamp": f"2026-01-01T{number // 60:02}:{number % 60:02}:00Z",
                "level": ("info", "warning", "error")[number % 3],
                "service": ("cart", "payment")[number % 2],
                "host": f"web-{number % 2}",
                "source": "app",
                "environment": "prod" if number < 50 else "test",
                "message": f"request {number} {'timed out' if number % 10 == 0 else 'served'}",
            }
            for number in range(100)
        ]
    )
    return caller


def both(caller: Caller, **parameters: Any) -> dict[str, Any]:
    """The answer, which must be the same for the query string and for the body."""
    by_query = caller.get("/api/logs/search/?" + urlencode(parameters, doseq=True))
    by_body = caller.post("/api/logs/search/", json=parameters)
    assert (by_query.status_code, by_body.status_code) == (200, 200), by_query.text + by_body.text
    assert by_query.json | {"took_ms": 0} == by_body.json | {"took_ms": 0}
    return by_query.json


@pytest.mark.parametrize(
    ("parameters", "total"),
    [
        ({}, 100),
        ({"q": "timed"}, 10),
        ({"query": "timed", "q": "served"}, 10),
        ({"q": '"timed out"'}, 10),
        ({"q": "timed AND level:error"}, 3),
        ({"q": "timed OR served"}, 100),
        ({"q": "NOT served"}, 10),
        ({"level": ["error"]}, 33),
        ({"level": ["ERROR", "Warn"]}, 66),
        ({"service": ["cart"]}, 50),
        ({"service": ["cart", "payment"]}, 100),
        ({"host": ["web-1"], "environment": ["test"]}, 25),
        ({"source": ["none"]}, 0),
        ({"start_date": "2026-01-01T01:00:00Z"}, 40),
        ({"from": "2026-01-01T01:00:00Z"}, 40),
        ({"end_date": "2026-01-01T01:00:00Z"}, 60),
        ({"to": "2026-01-01T01:00:00+01:00"}, 0),
        ({"start_date": "2026-01-01", "end_date": "2026-01-01"}, 100),
        ({"start_date": "2026-01-02"}, 0),
        ({"end_date": "2025-12-31"}, 0),
        ({"end_date": "2025-12-31", "tz": "America/New_York"}, 100),
        ({"start_date": "2026-01-01", "tz": "Asia/Tokyo"}, 100),
        ({"start_date": "now-15m"}, 0),
        ({"end_date": "now-2h"}, 100),
    ],
)
def test_parameters_choose_records(shop: Caller, parameters: dict[str, Any], total: int) -> None:
    assert both(shop, **parameters)["total"] == total


def test_the_answer_is_one_page_with_all_it_takes_to_go_on(shop: Caller) -> None:
    answer = both(shop, page_size=30)
    assert list(answer) == ["results", "total", "page", "page_size", "next_cursor", "took_ms", "notices"]
    assert (answer["page"], answer["page_size"], len(answer["results"])) == (1, 30, 30)
    assert answer["results"][0]["message"] == "request 99 served"


def test_pages_and_cursors_lead_through_all_records_once(shop: Caller) -> None:
    by_page = [record["id"] for page in range(1, 5) for record in both(shop, page=page, page_size=30)["results"]]
    by_cursor, cursor = [], ""
    while True:
        answer = both(shop, cursor=cursor, page_size=30)
        by_cursor += [record["id"] for record in answer["results"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert by_page == by_cursor
    assert len(set(by_page)) == 100
    assert by_page == sorted(by_page, reverse=True)


@pytest.mark.parametrize("sort", ["timestamp", "+timestamp"])
def test_the_oldest_come_first_on_request(shop: Caller, sort: str) -> None:
    ids = [record["id"] for record in both(shop, sort=sort)["results"]]
    assert ids == sorted(ids)
    raw = shop.get("/api/logs/search/?sort=+timestamp").json["results"]
    assert [record["id"] for record in raw] == ids


def test_the_plain_list_takes_the_same_parameters(shop: Caller) -> None:
    assert shop.get("/api/logs/?level=error&q=timed").json["total"] == 3


def test_beyond_ten_thousand_hits_the_cursor_is_named(shop: Caller) -> None:
    answer = shop.get("/api/logs/search/?page=11&page_size=1000")
    assert answer.status_code == 400
    assert "cursor" in answer.json["detail"]


@pytest.mark.parametrize(
    "parameters",
    [
        "page=0", "page=-1", "page=x", "page=1.0", "page=9999999999999999999999", "page_size=1001", "page_size=0",
        "cursor=zzz", "sort=message", "levle=error", "page=1&page=2", "q=a%00b",
    ],
)  # fmt: skip
def test_wrong_parameters_are_422_and_named(shop: Caller, parameters: str) -> None:
    answer = shop.get("/api/logs/search/?" + parameters)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"].split(".")[0] == parameters.split("=")[0]


@pytest.mark.parametrize(
    "parameters", ["q=%ff", "start_date=soon", "level=loud", "tz=Mars/Olympus", "q=(a", "from=2026-13-01"]
)
def test_what_has_no_meaning_is_400(shop: Caller, parameters: str) -> None:
    assert shop.get("/api/logs/search/?" + parameters).status_code == 400


def test_a_wrong_query_says_where_and_what_to_write(shop: Caller) -> None:
    answer = shop.get("/api/logs/search/?" + urlencode({"q": 'level:error AND "open'}))
    assert answer.status_code == 400
    assert {"position", "length", "detail"} <= set(answer.json)


def test_a_body_takes_a_single_value_for_a_list_and_refuses_wrong_types(shop: Caller) -> None:
    assert shop.post("/api/logs/search/", json={"level": "error"}).json["total"] == 33
    for body in ({"page": "1"}, {"page": 1.5}, {"q": None}, {"level": [1]}, {"unknown": 1}, [], "text"):
        assert shop.post("/api/logs/search/", json=body).status_code == 422


def test_statistics_count_by_field_and_over_time(shop: Caller) -> None:
    stats = shop.get("/api/logs/stats/").json
    assert stats["total"] == 100
    assert {each["value"]: each["count"] for each in stats["by_level"]} == {"info": 34, "warning": 33, "error": 33}
    assert {each["value"]: each["count"] for each in stats["by_service"]} == {"cart": 50, "payment": 50}
    assert sum(each["count"] for each in stats["over_time"]) == 100
    assert [each["start"] for each in stats["over_time"]] == sorted(each["start"] for each in stats["over_time"])
    assert shop.get("/api/logs/stats/?level=error&q=timed").json["total"] == 3
    assert shop.get("/api/logs/stats/?page=2").status_code == 422


def test_statistics_of_nothing_are_empty(shop: Caller) -> None:
    stats = shop.get("/api/logs/stats/?q=nosuchword").json
    assert (stats["total"], stats["over_time"], stats["by_service"]) == (0, [], [])


def test_where_nothing_is_found_a_misspelt_field_is_named_with_the_corrected_query(shop: Caller) -> None:
    (notice,) = both(shop, q="timed AND levle:error")["notices"]
    assert notice["message"] == "No record has the field levle; did you mean level?"
    assert (notice["position"], notice["length"]) == (10, 5)
    assert both(shop, q=notice["suggestion"])["total"] == 3
    assert both(shop, q="zebra:1")["notices"][0]["suggestion"] is None


def test_where_something_is_found_or_no_field_is_missing_nothing_is_remarked(shop: Caller) -> None:
    for query in ("timed OR levle:error", "nosuchword", "service:none", ""):
        assert both(shop, q=query)["notices"] == []


def test_relative_times_within_the_query_are_those_of_the_zone(shop: Caller) -> None:
    assert both(shop, q="timestamp:<now-1h")["total"] == 100
    assert both(shop, q="timestamp:[2026-01-01T01:00 TO 2026-01-01T01:09]", tz="Europe/Berlin")["total"] == 10
    assert both(shop, q="timestamp:2026-01-01", tz="America/New_York")["total"] == 0
    assert both(shop, q="timestamp:2025-12-31", tz="America/New_York")["total"] == 100
