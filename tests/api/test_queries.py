"""queries/{id}/: watching and cancelling what runs."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from app.wiring import Application
from tests.api.conftest import Caller
from tests.api.walking import principal_of
from tests.running import wait_for

SLOW = "/[a-q][^u-z]{13}x/"


def test_a_running_query_tells_how_far_it_is(admin: Caller, application: Application) -> None:
    with application.services.queries.running(principal_of(application, admin), "mine") as handle:
        assert admin.get("/api/queries/mine/").json == {"id": "mine", "progress": None}
        assert handle is not None
        handle.begin(lambda: None, lambda: 0.5)
        assert admin.get("/api/queries/mine/").json["progress"] == 0.5
    assert admin.get("/api/queries/mine/").status_code == 404


def test_cancelling_reaches_ones_own_query_only(
    admin: Caller, joining: Callable[[Caller, str], Caller], new_caller: Callable[..., Caller], application: Application
) -> None:
    with application.services.queries.running(principal_of(application, admin), "mine") as handle:
        assert handle is not None
        for other in (joining(admin, "admin"), new_caller()):
            assert other.delete("/api/queries/mine/").json == {"id": "mine", "cancelled": False}
            assert other.get("/api/queries/mine/").status_code == 404
        assert not handle.is_cancelled
        assert admin.delete("/api/queries/mine/").json == {"id": "mine", "cancelled": True}
        assert handle.is_cancelled


def test_an_id_is_short_and_plain(admin: Caller) -> None:
    for odd in ("a b", "x" * 65, "ä", "a.b"):
        assert admin.get(f"/api/queries/{odd}/").status_code == 422
        assert admin.get("/api/logs/search/", query_string={"query_id": odd}).status_code == 422


@pytest.mark.parametrize("path", ["", "search/", "stats/", "aggregate/", "fields/", "fields/service/values/"])
def test_a_query_with_an_id_is_answered_like_one_without(admin: Caller, path: str) -> None:
    admin.bulk([{"message": "one", "service": "web"}])
    with_id = admin.get(f"/api/logs/{path}?query_id=once")
    assert with_id.status_code == 200, with_id.text
    assert with_id.json | {"took_ms": 0} == admin.get(f"/api/logs/{path}").json | {"took_ms": 0}
    assert admin.get("/api/queries/once/").status_code == 404


def test_a_cancelled_search_ends_with_409(admin: Caller, server: Any) -> None:
    text = "abcdefghijklmnopq" * 250
    admin.bulk([{"message": f"{number} {text}"} for number in range(4_000)])
    answers: list[int] = []

    def search() -> None:
        caller = Caller(server.test_client(use_cookies=False), admin.token, admin.user)
        answers.append(caller.get("/api/logs/search/", query_string={"q": SLOW, "query_id": "slow"}).status_code)

    def cancelled() -> bool:
        thread = threading.Thread(target=search)
        thread.start()
        while thread.is_alive() and not admin.delete("/api/queries/slow/").json["cancelled"]:
            thread.join(0.001)
        thread.join()
        return answers[-1] == 409

    wait_for(cancelled)
    assert set(answers) <= {200, 409}
