"""Errors as HTTP answers: one shape, RFC 9457 problem JSON, for the service layer's tree, bad requests and accidents.

The rule for bad requests: what cannot be read (JSON, UTF-8, a query text, a date text, a body as a whole) is 400; what
can be read and has a wrong or missing member or parameter is 422 and says which.
"""

import difflib
import logging
from http import HTTPStatus
from typing import Any

import orjson
from flask import Response, request
from flask_openapi3 import OpenAPI
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed

from app.api.request_id import request_id
from app.bodies import Stalled
from services import errors

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
API_ROOT = "/api"
RETRY_AFTER_S = 5
"""What a caller is told to wait where a backend is down: long enough not to hammer it."""

_STATUS: dict[type[errors.ElkVisionError], int] = {
    Stalled: 408,
    errors.InvalidQuery: 400,
    errors.InvalidInput: 422,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.QuotaExceeded: 429,
    errors.Cancelled: 409,
    errors.BackendUnavailable: 503,
    errors.BackendTimeout: 504,
    errors.StorageFull: 507,
    errors.CallerError: 400,
    errors.BackendError: 503,
}

_TYPES = {
    400: "malformed-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    408: "stalled",
    409: "conflict",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid-input",
    429: "too-many-requests",
    500: "internal-error",
    503: "unavailable",
    504: "timeout",
    507: "storage-full",
}
"""The last part of a problem's `type`; stable words for programs."""


class InvalidRequest(errors.CallerError):
    """Parameters or members of a body are wrong; one entry per fault: {in, field, detail}."""

    def __init__(self, faults: list[dict[str, str]]):
        super().__init__("; ".join(f"{fault['field'] or fault['in']}: {fault['detail']}" for fault in faults[:3]))
        self.faults = faults


def status_of(error: errors.ElkVisionError) -> int:
    """The HTTP status of an error of the service layer."""
    if isinstance(error, InvalidRequest):
        return 422
    if isinstance(error, errors.InvalidInput):
        return 422 if error.field else 400
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def problem(status: int, detail: str, *, instance: str, request_id: str, **members: Any) -> dict[str, Any]:
    """The body of an error answer (RFC 9457 §3.1); `members` that are None are left out."""
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Error"
    body = {
        "type": f"urn:elkvision:problem:{_TYPES.get(status, phrase.lower().replace(' ', '-'))}",
        "title": phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "request_id": request_id,
    }
    return body | {name: value for name, value in members.items() if value is not None}


def problem_of(
    error: errors.ElkVisionError, *, instance: str, request_id: str
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """(status, headers, body) that tell of `error`; knows nothing of Flask, so that the ASGI front may use it too."""
    status = status_of(error)
    body = problem(status, str(error), instance=instance, request_id=request_id, **_members(error))
    headers = {"Content-Type": MEDIA_TYPE, "X-Request-ID": request_id}
    if "retry_after" in body:
        headers["Retry-After"] = str(body["retry_after"])
    if status == 401:
        headers["WWW-Authenticate"] = 'Token realm="ELK Vision", Bearer realm="ELK Vision"'
    return status, headers, body


def _members(error: errors.ElkVisionError) -> dict[str, Any]:
    """What the problem says beyond the common members."""
    match error:
        case errors.InvalidQuery():
            return {
                "position": error.position,
                "length": error.length,
                "expected": error.expected or None,
                "suggestion": error.suggestion,
            }
        case InvalidRequest():
            return {"errors": error.faults}
        case errors.InvalidInput(field=field) if field:
            return {"errors": [{"in": "request", "field": field, "detail": str(error)}]}
        case errors.TooLarge():
            return {"limit": error.limit or None}
        case errors.QuotaExceeded():
            return {"retry_after": error.retry_after_s}
        case errors.BackendUnavailable() | errors.BackendTimeout():
            return {"retry_after": RETRY_AFTER_S}
        case _:
            return {}


def faults_of(error: ValidationError, place: str, model: type[BaseModel]) -> list[dict[str, str]]:
    """What pydantic found, without its links and without the values (a password may be among them)."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        {"in": place, "field": ".".join(str(step) for step in each["loc"]), "detail": _fault_text(each, model)}
        for each in found
    ]


def _fault_text(each: ErrorDetails, model: type[BaseModel]) -> str:
    if each["type"] == "string_pattern_mismatch":
        return _form_text(str(each["loc"][0]), model) or each["msg"]
    if each["type"] != "extra_forbidden":
        return each["msg"].removeprefix("Value error, ")
    known = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(str(each["loc"][-1]), known, n=1)
    return "is not known here" + (f"; did you mean {close[0]}?" if close else "")


def _form_text(name: str, model: type[BaseModel]) -> str:
    """What a text with a set form is to be like, in the words of the schema; a pattern is hard to read."""
    described = {field.alias or name: field.description for name, field in model.model_fields.items()}.get(name)
    return f"has another form than it should: {described}" if described else ""


def register_error_handlers(server: OpenAPI) -> None:
    """Answer errors under /api with problem JSON; elsewhere HTTP errors keep the application's own pages."""

    @server.errorhandler(errors.ElkVisionError)
    def service_error(error: errors.ElkVisionError) -> Response:
        status, headers, body = problem_of(error, instance=request.path, request_id=request_id())
        if isinstance(error, errors.BackendError):
            log.warning("%s %s: %s", request.method, request.path, error, extra={"http.request.id": request_id()})
        return Response(orjson.dumps(body), status, headers)

    @server.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Any:
        if not in_api(request.path) or error.response is not None or (error.code or 500) < 400:
            return error
        return _http_problem(error)

    @server.errorhandler(Exception)
    def accident(error: Exception) -> Any:
        log.exception("%s %s failed", request.method, request.path, extra={"http.request.id": request_id()})
        return _http_problem(InternalServerError()) if in_api(request.path) else InternalServerError()


def in_api(path: str) -> bool:
    """True for the addresses that answer JSON whatever happens."""
    return path == API_ROOT or path.startswith(API_ROOT + "/")


def _http_problem(error: HTTPException) -> Response:
    status = error.code or 500
    detail = _DETAILS.get(status) or error.description or "The request could not be served."
    body = problem(status, detail, instance=request.path, request_id=request_id(), limit=_limit_of(status))
    response = Response(orjson.dumps(body), status, content_type=MEDIA_TYPE)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _limit_of(status: int) -> str | None:
    return f"request body: {request.max_content_length} bytes" if status == 413 and request.max_content_length else None


_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take this method; the Allow header says which it takes.",
    413: "The request is larger than this server takes.",
    500: "Something went wrong here; the request id finds it in the server's log.",
}
"""Our own words where werkzeug's are about web pages."""
