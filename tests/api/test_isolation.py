"""Two organisations see nothing of each other, on any route."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from app.wiring import Application
from tests.api.conftest import PASSWORD, Caller
from tests.api.walking import CALLS, objects_of, principal_of, routes_of, walk

MARK = "zweitmarke"


def test_the_other_organisations_ids_are_404_and_nothing_of_it_is_in_any_answer(
    admin: Caller, new_caller: Callable[..., Caller], visitor: FlaskClient, application: Application
) -> None:
    other = new_caller(username=MARK, email=f"{MARK}@example.org", organisation=MARK)
    theirs = objects_of(other, MARK)
    mine = objects_of(admin, "eigenmarke")
    before = state_of(other)
    with application.services.queries.running(principal_of(application, other), theirs["/api/queries/{id}/"]) as handle:
        for method, path in routes_of(visitor.get("/api/schema/").json) - {("POST", "/api/auth/logout/")}:
            answer = walk(admin, method, path, theirs.get(path, ""))
            if (method, path) == ("DELETE", "/api/queries/{id}/"):  # an id is its user's: here it names nothing
                assert answer.json["cancelled"] is False
            elif "{id}" in path:
                assert answer.status_code == 404, (method, path, answer.text)
            assert MARK not in answer.text, (method, path)
            said = answer.text.replace(answer.request.path, "").replace(theirs["/api/queries/{id}/"], "")
            assert not [each for each in theirs.values() if each in said]
    assert handle is not None and not handle.is_cancelled
    assert state_of(other) == before
    assert admin.get(f"/api/logs/{mine['/api/logs/{id}/']}/").status_code == 200


def test_searching_for_the_others_words_finds_nothing(admin: Caller, new_caller: Callable[..., Caller]) -> None:
    other = new_caller()
    objects_of(other, MARK)
    for query in (MARK, f"service:{MARK}", f"secret:{MARK}", f"message:{MARK} OR NOT {MARK}", "NOT nothing"):
        assert admin.get("/api/logs/search/", query_string={"q": query}).json["total"] == 0
        assert other.get("/api/logs/search/", query_string={"q": query}).json["total"] > 0
    upload = other.get("/api/uploads/").json["results"][0]["id"]
    assert admin.get(f"/api/logs/search/?upload_id={upload}").json["total"] == 0


@pytest.mark.parametrize("query", ["*", f"{MARK} OR *", f"secret:{MARK}", "NOT nothing"])
def test_deleting_reaches_only_ones_own(admin: Caller, new_caller: Callable[..., Caller], query: str) -> None:
    other = new_caller()
    objects_of(other, MARK)
    before = other.get("/api/logs/").json["total"]
    assert admin.delete("/api/logs/", query_string={"query": query}).json["deleted"] == 0
    assert other.get("/api/logs/").json["total"] == before > 0


def test_a_cursor_of_the_other_organisation_shows_only_ones_own(
    admin: Caller, new_caller: Callable[..., Caller]
) -> None:
    other = new_caller()
    other.bulk([{"message": f"{MARK} {number}"} for number in range(5)])
    cursor = other.get("/api/logs/?page_size=2").json["next_cursor"]
    answer = admin.get(f"/api/logs/?cursor={cursor}")
    assert (answer.status_code, answer.json["results"]) == (200, [])


def test_every_call_is_listed_for_the_walk(visitor: FlaskClient) -> None:
    assert set(CALLS) == routes_of(visitor.get("/api/schema/").json)


def state_of(caller: Caller) -> list[object]:
    """What a change by somebody else would alter."""
    login = {"username": caller.user["username"], "password": PASSWORD}
    assert caller.client.post("/api/auth/login/", json=login).status_code == 200
    paths = ["uploads/", "logs/", "logs/search-history/", "organisation/", "organisation/members/", "preferences/"]
    answers = [caller.get(f"/api/{path}").json for path in [*paths, "organisation/invitations/", "sample/"]]
    tokens = [token["id"] for token in caller.get("/api/auth/tokens/").json["results"] if token["name"] == MARK]
    return [[answer | {"took_ms": 0} for answer in answers], tokens]
