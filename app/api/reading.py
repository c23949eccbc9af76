"""What a request says, checked against the declared models: query string, JSON body, headers, path.

Stricter than the framework: a repeated or unknown parameter, bytes that are not UTF-8 and a number in quotes are
refused, so that the schema says exactly what is taken.
"""

import re
import types
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from urllib.parse import parse_qsl

import orjson
from flask import request
from pydantic import BaseModel, ValidationError

from app.api.errors import InvalidRequest, faults_of
from services.errors import InvalidInput, TooLarge, UnsupportedMedia

Model = TypeVar("Model", bound=BaseModel)

MAX_JSON_BYTES = 1 << 20
"""For the small bodies of forms and searches; logs have limits of their own."""

_PLAIN_INT = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FLAGS = {"true": True, "false": False}


class NoParameters(BaseModel):
    """For endpoints that declare no query parameter."""

    model_config = {"extra": "forbid"}


def read_query(model: type[Model]) -> Model:
    """The query string as `model`. Raises `InvalidInput` (not UTF-8) and `InvalidRequest`."""
    return validated(model, grouped(model, _query_pairs(), "query"), "query")


def read_headers(model: type[Model]) -> Model:
    """The declared headers that are there. Raises `InvalidRequest`."""
    names = [field.alias or name for name, field in model.model_fields.items()]
    return validated(model, {name: request.headers[name] for name in names if name in request.headers}, "header")


def read_json(model: type[Model]) -> Model:
    """The JSON body as `model`. Raises `UnsupportedMedia`, `TooLarge`, `InvalidInput` (not JSON), `InvalidRequest`."""
    require_json()
    body = read_body(MAX_JSON_BYTES)
    check_json(body)
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise InvalidRequest(faults_of(error, "body", model)) from None


def validated(model: type[Model], values: dict[str, Any], place: str) -> Model:
    """`values` as `model`, types taken strictly. Raises `InvalidRequest` naming `place`."""
    try:
        return model.model_validate(values, strict=True)
    except ValidationError as error:
        raise InvalidRequest(faults_of(error, place, model)) from None


def grouped(model: type[BaseModel], pairs: list[tuple[str, str]], place: str) -> dict[str, Any]:
    """Pairs of name and text as the values of `model`: lists where it has lists, numbers and flags where they are plain."""
    kinds = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    values: dict[str, Any] = {}
    for name, text in pairs:
        members = _members_of(kinds.get(name))
        if list in members:
            values.setdefault(name, []).append(text)
        elif name in values:
            raise InvalidRequest([{"in": place, "field": name, "detail": "given more than once"}])
        else:
            values[name] = _typed(members, text)
    return values


def require_json() -> None:
    """Raise `UnsupportedMedia` unless the body says that it is JSON and is not compressed."""
    if request.mimetype != "application/json":
        raise UnsupportedMedia(f"Send application/json here; this is {request.mimetype or 'without a content type'}.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("This address takes no compressed body; logs/bulk/ does.")


def read_body(limit_bytes: int, setting: str = "request body") -> bytes:
    """The whole body. Raises `TooLarge` naming `setting` when it is longer than `limit_bytes`."""
    if (request.content_length or 0) > limit_bytes:
        raise _too_large(limit_bytes, setting)
    body = request.stream.read(limit_bytes + 1)
    if len(body) > limit_bytes:
        raise _too_large(limit_bytes, setting)
    return body


def check_json(body: bytes) -> None:
    """Raise `InvalidInput` unless `body` is JSON text in UTF-8 (RFC 8259); the message says where it stops being it."""
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"The body is not JSON: {error}.") from None


def _too_large(limit_bytes: int, setting: str) -> TooLarge:
    return TooLarge(f"The body is larger than {limit_bytes} bytes.", limit=f"{setting}: {limit_bytes} bytes")


def _query_pairs() -> list[tuple[str, str]]:
    try:
        return parse_qsl(request.query_string.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise InvalidInput("The query string is not percent-encoded UTF-8.") from None


def _members_of(annotation: Any) -> set[Any]:
    """The plain types that a field takes: `list[str] | None` gives list and NoneType."""
    if get_origin(annotation) in (Union, types.UnionType):
        return {kind for each in get_args(annotation) for kind in _members_of(each)}
    if get_origin(annotation) is Annotated:
        return _members_of(get_args(annotation)[0])
    return {get_origin(annotation) or annotation}


def _typed(members: set[Any], text: str) -> Any:
    if int in members and _PLAIN_INT.fullmatch(text):
        return int(text)
    return _FLAGS.get(text, text) if bool in members else text
