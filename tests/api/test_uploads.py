"""logs/upload/, its preview, and uploads/."""

import json
from io import BytesIO
from typing import Any

import pytest

from tests.api.conftest import Caller

LINES = b"".join(b'{"level":"info","message":"line %d"}\n' % number for number in range(20))


def test_a_file_is_accepted_and_its_records_can_be_found(admin: Caller) -> None:
    form = {"file": (BytesIO(LINES), "app.ndjson"), "service": "shop", "tags": "a, b", "metadata": '{"run": 7}'}
    answer = admin.post("/api/logs/upload/", data=form)
    assert answer.status_code == 202
    assert answer.json["id"] == answer.json["task_id"] == answer.json["uploads"][0]["id"]
    assert (answer.json["name"], answer.json["size_bytes"]) == ("app.ndjson", len(LINES))
    assert answer.json["estimate_s"] >= 0


def test_an_upload_tells_its_end_and_its_records_carry_its_id(admin: Caller) -> None:
    upload = admin.upload(LINES, "app.ndjson", service="shop", metadata='{"run": 7}', tags="a,b")
    assert (upload["state"], upload["rows"], upload["problems"]) == ("done", 20, 0)
    assert (upload["tags"], upload["metadata"]) == (["a", "b"], {"run": 7})
    found = admin.get(f"/api/logs/search/?upload_id={upload['id']}").json
    assert found["total"] == 20
    record = found["results"][0]
    assert (record["upload_id"], record["service"], record["tags"]) == (upload["id"], "shop", ["a", "b"])
    assert record["attributes"]["run"] == 7
    assert admin.get(f"/api/logs/search/?q=upload_id:{upload['id']}").json["total"] == 20


def test_several_files_in_one_request_are_several_uploads(admin: Caller) -> None:
    files = [(BytesIO(LINES), f"{number}.ndjson") for number in range(3)]
    answer = admin.post("/api/logs/upload/", data={"file": files})
    assert [each["name"] for each in answer.json["uploads"]] == ["0.ndjson", "1.ndjson", "2.ndjson"]
    assert admin.get("/api/uploads/").json["total"] == 3


def test_too_many_files_are_413_naming_the_limit(admin: Caller) -> None:
    files = [(BytesIO(b"{}\n"), f"{number}.ndjson") for number in range(11)]
    answer = admin.post("/api/logs/upload/", data={"file": files})
    assert (answer.status_code, answer.json["limit"]) == (413, "UPLOAD_MAX_FILES=10")
    assert admin.get("/api/uploads/").json["total"] == 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"format": "pdf"}, "format"),
        ({"metadata": "[1]"}, "metadata"),
        ({"metadata": "{"}, "metadata"),
        ({"header": "maybe"}, "header"),
        ({"delimiter": "ab"}, "delimiter"),
        ({"colour": "red"}, "colour"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"format": "regex", "pattern": "(?P<message>"}, "pattern"),
        ({"format": "regex"}, "pattern"),
        ({"format": "csv", "pattern": "(?P<message>.*)"}, "pattern"),
        ({"pattern": "no groups"}, "pattern"),
        ({"timestamp_format": "%Q"}, "timestamp_format"),
        ({"timestamp_format": "plain"}, "timestamp_format"),
    ],
)
def test_wrong_options_are_422_named_and_keep_nothing(admin: Caller, fields: dict[str, str], field: str) -> None:
    answer = admin.post("/api/logs/upload/", data={"file": (BytesIO(LINES), "a"), **fields})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)
    assert admin.get("/api/uploads/").json["total"] == 0


def test_a_form_without_a_file_is_422_and_another_body_415(admin: Caller) -> None:
    assert admin.post("/api/logs/upload/", data={"service": "x"}, content_type="multipart/form-data").status_code == 422
    assert admin.post("/api/logs/upload/", json={}).status_code == 415


def test_problems_are_listed_with_line_and_reason(admin: Caller) -> None:
    upload = admin.upload(b'{"message":"fine"}\n{broken\n{"message":"fine too"}\n', "a.ndjson")
    assert (upload["rows"], upload["problems"]) == (3, 1)
    problems = admin.get(f"/api/uploads/{upload['id']}/problems/").json
    assert problems["total"] == 1
    assert problems["results"][0]["line"] == 2
    assert problems["results"][0]["reason"]
    assert "{broken" in problems["results"][0]["sample"]


