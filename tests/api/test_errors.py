"""One error shape, whatever goes wrong."""

import logging
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.api.errors import problem_of
from app.bodies import Stalled
from services import errors
from tests.api.conftest import Caller

SHAPE = {"type", "title", "status", "detail", "instance", "request_id"}


def assert_is_problem(answer: Any, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert set(answer.json) >= SHAPE
    assert answer.json["status"] == status
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/logs/1/2/3"])
def test_unknown_addresses_are_404_in_json(visitor: FlaskClient, method: str, path: str) -> None:
    assert_is_problem(visitor.open(path, method=method), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/auth/login/", "OPTIONS, POST"),
        ("GET", "/api/logs/bulk", "OPTIONS, POST"),
        ("PUT", "/api/uploads/x", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("DELETE", "/api/schema/", "GET, HEAD, OPTIONS"),
        ("TRACE", "/api/logs/", "DELETE, GET, HEAD, OPTIONS, POST"),
    ],
)
def test_other_methods_are_405_with_allow(visitor: FlaskClient, method: str, path: str, allowed: str) -> None:
    answer = visitor.open(path, method=method)
    assert_is_problem(answer, 405)
    assert answer.headers["Allow"] == allowed


def test_options_tells_the_methods_of_an_address(visitor: FlaskClient) -> None:
    answer = visitor.options("/api/uploads/x")
    assert (answer.status_code, answer.headers["Allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PATCH")


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}])
def test_without_a_good_credential_it_is_401(visitor: FlaskClient, header: dict[str, str]) -> None:
    answer = visitor.get("/api/logs/", headers=header)
    assert_is_problem(answer, 401)
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert "Token" in answer.headers["WWW-Authenticate"]


def test_the_credential_is_asked_for_before_anything_is_judged(visitor: FlaskClient) -> None:
    assert_is_problem(visitor.get("/api/logs/search/?page=x"), 401)
    assert_is_problem(visitor.post("/api/logs/bulk/", data=b"{"), 401)


def test_a_misspelt_parameter_or_member_is_told_with_the_right_one(admin: Caller) -> None:
    by_query = admin.get("/api/logs/search/?levle=error")
    by_body = admin.post("/api/logs/search/", json={"levle": "error"})
    for answer, place in ((by_query, "query"), (by_body, "body")):
        assert_is_problem(answer, 422)
        fault = {"in": place, "field": "levle", "detail": "is not known here; did you mean level?"}
        assert answer.json["errors"] == [fault]


def test_a_sane_request_id_comes_back_and_an_odd_one_is_replaced(visitor: FlaskClient) -> None:
    assert visitor.get("/api/nothing", headers={"X-Request-ID": "trace-1.a"}).json["request_id"] == "trace-1.a"
    for odd in ("a b", "x" * 65, "<script>"):
        made = visitor.get("/api/nothing", headers={"X-Request-ID": odd}).json["request_id"]
        assert made != odd
        assert len(made) == 32


@pytest.mark.parametrize(
    ("error", "status", "members"),
    [
        (
            errors.InvalidQuery("x", position=3, length=1, expected="a word", suggestion="a"),
            400,
            {"position": 3, "length": 1, "expected": "a word", "suggestion": "a"},
        ),
        (errors.InvalidInput("x", field="email"), 422, {}),
        (errors.InvalidInput("x"), 400, {}),
        (errors.Unauthenticated("x"), 401, {}),
        (errors.Forbidden("x"), 403, {}),
        (errors.NotFound("x"), 404, {}),
        (errors.Conflict("x"), 409, {}),
        (Stalled("x"), 408, {}),
        (errors.TooLarge("x", limit="SIZE=1"), 413, {"limit": "SIZE=1"}),
        (errors.UnsupportedMedia("x"), 415, {}),
        (errors.QuotaExceeded("x", retry_after_s=7), 429, {"retry_after": 7}),
        (errors.BackendUnavailable("x"), 503, {}),
        (errors.BackendTimeout("x"), 504, {}),
        (errors.StorageFull("x"), 507, {}),
    ],
)
def test_every_service_error_has_its_status(error: errors.ElkVisionError, status: int, members: dict[str, Any]) -> None:
    found, headers, body = problem_of(error, instance="/api/x", request_id="r")
    assert (found, body["status"], headers["Content-Type"]) == (status, status, "application/problem+json")
    assert members.items() <= body.items()
    assert ("Retry-After" in headers) == (status in (429, 503, 504))


def test_an_accident_is_500_without_its_trace_and_is_logged_once(
    server: Any, admin: Caller, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = server.extensions["elkvision"].search
    monkeypatch.setattr(type(search), "search", lambda *_: 1 / 0)
    with caplog.at_level(logging.ERROR):
        answer = admin.get("/api/logs/", headers={"X-Request-ID": "the-one"})
    assert_is_problem(answer, 500)
    assert "ZeroDivision" not in answer.text
    records = [record for record in caplog.records if record.exc_info]
    assert len(records) == 1
    assert getattr(records[0], "http.request.id") == "the-one"
