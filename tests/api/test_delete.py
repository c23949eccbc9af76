"""DELETE logs/: by query, with a dry run."""

from typing import Any

import pytest

from tests.api.conftest import Caller


@pytest.fixture
def filled(admin: Caller) -> Caller:
    """30 records: ten errors; ten on each of three days."""
    admin.bulk(
        [
            {
                "timestamp": f"2026-01-0{1 + number // 10}T12:00:00Z",
                "level": "error" if number % 3 == 0 else "info",
                "message": f"number {number}",
            }
            for number in range(30)
        ]
    )
    return admin


def delete(caller: Caller, **parameters: Any) -> Any:
    return caller.delete("/api/logs/", query_string=parameters)


def test_a_dry_run_counts_and_deletes_nothing(filled: Caller) -> None:
    answer = delete(filled, query="number", level="error", dry_run="true")
    assert (answer.status_code, answer.json) == (200, {"matched": 10, "deleted": 0, "dry_run": True})
    assert filled.get("/api/logs/").json["total"] == 30


def test_what_matches_is_gone_and_the_rest_is_there(filled: Caller) -> None:
    answer = delete(filled, query="level:error")
    assert (answer.status_code, answer.json) == (200, {"matched": 10, "deleted": 10, "dry_run": False})
    assert filled.get("/api/logs/").json["total"] == 20
    assert filled.get("/api/logs/?level=error").json["total"] == 0
    assert delete(filled, query="level:error").json["deleted"] == 0


def test_a_time_range_alone_says_what_is_meant(filled: Caller) -> None:
    assert delete(filled, end_date="2026-01-01").json["deleted"] == 10
    assert filled.get("/api/logs/stats/").json["total"] == 20


def test_everything_goes_only_on_express_wish(filled: Caller) -> None:
    for parameters in ({}, {"query": ""}, {"q": "  "}, {"tz": "Europe/Berlin"}, {"dry_run": "true"}):
        answer = delete(filled, **parameters)
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "query")
        assert "query=*" in answer.json["detail"]
    assert filled.get("/api/logs/").json["total"] == 30
    assert delete(filled, query="*").json["deleted"] == 30
    assert filled.get("/api/logs/").json["total"] == 0


@pytest.mark.parametrize(
    ("parameters", "status"),
    [({"query": "(a"}, 400), ({"query": "a", "levle": "error"}, 422), ({"query": "a", "dry_run": "yes"}, 422)],
)
def test_a_mistake_deletes_nothing(filled: Caller, parameters: dict[str, str], status: int) -> None:
    assert delete(filled, **parameters).status_code == status
    assert filled.get("/api/logs/").json["total"] == 30


def test_a_shippers_token_deletes_nothing(filled: Caller) -> None:
    token = filled.post("/api/auth/tokens/", json={"name": "shipper", "scopes": ["ingest"]}).json["token"]
    shipper = Caller(filled.client, token, filled.user)
    for dry_run in ("true", "false"):
        assert delete(shipper, query="*", dry_run=dry_run).status_code == 403
