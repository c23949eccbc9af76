"""What an answer says of itself: total_relation, partial, fresh, and the sentences that go with them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.flask_app import create_app
from app.wiring import Application
from services.search import Analytics, Search
from tests.api.conftest import Caller
from tests.telling_store import TellingStore

READS = (
    *("logs/", "logs/search/", "logs/stats/", "logs/aggregate/", "logs/fields/"),
    *("logs/fields/shop/values/", "logs/patterns/"),
)
NOT_FRESH = "still on its way"


@pytest.fixture
def told(application: Application) -> TellingStore:
    return TellingStore(application.services.store)


@pytest.fixture
def teller(application: Application, told: TellingStore, admin: Caller) -> Iterator[Caller]:
    """An admin of ten records, over a store that can say more than the embedded one ever has to."""
    store: Any = told
    clock = application.services.clock
    services = replace(application.services, search=Search(store, clock), analytics=Analytics(store, clock))
    made = create_app(application.config, services)
    caller = Caller(made.test_client(use_cookies=False), admin.token, admin.user)
    caller.bulk([{"message": f"request {number}", "shop": number} for number in range(10)])
    yield caller


@pytest.mark.parametrize(("bound", "total", "relation"), [(1, 1, "gte"), (9, 9, "gte"), (10, 10, "eq"), (11, 10, "eq")])
def test_a_bound_is_told_as_at_least(teller: Caller, bound: int, total: int, relation: str) -> None:
    for answer in (
        teller.get(f"/api/logs/?q=request&total_bound={bound}"),
        teller.post("/api/logs/search/", json={"q": "request", "total_bound": bound}),
    ):
        assert (answer.json["total"], answer.json["total_relation"]) == (total, relation)
        assert len(answer.json["results"]) == 10


@pytest.mark.parametrize("bound", ["0", "-1", "some", "1000000001"])
def test_a_bound_that_makes_no_sense_is_refused(teller: Caller, bound: str) -> None:
    assert teller.get(f"/api/logs/?total_bound={bound}").status_code == 422


def test_a_whole_answer_says_nothing_of_itself(teller: Caller) -> None:
    for path in READS:
        answer = teller.get(f"/api/{path}").json
        assert not {"partial", "fresh", "total_relation"} & set(answer), path


@pytest.mark.parametrize("path", READS)
def test_a_partial_answer_says_so_and_why(teller: Caller, told: TellingStore, path: str) -> None:
    told.is_partial = True
    answer = teller.get(f"/api/{path}").json
    assert answer["partial"] is True
    [said] = [each["message"] for each in answer["notices"]]
    if path in ("logs/", "logs/search/"):
        assert said.startswith("Partial: only the newest 100,000 candidates were looked at; older ones may match too.")
    else:
        assert said.startswith("Partial: not all records or groups could be looked at")


def test_a_partial_total_is_at_least_so_many(teller: Caller, told: TellingStore) -> None:
    told.is_partial = True
    answer = teller.get("/api/logs/?sort=timestamp").json
    assert (answer["total"], answer["total_relation"]) == (10, "gte")
    assert "only the oldest 100,000 candidates" in answer["notices"][0]["message"]


def test_a_partial_page_says_that_the_next_goes_on(teller: Caller, told: TellingStore) -> None:
    told.is_partial = True
    first = teller.get("/api/logs/?page_size=4").json
    assert "The next page goes on with those." in first["notices"][0]["message"]
    second = teller.get(f"/api/logs/?page_size=4&cursor={first['next_cursor']}").json
    assert second["notices"][0]["message"].startswith("Partial: not all candidates were looked at")


def test_a_dry_run_that_could_not_look_at_all_says_so(teller: Caller, told: TellingStore) -> None:
    told.is_partial = True
    assert teller.delete("/api/logs/?query=request&dry_run=true").json["partial"] is True
    told.is_settled = False
    assert teller.delete("/api/logs/?query=request&dry_run=true").status_code == 503


@pytest.mark.parametrize("path", [*READS, "logs/{id}/context/"])
def test_fresh_waits_for_what_is_on_its_way(teller: Caller, told: TellingStore, path: str) -> None:
    record_id = teller.get("/api/logs/").json["results"][0]["id"]
    answer = teller.get(f"/api/{path.format(id=record_id)}?fresh=true").json
    assert (answer["fresh"], told.settled) == (True, [(teller.get("/api/organisation/").json["id"], 10.0)])
    told.is_settled = False
    late = teller.get(f"/api/{path.format(id=record_id)}?fresh=true").json
    assert late["fresh"] is False
    assert any(NOT_FRESH in each["message"] for each in late["notices"])


def test_nothing_waits_unless_it_is_asked_to(teller: Caller, told: TellingStore) -> None:
    for path in READS:
        assert teller.get(f"/api/{path}").status_code == 200
    assert told.settled == []


def test_a_fresh_record_is_waited_for(teller: Caller, told: TellingStore) -> None:
    record_id = teller.get("/api/logs/").json["results"][0]["id"]
    assert teller.get(f"/api/logs/{record_id}/?fresh=true").status_code == 200
    assert told.settled == []
    told.late_ids = {record_id}
    assert teller.get(f"/api/logs/{record_id}/").status_code == 404
    assert teller.get(f"/api/logs/{record_id}/?fresh=true").json["id"] == record_id


def test_a_record_that_may_still_come_is_not_said_to_be_gone(teller: Caller, told: TellingStore) -> None:
    record_id = teller.get("/api/logs/").json["results"][0]["id"]
    told.late_ids, told.is_settled = {record_id}, False
    answer = teller.get(f"/api/logs/{record_id}/?fresh=true")
    assert (answer.status_code, NOT_FRESH in answer.json["detail"]) == (504, True)
    assert int(answer.headers["Retry-After"]) >= 1


def test_the_embedded_store_is_fresh_at_once(admin: Caller, new_caller: Callable[..., Caller]) -> None:
    admin.bulk([{"message": "just now"}])
    answer = admin.get("/api/logs/?q=just&fresh=true").json
    assert (answer["total"], answer["fresh"], answer["notices"]) == (1, True, [])
