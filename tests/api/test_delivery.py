"""delivery/ and delivery/dead-letters/, the metrics and the health part of delivery."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.flask_app import create_app
from app.wiring import Application
from services.clock import SystemClock
from services.delivery import IN_PROCESS, Deliveries
from services.health import Health
from services.log_store.delivery import DeliveryState
from tests.api.conftest import Caller
from tests.delivering import Delivering, Refused

NOW = datetime.now(UTC)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def delivering() -> Delivering:
    return Delivering(
        DeliveryState(
            records=1_200,
            size_bytes=640_000,
            oldest_at=NOW - timedelta(seconds=30),
            is_reachable=True,
            rate_per_s=812.5,
            in_doubt=0,
            concurrency=2,
            bulk_bytes=4 << 20,
            max_bytes=1 << 30,
            last_error="ConnectionError at es-1.internal:9200",
            counters={"delivered": 7, "retried": 2, "made_up_later": 1},
        )
    )


@pytest.fixture
def telling(application: Application, delivering: Delivering) -> Iterator[Any]:
    deliveries = Deliveries(delivering, SystemClock(), application.services.accounts.organisation_names)
    health = Health({"delivery": ("./data/spool", deliveries.health)}, "0")
    yield create_app(application.config, replace(application.services, deliveries=deliveries, health=health))


@pytest.fixture
def owner(telling: Any, new_caller: Callable[..., Caller], delivering: Delivering) -> Caller:
    """An admin with three dead letters."""
    new_caller()  # so that the owner is never the first account, which administers the installation
    registered = new_caller(organisation="Acme Shop")
    caller = Caller(telling.test_client(use_cookies=False), registered.token, registered.user)
    delivering.dead_letters.add(id_of(caller), *(refused(f"own-{number}", number) for number in range(3)))
    return caller


def refused(letter_id: str, minutes: int) -> Refused:
    return Refused(letter_id, NOW + timedelta(minutes=minutes), {"message": HOSTILE, "service": "shop"})


def id_of(caller: Caller) -> str:
    return caller.get("/api/organisation/").json["id"]


def test_an_admin_is_told_of_their_organisation(owner: Caller) -> None:
    told = owner.get("/api/delivery/").json
    assert (told["active"], told["scope"], told["dead_letters"]) == (True, "organisation", 3)
    assert (told["waiting"]["records"], told["waiting"]["lag_s"]) == (0, 0.0)
    assert told["server"] == {"reachable": True, "failing_since": None, "last_error": None, "last_error_at": None}
    assert told["counters"] == {}


def test_dead_letters_are_listed_sent_again_and_removed(owner: Caller, delivering: Delivering) -> None:
    listed = owner.get("/api/delivery/dead-letters/?page_size=2").json
    assert ([each["id"] for each in listed["results"]], listed["total"]) == (["own-2", "own-1"], 3)
    first = listed["results"][0]
    assert (first["error_type"], first["organisation"], first["status"]) == (
        "mapper_parsing_exception",
        "Acme Shop",
        400,
    )
    assert HOSTILE in first["preview"]
    assert owner.post("/api/delivery/dead-letters/redrive/", json={"ids": ["own-1"]}).json == {"redriven": 1}
    assert delivering.dead_letters.redriven == ["own-1"]
    assert owner.delete("/api/delivery/dead-letters/?id=own-0").json == {"discarded": 1}
    assert owner.delete("/api/delivery/dead-letters/?all=true").json == {"discarded": 1}
    assert owner.get("/api/delivery/").json["dead_letters"] == 0


@pytest.mark.parametrize("body", [{}, {"ids": []}, {"ids": ["own-1"], "all": True}, {"all": False}])
def test_nothing_said_is_not_all(owner: Caller, body: dict[str, Any]) -> None:
    assert owner.post("/api/delivery/dead-letters/redrive/", json=body).status_code == 422
    query = {"id": body.get("ids", []), "all": str(body.get("all", False)).lower()}
    assert owner.delete("/api/delivery/dead-letters/", query_string=query).status_code == 422
    assert owner.get("/api/delivery/").json["dead_letters"] == 3


def test_the_others_dead_letters_are_404(owner: Caller, delivering: Delivering) -> None:
    delivering.dead_letters.add("rival", refused("theirs", 9))
    for ids in (["theirs"], ["own-1", "theirs"]):
        assert owner.post("/api/delivery/dead-letters/redrive/", json={"ids": ids}).status_code == 404
        assert owner.delete("/api/delivery/dead-letters/", query_string={"id": ids}).status_code == 404
    for path in ("?organisation_id=rival", "?all=true&organisation_id=rival"):
        assert owner.get("/api/delivery/dead-letters/?organisation_id=rival").status_code == 404
        assert owner.delete(f"/api/delivery/dead-letters/{path}").status_code in (404, 422)
    assert "theirs" not in owner.get("/api/delivery/dead-letters/").text
    assert delivering.dead_letters.counts() == {"rival": 1, id_of(owner): 3}


def test_a_superadmin_decides_for_everybody(owner: Caller, delivering: Delivering, application: Application) -> None:
    root = application.services.accounts.create_superuser("steward", "steward@example.org", "correct horse battery")
    token = application.services.accounts.issue_sign_in_token(root)[1]
    caller = Caller(owner.client, token, {})
    told = caller.get("/api/delivery/").json
    assert (told["scope"], told["waiting"]["records"], told["pace"]["concurrency"]) == ("installation", 1_200, 2)
    assert (told["counters"]["delivered"], told["server"]["last_error"]) == (7, "ConnectionError at es-1.internal:9200")
    assert caller.delete("/api/delivery/dead-letters/?id=own-1").status_code == 422
    mine = {"ids": ["own-1"], "organisation_id": id_of(owner)}
    assert caller.post("/api/delivery/dead-letters/redrive/", json=mine).json == {"redriven": 1}
    assert caller.delete("/api/delivery/dead-letters/?all=true").json == {"discarded": 2}


@pytest.fixture
def quiet(application: Application) -> Any:
    """The application over a store without delivery, whatever this run is about."""
    deliveries = Deliveries(None, SystemClock(), application.services.accounts.organisation_names)
    return create_app(application.config, replace(application.services, deliveries=deliveries))


def test_the_embedded_store_says_that_nothing_is_on_its_way(quiet: Any, admin: Caller) -> None:
    admin = Caller(quiet.test_client(use_cookies=False), admin.token, admin.user)
    told = admin.get("/api/delivery/").json
    assert (told["active"], told["detail"], told["waiting"]) == (False, IN_PROCESS, None)
    assert admin.get("/api/delivery/dead-letters/").json["results"] == []


def test_metrics_tell_of_delivery(telling: Any, delivering: Delivering, owner: Caller) -> None:
    text = telling.test_client().get("/metrics").text
    for line in (
        "elkvision_delivery_spool_records 1200.0",
        "elkvision_delivery_spool_bytes 640000.0",
        "elkvision_delivery_dead_letters 3.0",
        "elkvision_delivery_server_up 1.0",
        "elkvision_delivery_delivered_records_total 7.0",
        "elkvision_delivery_retried_records_total 2.0",
        "elkvision_delivery_made_up_later_total 1.0",
        "# TYPE elkvision_delivery_lag_seconds gauge",
        "# TYPE elkvision_delivery_delivered_records_total counter",
    ):
        assert line in text


def test_metrics_of_the_embedded_store_have_no_delivery(quiet: Any) -> None:
    text = quiet.test_client().get("/metrics").text
    assert "elkvision_delivery_lag" not in text
    assert "http_requests_total" in text


def test_health_is_degraded_and_still_ready_while_dead_letters_wait(owner: Caller, application: Application) -> None:
    answer = owner.get("/api/health/ready/")
    assert (answer.status_code, answer.json["status"]) == (200, "degraded")
    [part] = answer.json["parts"]
    assert (part["name"], part["status"], part["error"]) == ("delivery", "degraded", None)
    assert "figures" not in part
