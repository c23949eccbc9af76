"""logs/{id}/context/."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Caller


@pytest.fixture(scope="module")
def shop(new_caller: Callable[..., Caller]) -> Caller:
    """20 records, one a minute, by turns of two hosts."""
    caller = new_caller()
    caller.bulk(
        [
            {
                "timestamp": f"2026-01-01T00:{number:02}:00Z",
                "message": f"line {number}",
                "service": "web",
                "host": f"h{number % 2}",
                "trace_id": "t1" if number in (3, 10, 17) else None,
            }
            for number in range(20)
        ]
    )
    return caller


def around(caller: Caller, number: int, **parameters: Any) -> dict[str, Any]:
    record_id = caller.get(f'/api/logs/?q="line+{number}"').json["results"][0]["id"]
    answer = caller.get(f"/api/logs/{record_id}/context/", query_string=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json


def lines(records: list[dict[str, Any]]) -> list[int]:
    return [int(record["message"].split()[1]) for record in records]


def test_the_records_around_one_are_of_the_same_host(shop: Caller) -> None:
    found = around(shop, 10, before=2, after=3)
    assert lines(found["before"]) == [6, 8]
    assert found["record"]["message"] == "line 10"
    assert lines(found["after"]) == [12, 14, 16]
    assert (found["has_more_before"], found["has_more_after"]) == (True, True)


def test_any_means_all_records(shop: Caller) -> None:
    found = around(shop, 10, before=2, after=2, same="any")
    assert (lines(found["before"]), lines(found["after"])) == ([8, 9], [11, 12])


def test_same_names_what_must_agree(shop: Caller) -> None:
    found = around(shop, 10, same="trace_id")
    assert (lines(found["before"]), lines(found["after"])) == ([3], [17])
    assert (found["has_more_before"], found["has_more_after"]) == (False, False)


def test_at_the_ends_there_is_no_more(shop: Caller) -> None:
    found = around(shop, 0, same="any", after=0)
    assert (found["before"], found["after"], found["has_more_before"], found["has_more_after"]) == ([], [], False, True)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ("before=-1", "before"),
        ("after=201", "after"),
        ("same=message", "same"),
        ("same=any&same=host", "same"),
        ("x=1", "x"),
    ],
)
def test_wrong_parameters_are_422(shop: Caller, parameters: str, field: str) -> None:
    record_id = shop.get("/api/logs/").json["results"][0]["id"]
    answer = shop.get(f"/api/logs/{record_id}/context/?{parameters}")
    assert (answer.status_code, answer.json["errors"][0]["field"].split(".")[0]) == (422, field)


def test_a_record_that_is_not_there_is_404(shop: Caller, admin: Caller) -> None:
    assert shop.get(f"/api/logs/{'0' * 16}-{'0' * 16}/context/").status_code == 404
    theirs = shop.get("/api/logs/").json["results"][0]["id"]
    assert admin.get(f"/api/logs/{theirs}/context/").status_code == 404
