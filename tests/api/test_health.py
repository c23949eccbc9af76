"""health, health/live, health/ready."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.wiring import Application
from services.errors import BackendUnavailable
from services.health import Health
from tests.api.conftest import Caller

FIELDS = {"name", "status", "latency_ms", "address", "error"}


@pytest.mark.parametrize("path", ["/api/health", "/api/health/", "/api/health/ready", "/api/health/ready/"])
def test_health_tells_each_part_with_its_latency(visitor: FlaskClient, path: str) -> None:
    answer = visitor.get(path)
    assert (answer.status_code, answer.json["status"]) == (200, "ok")
    assert {part["name"] for part in answer.json["parts"]} >= {"logs", "database"}
    assert all(set(part) == FIELDS and part["latency_ms"] >= 0 for part in answer.json["parts"])


def test_live_answers_without_asking_any_part(visitor: FlaskClient) -> None:
    assert visitor.get("/api/health/live").json == {"status": "ok"}


def test_addresses_are_for_superadmins_only(
    application: Application, visitor: FlaskClient, new_caller: Callable[..., Caller]
) -> None:
    principal = application.services.accounts.create_superuser("root", "root@example.org", "a rather long password")
    _, token = application.services.accounts.issue_sign_in_token(principal)
    callers = {"visitor": visitor, "admin": new_caller(), "root": Caller(visitor, token, {})}
    shown = {name: caller.get("/api/health/").json["parts"][0]["address"] for name, caller in callers.items()}
    assert shown["root"]
    assert (shown["visitor"], shown["admin"]) == (None, None)


def test_a_failed_part_makes_health_503_without_its_reason(server: Any, visitor: FlaskClient) -> None:
    def fail() -> None:
        raise BackendUnavailable("the disk /secret/path is gone")

    services = server.extensions["elkvision"]
    server.extensions["elkvision"] = dataclasses.replace(services, health=Health({"logs": ("x", fail)}, "1"))
    try:
        answer = visitor.get("/api/health/ready")
        assert (answer.status_code, answer.json["status"]) == (503, "failed")
        assert "secret" not in answer.text
        assert visitor.get("/api/health/live").status_code == 200
    finally:
        server.extensions["elkvision"] = services
