"""logs/: sending one and many, reading one."""

import gzip
import json

import pytest

from app.wiring import Application
from services.query.tree import MatchAll
from tests.api.conftest import Caller

RECORD = {
    "timestamp": "2026-01-02T03:04:05.678901+01:00",
    "level": "WARN",
    "message": "payment took 3.2 s",
    "service": "checkout",
    "host": "web-1",
    "big": 2**70,
    "amount": 1.10,
}


def test_a_record_is_found_by_its_id_with_every_digit(admin: Caller) -> None:
    body = json.dumps(RECORD).replace("1.1", "1.10")
    made = admin.post("/api/logs/", data=body, content_type="application/json")
    assert made.status_code == 201
    assert made.json["problem"] is None
    answer = admin.get(f"/api/logs/{made.json['id']}/")
    assert answer.status_code == 200
    assert answer.json["timestamp"] == "2026-01-02T02:04:05.678901Z"
    assert (answer.json["level"], answer.json["service"], answer.json["host"]) == ("warning", "checkout", "web-1")
    assert f'"big":{2**70}' in answer.text.replace(" ", "")
    assert '"amount":1.10' in answer.text.replace(" ", "")


def test_a_record_has_exactly_the_documented_members(admin: Caller) -> None:
    made = admin.post("/api/logs/", json={"message": "plain"}).json
    record = admin.get(f"/api/logs/{made['id']}").json
    assert list(record) == [
        "id", "timestamp", "level", "message", "source", "service", "environment", "host", "trace_id", "span_id",
        "tags", "attributes", "raw", "problem", "upload_id",
    ]  # fmt: skip
    assert (record["tags"], record["attributes"], record["level"]) == ([], {}, "unknown")


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":1}x', b"\xff", b'{"a": NaN}', b"[1,2"])
def test_malformed_json_is_400_and_stores_nothing(admin: Caller, body: bytes) -> None:
    assert admin.post("/api/logs/", data=body, content_type="application/json").status_code == 400
    assert admin.post("/api/logs/bulk/", data=body, content_type="application/json").status_code == 400
    assert admin.get("/api/logs/").json["total"] == 0


@pytest.mark.parametrize("body", ["[1]", '"text"', "null", "12"])
def test_one_record_is_an_object(admin: Caller, body: str) -> None:
    answer = admin.post("/api/logs/", data=body, content_type="application/json")
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "multipart/form-data; boundary=x"])
def test_another_content_type_is_415(admin: Caller, kind: str) -> None:
    assert admin.post("/api/logs/", data=b"{}", content_type=kind).status_code == 415
    assert admin.post("/api/logs/bulk/", data=b"{}", content_type=kind).status_code == 415


def test_many_records_come_as_array_object_or_lines_also_gzipped(admin: Caller) -> None:
    records = [{"message": f"line {number}"} for number in range(3)]
    lines = "\n".join(json.dumps(record) for record in records).encode()
    ways = [
        {"json": records},
        {"json": {"logs": records}},
        {"data": lines, "content_type": "application/x-ndjson"},
        {"data": gzip.compress(lines), "content_type": "application/x-ndjson", "headers": {"Content-Encoding": "gzip"}},
    ]
    for way in ways:
        answer = admin.post("/api/logs/bulk/", **way)
        assert answer.status_code == 200, answer.text
        assert answer.json == {"count": 3, "ids": None, "problems": [], "replayed": False}
    assert admin.get("/api/logs/search/?q=line").json["total"] == 12


def test_ids_come_on_request_in_order(admin: Caller) -> None:
    answer = admin.bulk([{"message": f"number {number}"} for number in range(5)])
    for number, each in enumerate(answer.json["ids"]):
        assert admin.get(f"/api/logs/{each}/").json["message"] == f"number {number}"


def test_items_that_cannot_be_understood_are_stored_with_their_problem(admin: Caller) -> None:
    answer = admin.bulk([{"message": "fine"}, 17, {"message": "odd time", "timestamp": "yesterday-ish"}])
    assert answer.json["count"] == 3
    assert 2 in [each["index"] for each in answer.json["problems"]]
    assert admin.get("/api/logs/").json["total"] == 3


