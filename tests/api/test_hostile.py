"""Text that breaks naive programs goes in and comes out as it was, or is refused with a 4xx."""

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from services.query.fields import Kind, resolve
from tests.api.conftest import Caller

EMPTY_ARRAYS = 10
"""Some of the texts are arrays without members: they are files without records."""

READABLE_ALL_THE_SAME = 6
"""Broken texts that a reader of logs understands: two JSON texts in a row, NUL bytes between tokens, a lone byte order mark."""


def exact(text: str) -> Any:
    """JSON with its numbers as they are written."""
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)


def cases(shared_data: Path, kind: str) -> list[tuple[str, bytes]]:
    folder = shared_data / "json-test-suite" / "test_parsing"
    return [(path.name, path.read_bytes()) for path in sorted(folder.glob(f"{kind}_*.json"))]


def send(caller: Caller, body: bytes) -> Any:
    return caller.post("/api/logs/bulk/?ids=true", data=body, content_type="application/json")


def test_no_json_text_is_answered_with_a_5xx_and_what_is_no_json_is_400(admin: Caller, shared_data: Path) -> None:
    counted = 0
    for kind, allowed in (("y", {200}), ("n", {400}), ("i", {200, 400})):
        for name, body in cases(shared_data, kind):
            answer = send(admin, body)
            assert answer.status_code in allowed, (name, answer.status_code, answer.text[:300])
            counted += 1
    assert counted == 318


def test_every_json_value_is_found_again_as_it_was_written(admin: Caller, shared_data: Path) -> None:
    sent = {}
    for name, value in cases(shared_data, "y"):
        answer = send(admin, b'[{"message":"case","name":"' + name.encode() + b'","held":' + value + b"}]")
        assert answer.status_code == 200, (name, answer.text)
        sent[answer.json["ids"][0]] = (name, value.decode())
    for each, (name, value) in sent.items():
        record = admin.get(f"/api/logs/{each}/").text
        held = exact(record)["attributes"]["held"]
        assert held == exact(value), name
    assert admin.get("/api/logs/search/?q=case").json["total"] == len(sent)


def test_every_naughty_string_is_found_again_as_message_and_as_attribute(admin: Caller, shared_data: Path) -> None:
    strings = json.loads((shared_data / "naughty-strings.json").read_text())
    records = [{"message": text, "service": "naughty", "held": text} for text in strings]
    ids = admin.bulk(records).json["ids"]
    assert len(ids) == len(strings)
    for each, text in zip(ids, strings, strict=True):
        record = admin.get(f"/api/logs/{each}/").json
        assert record["attributes"]["held"] == text
        assert record["message"] == text.replace("\x1a", " "), "U+001A is the mark of masked tokens in shapes"
    assert admin.get("/api/logs/search/?service=naughty").json["total"] == len(strings)


def test_every_naughty_string_survives_an_upload(admin: Caller, shared_data: Path) -> None:
    strings = json.loads((shared_data / "naughty-strings.json").read_text())
    upload = admin.upload(
        "\n".join(json.dumps({"message": text, "held": text}) for text in strings).encode(), "n.ndjson"
    )
    assert (upload["state"], upload["rows"]) == ("done", len(strings))
    found = admin.get(f"/api/logs/search/?upload_id={upload['id']}&page_size=1000&sort=timestamp").json["results"]
    assert [record["attributes"]["held"] for record in found] == strings
    assert [record["message"] for record in found] == [text.replace("\x1a", " ") for text in strings]


def test_an_archive_of_all_json_texts_is_read_and_what_is_no_json_is_stored_with_its_problem(
    admin: Caller, shared_data: Path
) -> None:
    files = [(name, body) for kind in "yni" for name, body in cases(shared_data, kind)]
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for name, body in files:
            packed.writestr(name, body)
    upload = admin.upload(archive.getvalue(), "cases.zip")
    assert (upload["state"], upload["error"]) == ("done", None)
    assert upload["rows"] >= sum(1 for _, body in files if body.strip()) - EMPTY_ARRAYS
    broken = sum(1 for name, body in files if name.startswith("n_") and body.strip())
    assert upload["problems"] >= broken - READABLE_ALL_THE_SAME


