"""What the schema says is what the server does: schemathesis looks for a request that shows otherwise."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from app.api import make_openapi, register_api
from app.api.document import openapi_document
from tests.running import RunningServer

EXAMPLES = 40

pytestmark = pytest.mark.fuzz


def load_schema() -> Any:
    """The schema of a server without services: what it says does not depend on them."""
    empty = make_openapi()
    register_api(empty)
    config = {
        "generation": {"with-security-parameters": False, "deterministic": True},
        "checks": {
            "negative_data_rejection": {
                "expected-statuses": ["400", "401", "403", "404", "409", "413", "415", "422", "429"]
            }
        },
    }
    return schemathesis.openapi.from_dict(openapi_document(empty), config=SchemathesisConfig.from_dict(config))


@schemathesis.serializer("application/x-ndjson", "application/ndjson", "application/jsonl")
def write_lines(_: Any, value: Any) -> bytes:
    """NDJSON is text already."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


schema = load_schema()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The whole server, as its users run it."""
    with RunningServer(tmp_path_factory.mktemp("fuzz") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def token(running: RunningServer) -> str:
    """Of somebody who may do everything."""
    body = {"username": "fuzz", "email": "fuzz@example.org", "password": "a long and dull password"}
    return running.request("POST", "/api/auth/register/", body).json["token"]


BEYOND_SCHEMA = {
    "register": "names are printable, passwords uncommon, codes known",
    "login": "the password is known",
    "change_user": "names are printable",
    "change_password": "the old password is known",
    "create_token": "names are printable",
    "rename_organisation": "names are printable",
    "change_preferences": "time zones are those of the IANA database",
    "list_logs": "queries, dates and time zones have a grammar",
    "search_logs": "queries, dates and time zones have a grammar",
    "search_logs_by_body": "queries, dates and time zones have a grammar",
    "count_logs": "queries, dates and time zones have a grammar",
    "delete_logs": "queries, dates and time zones have a grammar, and one parameter must say what to delete",
    "aggregate_logs": "queries, dates and time zones have a grammar, and a metric needs a field",
    "list_fields": "queries, dates and time zones have a grammar",
    "list_field_values": "queries, dates and time zones have a grammar, and texts have no values",
    "list_patterns": "queries, dates and time zones have a grammar",
    "get_log_context": "any stands alone",
    "remember_search": "filters have a size",
    "list_dead_letters": "organisations are those that there are",
    "redrive_dead_letters": "either ids or all, and ids are those that there are",
    "discard_dead_letters": "either ids or all, and ids are those that there are",
    "change_upload": "tags hold no NUL",
    "create_logs": "lines are JSON, and the text of a gzipped body is gzip",
    "upload_logs": "patterns are regular expressions, time zones those of the IANA database",
    "preview_upload": "patterns are regular expressions, time zones those of the IANA database",
}
"""Operations whose input has rules that JSON Schema cannot say: they may refuse what the schema takes, with a 4xx."""


NO_HTTP = b"Invalid HTTP request received."
"""What uvicorn answers before there is a request: to an address longer than 64 kB."""

FORMS = ("upload_logs", "preview_upload")
"""A form cannot carry every wrong value: an empty list leaves no trace in it."""


@schema.exclude(path_regex="/auth/logout/").parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_contradicts_the_schema(case: Any, running: RunningServer, token: str) -> None:
    operation = case.operation.definition.raw["operationId"]
    excluded = [positive_data_acceptance] if operation in BEYOND_SCHEMA else []
    excluded += [negative_data_rejection] if operation in FORMS else []
    headers = {"Authorization": f"Bearer {token}"}
    response = case.call(base_url=running.url, headers=headers)
    assume(response.content != NO_HTTP)
    case.validate_response(response, excluded_checks=excluded)