def test_defaults_of_the_query_string_fill_what_records_leave_out(admin: Caller) -> None:
    records = [{"message": "a", "service": "own"}, {"message": "b"}]
    made = admin.post("/api/logs/bulk/?ids=true&service=given&environment=prod&tags=x&tags=y", json=records).json
    own, given = (admin.get(f"/api/logs/{each}/").json for each in made["ids"])
    assert (own["service"], given["service"]) == ("own", "given")
    assert (given["environment"], given["tags"]) == ("prod", ["x", "y"])


def test_an_idempotency_key_stores_once(admin: Caller) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = admin.bulk([{"message": "once"}], headers=key).json
    again = admin.bulk([{"message": "once"}], headers=key).json
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert first["ids"] == again["ids"]
    assert admin.post("/api/logs/bulk/", json=[{"message": "other"}], headers=key).status_code == 409
    assert admin.get("/api/logs/").json["total"] == 1


def test_an_idempotency_key_stores_one_record_once(admin: Caller) -> None:
    key = {"Idempotency-Key": "single"}
    first, again = (admin.post("/api/logs/", json={"message": "once"}, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert admin.post("/api/logs/", json={"message": "other"}, headers=key).status_code == 409
    for body in (b'{"a":1},{"b":2}', b"[1]", b"1"):
        answer = admin.post("/api/logs/", data=body, content_type="application/json", headers=key)
        assert answer.status_code == 400
    assert admin.get("/api/logs/").json["total"] == 1


def test_too_large_a_body_is_413_naming_the_limit(admin: Caller, application) -> None:  # type: ignore[no-untyped-def]
    body = b"[" + b" " * application.config.BULK_MAX_BYTES + b"]"
    answer = admin.post("/api/logs/bulk/", data=body, content_type="application/json")
    assert answer.status_code == 413
    assert "BULK_MAX_BYTES" in answer.json["limit"]


def test_a_gzip_bomb_and_a_truncated_gzip_are_refused(admin: Caller, application) -> None:  # type: ignore[no-untyped-def]
    bomb = gzip.compress(b" " * (application.config.BULK_MAX_BYTES + 1))
    gzipped = {"content_type": "application/x-ndjson", "headers": {"Content-Encoding": "gzip"}}
    assert admin.post("/api/logs/bulk/", data=bomb, **gzipped).status_code == 413
    assert admin.post("/api/logs/bulk/", data=gzip.compress(b'{"a":1}')[:-9], **gzipped).status_code == 400


@pytest.mark.parametrize("odd", ["0" * 16 + "-" + "0" * 16, "nothing", "0" * 33, "f" * 16 + "-" + "0" * 16])
def test_an_id_that_is_none_is_404(admin: Caller, odd: str) -> None:
    assert admin.get(f"/api/logs/{odd}/").status_code in (404, 422)


def test_log_text_stays_data(admin: Caller) -> None:
    text = "<script>alert(1)</script> \u2028 \U0001f600 ' \" \\ --"
    made = admin.post("/api/logs/", json={"message": text}).json
    answer = admin.get(f"/api/logs/{made['id']}/")
    assert answer.json["message"] == text
    assert answer.content_type == "application/json"


def test_a_key_whose_record_was_deleted_is_a_conflict(admin: Caller, application: Application) -> None:
    key = {"Idempotency-Key": "gone"}
    assert admin.post("/api/logs/", json={"message": "once"}, headers=key).status_code == 201
    organisation_id = application.services.accounts.token_principal(admin.token).organisation_id
    application.services.store.delete(organisation_id, MatchAll())
    assert admin.get("/api/logs/").json["total"] == 0
    again = admin.post("/api/logs/", json={"message": "once"}, headers=key)
    assert (again.status_code, "deleted" in again.json["detail"]) == (409, True)