def test_naughty_strings_are_safe_wherever_a_text_is_taken(admin: Caller, shared_data: Path) -> None:
    strings = json.loads((shared_data / "naughty-strings.json").read_text())
    for text in strings[::5]:
        for parameter in ("q", "source", "host", "start_date", "tz", "level", "cursor", "upload_id"):
            answer = admin.get("/api/logs/search/", query_string={parameter: text})
            assert answer.status_code in (200, 400, 422), (parameter, text, answer.text)
        assert admin.post("/api/logs/search-history/", json={"query": text}).status_code == 201
        assert admin.patch("/api/preferences/", json={"timezone": text}).status_code in (200, 422)
    remembered = {each["query"] for each in admin.get("/api/logs/search-history/?page_size=1000").json["results"]}
    assert remembered == set(strings[::5])


def test_naughty_names_of_fields_are_counted_by_or_refused(admin: Caller, shared_data: Path) -> None:
    texts = json.loads((shared_data / "naughty-strings.json").read_text())[::16]
    texts += ["a'b", 'a"b', "a\\b", "$.a", "a[0]", "a;DROP TABLE logs", "%2e%2e%2f", "a//b", "/a/", "#", "?", "a\nb"]
    admin.bulk([{"message": "named", text: "here", "held": text} for text in texts])
    counted = 0
    for text in texts:
        grouped = admin.get("/api/logs/aggregate/", query_string={"by": text, "query": "named"})
        metric = admin.get("/api/logs/aggregate/", query_string={"metric": "distinct", "field": text})
        values = admin.get(f"/api/logs/fields/{quote(text, safe='')}/values/", query_string={"query": "named"})
        assert {grouped.status_code, metric.status_code, values.status_code} <= {200, 400, 404, 422}, text
        if values.status_code == 200 and resolve(text).kind is Kind.ATTRIBUTE:
            assert [each["value"] for each in values.json["values"]] == ["here"], text
            counted += 1
        begins = admin.get("/api/logs/fields/held/values/", query_string={"prefix": text, "limit": 1000})
        assert begins.status_code in (200, 422)
        if begins.status_code == 200:
            assert text in [each["value"] for each in begins.json["values"]]
    assert counted > 0.7 * len(texts)


@pytest.mark.parametrize(
    "record",
    [
        '{"message": "nul \\u0000 inside"}',
        '{"message": "sub \\u001a inside"}',
        '{"message": ' + '"' + "x" * 3_000_000 + '"}',
        "{" + ",".join(f'"key{number}":{number}' for number in range(100_000)) + "}",
        '{"message": "deep", "a": ' + '{"a":' * 900 + "1" + "}" * 901,
        '{"message": {"not": "a text"}, "level": [], "timestamp": {}, "tags": "one", "service": 7, "host": null}',
        '{"message": "far", "timestamp": "9999-12-31T23:59:59Z"}',
        '{"message": "huge", "timestamp": 1e300, "n": 123456789012345678901234567890}',
        '{"message": "twice", "message": "again"}',
        "{}",
    ],
    ids=["nul", "sub", "long", "wide", "deep", "types", "far", "huge", "twice", "empty"],
)
def test_odd_records_are_stored_and_can_be_read(admin: Caller, record: str) -> None:
    answer = admin.post("/api/logs/", data=record, content_type="application/json")
    assert answer.status_code == 201, answer.text[:300]
    assert admin.get(f"/api/logs/{answer.json['id']}/").status_code == 200


def test_nesting_without_end_is_refused_or_kept_but_harms_nobody(admin: Caller) -> None:
    for body in (b"[" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"[" * 100_000 + b"]" * 100_000):
        answer = send(admin, body)
        assert answer.status_code in (200, 400), answer.text[:300]
        assert admin.post("/api/logs/", data=body, content_type="application/json").status_code in (201, 400, 422)
        assert admin.post("/api/logs/search/", data=body, content_type="application/json").status_code in (400, 422)
        assert admin.patch("/api/preferences/", data=body, content_type="application/json").status_code in (400, 422)


def test_a_key_per_thousand_records_slows_nothing_down(admin: Caller) -> None:
    for number in range(40):
        admin.bulk([{"message": "keyed", f"key_{number}": row} for row in range(1000)])
    assert admin.get("/api/logs/search/?q=keyed&page_size=1").json["total"] == 40_000
    assert admin.get("/api/logs/search/?q=key_39:7").json["total"] == 1


@pytest.mark.parametrize("path", ["/api/uploads/%00/", "/api/logs/%ff/", "/api/auth/tokens/..%2f..%2fetc/", "/api/%ff"])
def test_odd_addresses_are_404_or_422(admin: Caller, path: str) -> None:
    for method in ("GET", "DELETE"):
        assert admin.call(method, path).status_code in (404, 405, 422)
