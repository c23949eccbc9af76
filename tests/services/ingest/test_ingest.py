"""Records in requests: single ones, bulk in three forms, what is refused."""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.errors import Conflict, Forbidden, InvalidInput, TooLarge, UnsupportedMedia
from services.ingest.ingest import Ingest
from services.ingest.options import Defaults, IngestLimits
from services.log_store.duckdb.store import DuckDBLogStore
from services.log_store.interface import LogQuery, LogStore
from services.principal import SCOPES_OF_ROLE, Principal, Role
from tests.clocks import HandClock

EDITOR = Principal("u1", "ann", "acme", Role.EDITOR, SCOPES_OF_ROLE[Role.EDITOR])
NDJSON = "application/x-ndjson"
JSON = "application/json"


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogStore]:
    made = DuckDBLogStore(tmp_path_factory.mktemp("logs"), HandClock())
    yield made
    made.close()


@pytest.fixture
def editor(request: pytest.FixtureRequest) -> Principal:
    """An editor of an organisation that no other test has."""
    return replace(EDITOR, organisation_id=f"org{abs(hash(request.node.nodeid))}")


@pytest.fixture(scope="module")
def ingest(shared_store: LogStore) -> Ingest:
    return Ingest(shared_store, HandClock(), IngestLimits(bulk_bytes=4 << 20))


def found(store: LogStore, editor: Principal) -> list[dict[str, Any]]:
    return store.search(editor.organisation_id, LogQuery(limit=1000, newest_first=False)).records


def test_a_record_is_found_under_its_id(ingest: Ingest, shared_store: LogStore, editor: Principal) -> None:
    stored = ingest.record(editor, b'{"time":"2026-01-02T03:04:05Z","lvl":"warn","msg":"hello","x":1.10}')
    record = shared_store.get(editor.organisation_id, stored.id)
    assert (record["level"], record["message"], record["attributes"]) == ("warning", "hello", '{"x":1.10}')
    assert stored.problem is None
    assert ingest.record(editor, b'{"time":"soon"}').problem


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b'"a"', b"{", b'{"a":1,}', b'{"a":1} {}', b"\xff", b'{"a":NaN}', b"nul"]
)
def test_what_is_not_one_json_object_is_refused(ingest: Ingest, editor: Principal, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        ingest.record(editor, body)


def test_viewers_may_not_send(ingest: Ingest) -> None:
    viewer = replace(EDITOR, role=Role.VIEWER, scopes=SCOPES_OF_ROLE[Role.VIEWER])
    with pytest.raises(Forbidden):
        ingest.record(viewer, b"{}")
    with pytest.raises(Forbidden):
        ingest.bulk(viewer, b"[]", content_type=JSON)


def test_records_of_many_threads_are_each_answered_with_their_own(
    ingest: Ingest, shared_store: LogStore, editor: Principal
) -> None:
    ids: dict[str, str] = {}

    def send(thread: int) -> None:
        for number in range(10):
            text = f"{thread}-{number}"
            ids[text] = ingest.record(editor, json.dumps({"message": text}).encode()).id

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {record["id"]: record["message"] for record in found(shared_store, editor)} == {
        record_id: text for text, record_id in ids.items()
    }
    assert len(ids) == 80


ITEMS = [{"message": "a", "n": 1}, 17, "text", ["x"], None, {"deep": {"message": "},{"}}]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (json.dumps(ITEMS), JSON),
        (json.dumps({"before": 1, "logs": ITEMS}), JSON + "; charset=utf-8"),
        ("\n".join(map(json.dumps, ITEMS)), NDJSON),
        ("\r\n\r\n".join(map(json.dumps, ITEMS)) + "\r\n", "application/ndjson"),
    ],
)
def test_bulk_takes_three_forms(
    ingest: Ingest, shared_store: LogStore, editor: Principal, body: str, kind: str
) -> None:
    result = ingest.bulk(editor, body.encode(), content_type=kind, defaults=Defaults(service="shop", tags=("t",)))
    assert (result.count, len(result.ids), result.problems) == (6, 6, [])
    records = [shared_store.get(editor.organisation_id, each) for each in result.ids]
    assert [record["message"] for record in records] == [
        "a", "17", "text", '["x"]', "null", '{"deep": {"message": "},{"}}',
    ]  # fmt: skip
    assert {record["service"] for record in records} == {"shop"}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"logs":[1,]}', b"[1,]", b"[1", b"[1] x", b"1 2", b"nul", b"\xff", b'[{"a":NaN}]', b"[" * 100_000],
)
def test_a_json_body_that_is_malformed_is_refused_whole(
    ingest: Ingest, shared_store: LogStore, editor: Principal, body: bytes
) -> None:
    with pytest.raises(InvalidInput):
        ingest.bulk(editor, body, content_type=JSON)
    assert found(shared_store, editor) == []


def test_malformed_lines_of_ndjson_are_stored_and_told_by_their_place(
    ingest: Ingest, shared_store: LogStore, editor: Principal
) -> None:
    result = ingest.bulk(editor, b'{"message":"a"}\n\n{bad\n\xff\n{"message":"b"}', content_type=NDJSON)
    assert result.count == 4
    assert [index for index, _ in result.problems] == [1, 2]
    assert [shared_store.get(editor.organisation_id, each)["message"] for each in result.ids] == ["a", "{bad", "ÿ", "b"]


