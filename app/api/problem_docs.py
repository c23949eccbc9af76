"""Which problems an endpoint may answer with, for the schema."""

from http import HTTPStatus
from typing import Any

from app.api.errors import MEDIA_TYPE

PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}

_MEANINGS = {
    400: "What was sent cannot be read: not JSON, not UTF-8, or a query, date or cursor that has no meaning.",
    401: "No credential, or one that is unknown, expired or revoked.",
    403: "The credential does not carry the right, or a session came without its CSRF token.",
    404: "No such object in your organisation.",
    408: "The body made no progress for too long.",
    409: "It exists already, an idempotency key came with another payload, or the query was cancelled.",
    413: "Over a limit; `limit` names it.",
    415: "A content type or content encoding that is not read here.",
    422: "Readable, but a parameter or member is wrong, unknown or missing; `errors` says which.",
    429: "Too often, or too much at once.",
    500: "An accident; the request id finds it in the server's log.",
    503: "A part of the server does not answer.",
    504: "The time limit passed.",
    507: "The disk holds no more; nothing of the request was stored.",
}

_HEADERS = {
    401: {"WWW-Authenticate": "The schemes that are taken: Token and Bearer."},
    429: {"Retry-After": "Whole seconds to wait."},
    503: {"Retry-After": "Whole seconds to wait."},
    504: {"Retry-After": "Whole seconds to wait."},
}


def statuses(*, public: bool, has_path: bool, has_body: bool, method: str) -> list[int]:
    """The statuses of the problems that an endpoint of that kind may answer with."""
    found = {400, 422, 429, 500, 503, 504}
    found |= set() if public else {401, 403}
    found |= {404} if has_path else set()
    found |= {408, 409, 413, 415} if has_body else set()
    found |= {507} if method in ("POST", "PUT", "PATCH", "DELETE") else set()
    return sorted(found)


def responses(codes: list[int]) -> dict[int, Any]:
    """Response objects (OpenAPI 3.1 §4.8.17) of those problems."""
    return {code: _response(code) for code in codes}


def _response(code: int) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": f"{HTTPStatus(code).phrase}. {_MEANINGS[code]}",
        "content": {MEDIA_TYPE: {"schema": PROBLEM_REF}},
    }
    if code in _HEADERS:
        response["headers"] = {
            name: {"description": text, "required": True, "schema": {"type": "string"}}
            for name, text in _HEADERS[code].items()
        }
    return response


CANCELLED = responses([409])
"""For endpoints whose work can be cancelled."""
