"""logs/fields/ and logs/fields/{name}/values/."""

from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.api.conftest import Caller


@pytest.fixture(scope="module")
def shop(new_caller: Callable[..., Caller]) -> Caller:
    """40 records; `http.status` of every second, `tags` of every fourth, odd names in the first."""
    caller = new_caller()
    records = [
        {
            "timestamp": f"2026-01-01T00:{number:02}:00Z",
            "message": f"request {number}",
            "service": f"shop-{number % 4}",
            **({"http": {"status": (200, 200, 200, 404, 500)[number // 2 % 5]}} if number % 2 == 0 else {}),
            **({"tags": ["blue", "green"] if number % 8 == 0 else ["blue"]} if number % 4 == 0 else {}),
            **({"a/b c": "slashed", "k%2F": "percent", "größe": "groß"} if number == 0 else {}),
        }
        for number in range(40)
    ]
    caller.bulk(records)
    return caller


def test_fields_are_told_with_types_and_coverage(shop: Caller) -> None:
    found = shop.get("/api/logs/fields/").json
    assert (found["total"], found["read_records"], found["has_more"]) == (40, 40, False)
    by_name = {each["name"]: each for each in found["fields"]}
    assert (by_name["http.status"]["types"], by_name["http.status"]["coverage"]) == (["number"], 0.5)
    assert by_name["tags"]["count"] == 10
    assert by_name["service"]["coverage"] == 1
    assert "environment" not in by_name or by_name["environment"]["count"] == 0


def test_fields_are_those_of_the_records_that_match(shop: Caller) -> None:
    found = shop.get("/api/logs/fields/?service=shop-1").json
    assert found["total"] == 10
    assert "http.status" not in {each["name"] for each in found["fields"]}


def test_values_come_with_counts_shares_and_the_rest(shop: Caller) -> None:
    found = shop.get("/api/logs/fields/http.status/values/?limit=2").json
    assert found["values"] == [
        {"value": "200", "count": 12, "share": 0.3},
        {"value": "404", "count": 4, "share": 0.1},
    ]
    assert (found["name"], found["total"], found["present"], found["other"]) == ("http.status", 40, 20, 4)
    numbers = found["numbers"]
    assert (numbers["count"], numbers["min"], numbers["max"], numbers["avg"]) == (20, 200, 500, 300.8)
    assert (numbers["p50"], numbers["p95"]) == (200, 500)


def test_texts_have_no_numbers(shop: Caller) -> None:
    found = shop.get("/api/logs/fields/service/values/").json
    assert found["numbers"] is None
    assert [each["count"] for each in found["values"]] == [10, 10, 10, 10]
    assert found["other"] == 0


def test_a_list_counts_for_each_of_its_values(shop: Caller) -> None:
    found = shop.get("/api/logs/fields/tags/values/").json
    assert [(each["value"], each["count"]) for each in found["values"]] == [("blue", 10), ("green", 5)]
    assert found["present"] == 10
    assert [each["value"] for each in shop.get("/api/logs/fields/tags/values/?prefix=gr").json["values"]] == ["green"]


@pytest.mark.parametrize(
    ("prefix", "values"),
    [("shop-", 4), ("shop-3", 1), ("SHOP", 0), ("shop-*", 0), ("shop-?", 0), ("\\", 0), ('"', 0), ("hop", 0)],
)
def test_a_prefix_is_taken_as_it_is(shop: Caller, prefix: str, values: int) -> None:
    answer = shop.get("/api/logs/fields/service/values/", query_string={"prefix": prefix})
    assert (answer.status_code, len(answer.json["values"])) == (200, values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a/b c", "slashed"),
        ("k%2F", "percent"),
        ("größe", "groß"),
        ("service.name", "shop-0"),
        ("attributes.a/b c", "slashed"),
    ],
)
def test_any_name_can_be_asked_for(shop: Caller, name: str, value: str) -> None:
    answer = shop.get(f"/api/logs/fields/{quote(name, safe='')}/values/?query=request+0&limit=1")
    assert (answer.status_code, answer.json["name"]) == (200, name)
    assert [each["value"] for each in answer.json["values"]] == [value]


def test_an_unknown_field_has_no_values(shop: Caller) -> None:
    found = shop.get("/api/logs/fields/nosuch/values/").json
    assert (found["values"], found["present"], found["total"], found["numbers"]) == ([], 0, 40, None)


@pytest.mark.parametrize("name", ["message", "timestamp", "@timestamp", "id", "raw", "a.b.c.d.e.f.g.h.i", "time"])
def test_texts_times_and_ids_have_too_many_values(shop: Caller, name: str) -> None:
    answer = shop.get(f"/api/logs/fields/{name}/values/")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "name")


@pytest.mark.parametrize(
    "path", ["fields/?limit=1", "fields/service/values/?limit=0", "fields/service/values/?offset=1"]
)
def test_wrong_parameters_are_422(shop: Caller, path: str) -> None:
    assert shop.get(f"/api/logs/{path}").status_code == 422


def test_a_wrong_query_is_400(shop: Caller) -> None:
    for path in ("fields/", "fields/service/values/"):
        assert shop.get(f"/api/logs/{path}?query=(a").json["position"] >= 0