def test_gzip_bodies_are_unpacked_within_the_limit(ingest: Ingest, editor: Principal) -> None:
    body = b'{"message":"a"}\n' * 5
    sent = gzip.compress(body[:16]) + gzip.compress(body[16:])
    assert ingest.bulk(editor, sent, content_type=NDJSON, content_encoding="gzip").count == 5
    with pytest.raises(TooLarge):
        ingest.bulk(editor, gzip.compress(bytes(5 << 20)), content_type=NDJSON, content_encoding="gzip")
    with pytest.raises(TooLarge):
        ingest.bulk(editor, bytes(5 << 20), content_type=NDJSON)
    for bad in (b"no gzip", gzip.compress(body)[:-6]):
        with pytest.raises(InvalidInput):
            ingest.bulk(editor, bad, content_type=NDJSON, content_encoding="gzip")


@pytest.mark.parametrize(("kind", "encoding"), [("text/plain", ""), ("", ""), (NDJSON, "br"), ("application/xml", "")])
def test_other_types_and_encodings_are_refused(ingest: Ingest, editor: Principal, kind: str, encoding: str) -> None:
    with pytest.raises(UnsupportedMedia):
        ingest.bulk(editor, b"[]", content_type=kind, content_encoding=encoding)


def test_a_key_stores_a_body_once(ingest: Ingest, shared_store: LogStore, editor: Principal) -> None:
    first = ingest.bulk(editor, b'[{"message":"a"}]', content_type=JSON, idempotency_key="k")
    again = ingest.bulk(editor, b'[{"message":"a"}]', content_type=JSON, idempotency_key="k")
    assert (list(again.ids), again.replayed, first.replayed) == (list(first.ids), True, False)
    with pytest.raises(Conflict):
        ingest.bulk(editor, b'[{"message":"b"}]', content_type=JSON, idempotency_key="k")
    assert len(found(shared_store, editor)) == 1


@pytest.mark.parametrize("body", [b"1", b'"a"', b"{}", b'{"logs":1}', b'{"message":"a"}'])
def test_any_other_json_body_is_one_item(ingest: Ingest, editor: Principal, body: bytes) -> None:
    assert ingest.bulk(editor, body, content_type=JSON).count == 1


def test_an_empty_array_stores_nothing(ingest: Ingest, editor: Principal) -> None:
    assert ingest.bulk(editor, b"[]", content_type=JSON).count == 0


def test_the_json_suite_as_bodies_and_as_lines(
    ingest: Ingest, shared_store: LogStore, editor: Principal, shared_data: Path
) -> None:
    for path in sorted((shared_data / "json-test-suite" / "test_parsing").iterdir()):
        body = path.read_bytes()
        if path.name.startswith("n_"):
            with pytest.raises(InvalidInput):
                ingest.bulk(editor, body, content_type=JSON)
        elif path.name.startswith("y_"):
            assert ingest.bulk(editor, body, content_type=JSON).problems == [], path.name
        if body.strip(b" \n\xef\xbb\xbf") and b"\n" not in body.strip():
            stored = ingest.bulk(editor, body, content_type=NDJSON)
            assert stored.count == 1, path.name
            assert bool(stored.problems) or not path.name.startswith("n_"), path.name


def test_naughty_strings_come_back_unchanged(
    ingest: Ingest, shared_store: LogStore, editor: Principal, shared_data: Path
) -> None:
    strings = json.loads((shared_data / "naughty-strings.json").read_text())
    result = ingest.bulk(editor, json.dumps([{"message": each} for each in strings]).encode(), content_type=JSON)
    messages = {record["id"]: record["message"] for record in found(shared_store, editor)}
    assert [messages[each] for each in result.ids] == [each.replace("\0", " ").replace("\x1a", " ") for each in strings]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (NDJSON, b"0\n" * 100_001),
        (JSON, b"[" + b"0," * 100_000 + b"0]"),
        (JSON, b'{"logs":[' + b"0," * 100_000 + b"0]}"),
    ],
)
def test_more_records_than_one_request_may_bring_are_refused(
    ingest: Ingest, shared_store: LogStore, editor: Principal, kind: str, body: bytes
) -> None:
    with pytest.raises(TooLarge) as refused:
        ingest.bulk(editor, gzip.compress(body), content_type=kind, content_encoding="gzip")
    assert refused.value.limit == "BULK_MAX_RECORDS=100000"
    assert found(shared_store, editor) == []


def test_a_small_packed_body_does_not_become_millions_of_values(shared_store: LogStore, editor: Principal) -> None:
    narrow = Ingest(shared_store, HandClock(), IngestLimits(bulk_records=10))
    assert narrow.bulk(editor, b"0\n" * 10, content_type=NDJSON).count == 10
    for body in (b"[[" + b"0," * 400 + b"0,0]]", b'{"a":[' + b"0," * 400 + b"0,0]}\n"):
        with pytest.raises(TooLarge, match="values"):
            narrow.bulk(editor, body, content_type=NDJSON)


def test_a_gzip_body_of_several_members_is_one_and_of_very_many_is_refused(ingest: Ingest, editor: Principal) -> None:
    packed = gzip.compress(b'{"a":1}\n') * 1000
    assert ingest.bulk(editor, packed, content_type=NDJSON, content_encoding="gzip").count == 1000
    began = time.perf_counter()
    with pytest.raises(InvalidInput, match="members"):
        ingest.bulk(editor, gzip.compress(b"") * 200_000, content_type=NDJSON, content_encoding="gzip")
    assert time.perf_counter() - began < 1


def test_refusals_name_the_settings(ingest: Ingest, editor: Principal) -> None:
    limits = [
        (lambda: ingest.bulk(editor, b" " * (5 << 20), content_type=NDJSON), "BULK_MAX_BYTES"),
        (lambda: ingest.record(editor, b" " * (17 << 20)), "RECORD_MAX_BYTES"),
    ]
    for send, name in limits:
        with pytest.raises(TooLarge) as refused:
            send()
        assert refused.value.limit.startswith(f"{name}=")
