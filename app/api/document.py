"""The OpenAPI document: what the endpoints declare, plus what holds for all of them."""

from copy import deepcopy
from typing import Any

from flask_openapi3 import OpenAPI
from flask_openapi3.models import Schema
from flask_openapi3.utils import get_model_schema

from app.api.errors import MEDIA_TYPE
from app.api.models.base import Fault, Problem

ABOUT = """Send, search and manage logs.

Every address works with and without its trailing slash. Errors are problem JSON (RFC 9457) and carry the `request_id`
that is also in the X-Request-ID header. Times are RFC 3339 in UTC. Every list answers
`{results, total, page, page_size, next_cursor, took_ms}`.

Sign in with `POST /api/auth/login/` and send the token as `Authorization: Token …` or `Authorization: Bearer …`.
A browser's session works too; changes then need the CSRF token in the header `X-CSRFToken`."""

SECURITY_SCHEMES: dict[str, Any] = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Token evk_…`: the word Token, a space and the token.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same token as a bearer token (RFC 6750)."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "elkvision",
        "description": "A browser's session; POST, PATCH and DELETE also need the header X-CSRFToken.",
    },
}

_REQUEST_ID = {"description": "Finds this request in the server's log.", "schema": {"type": "string"}}


def openapi_document(server: OpenAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of `server`, made once."""
    made: dict[str, Any] | None = server.extensions.get("elkvision_openapi")
    if made is None:
        made = server.extensions["elkvision_openapi"] = _make(server)
    return made


def _make(server: OpenAPI) -> dict[str, Any]:
    for model in (Problem, Fault):
        server.components_schemas[model.__name__] = Schema(**_flat(get_model_schema(model, mode="serialization")))
    document = deepcopy(server.api_doc)
    document["components"]["schemas"].pop("ValidationErrorModel", None)
    document["components"]["schemas"].pop("UnprocessableEntity", None)
    _tidy(document["paths"])
    _tidy(document["components"]["schemas"])
    document["components"]["responses"] = shared = {}
    for item in document["paths"].values():
        for operation in item.values():
            operation["responses"] = {
                status: _shared(status, response, shared) for status, response in operation["responses"].items()
            }
    return document


def _flat(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "$defs"}


def _tidy(node: Any) -> None:
    """Drop what says nothing: titles that repeat a name, and `default: null` where null is not even taken."""
    if isinstance(node, list):
        for each in node:
            _tidy(each)
    elif isinstance(node, dict):
        if "default" in node and node["default"] is None:
            del node["default"]
        if isinstance(node.get("title"), str):
            del node["title"]
        for each in node.values():
            _tidy(each)


def _shared(status: str, response: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """The response with the header that all have; a problem is written down once and referred to."""
    response.setdefault("headers", {})["X-Request-ID"] = _REQUEST_ID
    if MEDIA_TYPE not in response.get("content", {}):
        return response
    name = f"Problem{status}"
    shared[name] = response
    return {"$ref": f"#/components/responses/{name}"}
