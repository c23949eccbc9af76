"""What the schema says is what the server does: schemathesis looks for a request that shows otherwise."""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.api import make_openapi, register_api
from tests.api.conftest import Caller

EXAMPLES = 25

pytestmark = pytest.mark.fuzz


class LateApplication:
    """A WSGI application that is named at import and chosen when the tests run."""

    def __init__(self, first: Any):
        self.chosen = first

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.chosen(environ, start_response)


def without_services() -> Any:
    """A server that can show its schema, and no more."""
    made = make_openapi()
    register_api(made)
    return made


def load_schema(application: LateApplication) -> Any:
    """The schema as the server shows it."""
    config = {"generation": {"allow-x00": False, "with-security-parameters": False, "deterministic": True}}
    return schemathesis.openapi.from_wsgi("/api/schema/", application, config=SchemathesisConfig.from_dict(config))


@schemathesis.serializer("application/x-ndjson", "application/ndjson", "application/jsonl")
def write_lines(_: Any, value: Any) -> bytes:
    """NDJSON is text already."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


late = LateApplication(without_services())
schema = load_schema(late)


@pytest.fixture(scope="session")
def caller(new_caller: Callable[..., Caller], server: Any) -> Caller:
    """Somebody who may do everything; the schema's requests go to their server."""
    late.chosen = server
    return new_caller()


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
    "remember_search": "filters have a size",
    "create_logs": "lines are JSON, and the text of a gzipped body is gzip",
    "upload_logs": "patterns are regular expressions, time zones those of the IANA database",
    "preview_upload": "patterns are regular expressions, time zones those of the IANA database",
}
"""Operations whose input has rules that JSON Schema cannot say: they may refuse what the schema takes, with a 4xx."""


@schema.exclude(path_regex="/auth/logout/").parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_contradicts_the_schema(case: Any, caller: Caller) -> None:
    beyond = case.operation.definition.raw["operationId"] in BEYOND_SCHEMA
    case.call_and_validate(
        headers={"Authorization": f"Bearer {caller.token}"},
        excluded_checks=[positive_data_acceptance] if beyond else [],
    )
