"""What the answer to a bulk says of each document: nothing counts as stored that the server did not say of it."""

import json
import random
from typing import Any

import pytest
from elastic_transport import (
    ApiResponseMeta,
    ConnectionError,
    ConnectionTimeout,
    HttpHeaders,
    NodeConfig,
    SerializationError,
)
from elasticsearch import ApiError
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NewConnectionError, ProtocolError

from services.errors import BackendUnavailable
from services.log_store.elasticsearch.bulk import Outcome, account, body_of
from services.log_store.elasticsearch.bulk_failure import failure_of
from services.log_store.elasticsearch.documents import Document

IDS = ["a", "b", "c", "d"]


def item(identity: str, status: int, kind: str = "", reason: str = "", **error: str) -> dict[str, Any]:
    told = {"error": {"type": kind, "reason": reason, **error}} if kind else {}
    return {"create": {"_id": identity, "status": status, **told}}


def lists_of(outcome: Outcome) -> dict[str, list[int]]:
    return {name: value for name, value in vars(outcome).items() if name != "errors" and value}


def test_a_body_is_an_action_and_a_document_for_each() -> None:
    body = body_of([Document("a", b'{"x":1}', "-"), Document("b", b"{}", "-")])
    assert [json.loads(line) for line in body.splitlines()] == [
        {"create": {"_id": "a"}},
        {"x": 1},
        {"create": {"_id": "b"}},
        {},
    ]
    assert body.endswith(b"\n")


def test_all_created_is_all_stored() -> None:
    assert lists_of(account([item(each, 201) for each in IDS], IDS)) == {"stored": [0, 1, 2, 3]}


def test_every_kind_of_answer_goes_to_its_list() -> None:
    limit = "Limit of total fields [1000] has been exceeded while adding new fields [1]"
    answers = [
        (item("0", 201), "stored"),
        (item("1", 409, "version_conflict_engine_exception", index=".ds-x-1"), "existing"),
        (item("2", 429, "es_rejected_execution_exception"), "retry"),
        (item("3", 429, "cluster_block_exception", "disk usage exceeded flood-stage watermark"), "retry"),
        (item("4", 403, "cluster_block_exception", "index write (api)"), "retry"),
        (item("5", 404, "index_not_found_exception"), "retry"),
        (item("6", 403, "security_exception"), "retry"),
        (item("7", 400, "document_parsing_exception", f"[1:365] failed to parse: {limit}"), "unfit"),
        (item("8", 400, "document_parsing_exception", "failed to parse field"), "rejected"),
        (item("9", 405, "some_exception"), "rejected"),
        (item("10", 503, "unavailable_shards_exception"), "unknown"),
        (item("11", 500, "some_exception"), "unknown"),
    ]
    outcome = account([answer for answer, _ in answers], [str(number) for number in range(len(answers))])
    for position, (_, name) in enumerate(answers):
        assert position in getattr(outcome, name), answers[position]
    assert outcome.errors[1].index == ".ds-x-1"
    assert outcome.errors[3].is_block and outcome.errors[4].is_block and outcome.errors[5].is_missing_stream


@pytest.mark.parametrize(
    "items",
    [
        None,
        "text",
        7,
        {},
        [],
        [None] * 4,
        [{}] * 4,
        [{"index": {"_id": "a", "status": 201}}],
        [[]] * 4,
        [item("a", 201)] * 5,
    ],
)
def test_an_answer_that_makes_no_sense_leaves_everything_unknown(items: object) -> None:
    assert lists_of(account(items, IDS)) == {"unknown": [0, 1, 2, 3]}


def test_missing_items_are_unknown() -> None:
    assert lists_of(account([item("a", 201), item("b", 201)], IDS)) == {"stored": [0, 1], "unknown": [2, 3]}


def test_items_in_another_order_or_of_other_documents_are_unknown() -> None:
    assert lists_of(account([item(each, 201) for each in "bacd"], IDS)) == {"unknown": [0, 1], "stored": [2, 3]}
    assert lists_of(account([item(each, 201) for each in "axcc"], IDS)) == {"stored": [0, 2], "unknown": [1, 3]}


def test_a_status_that_is_no_number_is_unknown() -> None:
    assert lists_of(account([{"create": {"_id": "a", "status": "201"}}], ["a"])) == {"unknown": [0]}
    assert lists_of(account([{"create": {"_id": "a", "status": 201, "_index": "x"}}], ["a"])) == {"stored": [0]}


def test_whatever_the_answer_each_document_is_in_exactly_one_list() -> None:
    rng = random.Random(5)
    for _ in range(300):
        items: list[Any] = [item(each, rng.choice((201, 409, 429, 400, 503, 0, 99, 302))) for each in IDS]
        for _ in range(rng.randrange(3)):
            items[rng.randrange(4)] = rng.choice(
                (None, {}, {"create": None}, item("zz", 201), {"create": {"error": 3}})
            )
        rng.shuffle(items)
        found = lists_of(account(items[: rng.randrange(5)], IDS))
        assert sorted(position for each in found.values() for position in each) == [0, 1, 2, 3]


def answered(status: int, kind: str = "") -> ApiError:
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "h", 1))
    return ApiError("x", meta, {"error": {"type": kind, "reason": "why"}} if kind else "<html>")


def because(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "scope", "is_unknown"),
    [
        (because(ConnectionError("x"), NewConnectionError(HTTPConnection("h"), "refused")), "server", False),
        (because(ConnectionError("x"), ProtocolError("reset")), "server", True),
        (ConnectionTimeout("x"), "server", True),
        (SerializationError("x"), "server", True),
        (RuntimeError("x"), "server", True),
        (answered(503), "server", True),
        (answered(504), "server", True),
        (answered(502, "some_exception"), "server", True),
        (answered(429, "es_rejected_execution_exception"), "server", False),
        (answered(401, "security_exception"), "server", False),
        (answered(403, "security_exception"), "server", False),
        (answered(403, "cluster_block_exception"), "organisation", False),
        (answered(404, "index_not_found_exception"), "organisation", False),
        (answered(404), "server", True),
        (answered(400), "server", True),
        (answered(413), "organisation", False),
        (answered(400, "illegal_argument_exception"), "organisation", False),
        (because(BackendUnavailable("x"), answered(403, "cluster_block_exception")), "organisation", False),
        (BackendUnavailable("x"), "server", False),
    ],
)
def test_a_failure_says_whose_trouble_it_is_and_whether_documents_may_be_stored(
    error: Exception, scope: str, is_unknown: bool
) -> None:
    failure = failure_of(error)
    assert (failure.scope, failure.is_unknown) == (scope, is_unknown)


def test_a_failure_tells_the_words_of_what_failed_first() -> None:
    refused = NewConnectionError(HTTPConnection("h"), "refused")
    wrapped = ConnectionError("x", errors=(ConnectionError("y", errors=(refused,)),))
    assert failure_of(wrapped).reason == f"NewConnectionError: {refused}"


def test_only_a_refusal_by_elasticsearch_itself_is_for_the_content() -> None:
    assert failure_of(answered(400, "illegal_argument_exception")).is_for_size_or_content
    assert failure_of(answered(413)).is_for_size_or_content
    assert not failure_of(answered(400)).is_for_size_or_content
