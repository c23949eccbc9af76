"""logs/patterns/."""

from collections.abc import Callable

import pytest

from tests.api.conftest import Caller


@pytest.fixture(scope="module")
def shop(new_caller: Callable[..., Caller]) -> Caller:
    """60 records of three patterns, one a minute."""
    caller = new_caller()
    texts = ("order {} paid", "user {} signed in from 10.0.0.{}", "cache miss for key k{}")
    caller.bulk(
        [
            {
                "timestamp": f"2026-01-01T00:{number:02}:00Z",
                "level": "error" if number % 10 == 0 else "info",
                "message": texts[(number % 6 > 2) + (number % 6 == 5)].format(number, number),
            }
            for number in range(60)
        ]
    )
    return caller


def test_patterns_come_with_counts_levels_and_times(shop: Caller) -> None:
    found = shop.get("/api/logs/patterns/").json
    assert (found["total"], found["other_count"]) == (60, 0)
    assert [each["count"] for each in found["patterns"]] == [30, 20, 10]
    first = found["patterns"][0]
    assert "order" in first["template"] and "paid" in first["template"] and "17" not in first["template"]
    assert (first["share"], first["first"], first["last"]) == (
        0.5,
        "2026-01-01T00:00:00.000000Z",
        "2026-01-01T00:56:00.000000Z",
    )
    assert sum(level["count"] for level in first["levels"]) == 30
    assert first["levels"][0]["value"] == "error"


def test_the_limit_leaves_the_rest_counted(shop: Caller) -> None:
    found = shop.get("/api/logs/patterns/?limit=1").json
    assert (len(found["patterns"]), found["other_count"], found["total"]) == (1, 30, 60)


def test_patterns_are_those_of_the_records_that_match(shop: Caller) -> None:
    found = shop.get("/api/logs/patterns/?query=cache").json
    assert [(each["count"], each["share"]) for each in found["patterns"]] == [(10, 1)]
    assert shop.get("/api/logs/patterns/?query=nosuchword").json["patterns"] == []


def test_the_id_of_a_pattern_finds_its_records(shop: Caller) -> None:
    for each in shop.get("/api/logs/patterns/").json["patterns"]:
        assert shop.get(f"/api/logs/?query=pattern:{each['id']}").json["total"] == each["count"]


@pytest.mark.parametrize("parameters", ["limit=0", "limit=1001", "by=service"])
def test_wrong_parameters_are_422(shop: Caller, parameters: str) -> None:
    assert shop.get(f"/api/logs/patterns/?{parameters}").status_code == 422