def test_tags_and_metadata_of_an_upload_can_be_changed(admin: Caller) -> None:
    upload = admin.upload(LINES)
    address = f"/api/uploads/{upload['id']}/"
    changed = admin.patch(address, json={"tags": ["kept"], "metadata": {"ticket": "A-1"}}).json
    assert (changed["tags"], changed["metadata"]) == (["kept"], {"ticket": "A-1"})
    assert admin.patch(address, json={}).json == changed
    assert admin.patch(address, json={"state": "done"}).status_code == 422


def test_deleting_an_upload_takes_its_records_along_on_request(admin: Caller) -> None:
    first, second = admin.upload(LINES), admin.upload(LINES)
    assert admin.delete(f"/api/uploads/{first['id']}/").status_code == 204
    assert admin.get(f"/api/uploads/{first['id']}/").status_code == 404
    assert admin.get("/api/logs/").json["total"] == 40
    assert admin.delete(f"/api/uploads/{second['id']}/?logs=true").status_code == 204
    assert admin.get("/api/logs/").json["total"] == 20
    assert admin.delete(f"/api/uploads/{second['id']}/?logs=maybe").status_code == 422


def preview(caller: Caller, content: bytes, name: str = "a.log", **fields: str) -> Any:
    return caller.post("/api/logs/upload/preview/", data={"file": (BytesIO(content), name), **fields})


def test_a_preview_shows_format_and_first_rows_and_stores_nothing(admin: Caller) -> None:
    answer = preview(admin, LINES + b"{broken\n")
    assert answer.status_code == 200, answer.text
    assert answer.json["format"] == "ndjson"
    assert answer.json["rows"][0]["message"] == "line 0"
    assert admin.get("/api/logs/").json["total"] == 0


def test_a_preview_follows_the_options(admin: Caller) -> None:
    answer = preview(admin, b"2026-01-02 03:04:05;bad\n", format="csv", delimiter=";", header="false")
    assert answer.json["format"] == "csv"
    answer = preview(
        admin, b"E shop it broke\n", format="regex", pattern=r"(?P<level>\w) (?P<service>\w+) (?P<message>.*)"
    )
    assert (answer.json["rows"][0]["service"], answer.json["rows"][0]["message"]) == ("shop", "it broke")


def test_a_preview_takes_256_kb(admin: Caller) -> None:
    answer = preview(admin, b"x" * (256 * 1024 + 1))
    assert answer.status_code == 413
    assert "preview" in answer.json["limit"]
    assert preview(admin, b"").status_code in (200, 422)


def test_numbers_in_metadata_are_kept(admin: Caller) -> None:
    upload = admin.upload(LINES[:40], metadata=json.dumps({"n": 2**60}))
    assert upload["metadata"] == {"n": 2**60}


DEEP = '{"a":' * 900 + "1" + "}" * 900
ODD = [r'{"a":"\ud800"}', DEEP, '{"a":NaN}', '{"a":1e999}', '{"a":' + "[" * 100_000]


@pytest.mark.parametrize("metadata", ODD)
def test_metadata_that_cannot_be_answered_is_refused(admin: Caller, metadata: str) -> None:
    answer = admin.post("/api/logs/upload/", data={"file": (BytesIO(LINES), "a.log"), "metadata": metadata})
    assert answer.status_code == 422, answer.text
    assert admin.get("/api/uploads/").json["total"] == 0
    kept = admin.upload(LINES, metadata='{"a":{"b":[1,2]}}')
    changed = admin.patch(
        f"/api/uploads/{kept['id']}/", data='{"metadata":' + metadata + "}", content_type="application/json"
    )
    assert changed.status_code in (400, 422)
    assert admin.get("/api/uploads/").json["results"][0]["metadata"] == {"a": {"b": [1, 2]}}


def test_one_refused_file_refuses_the_request(admin: Caller) -> None:
    files = [(BytesIO(LINES), "good.log"), (BytesIO(b"\x89PNG\r\n\x1a\n"), "picture.png")]
    assert admin.post("/api/logs/upload/", data={"file": files}).status_code == 422
    assert admin.get("/api/uploads/").json["total"] == admin.get("/api/logs/").json["total"] == 0


def test_a_delimiter_is_ascii(admin: Caller) -> None:
    answer = preview(admin, "a€b\n".encode(), format="csv", delimiter="€")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "delimiter")
