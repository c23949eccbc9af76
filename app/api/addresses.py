"""Addresses under /api that are not ours, and methods that an address of ours does not take: JSON 404 and 405.

The pages own a catch-all route, so the framework alone would answer both with a page and status 200.
"""

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter, Map

from app.api.errors import in_api

EXTENSION = "elkvision_api_map"


class RecordIdConverter(BaseConverter):
    """The id of a record in an address: 16 hex digits, a dash, 16 hex digits. `logs/bulk/` is none."""

    regex = r"[0-9a-f]{16}-[0-9a-f]{16}"


class FieldNameConverter(BaseConverter):
    """The name of a field in an address: anything, slashes included."""

    regex = "(?s:.+)"
    part_isolating = False


def guard_addresses(server: Flask) -> None:
    """Answer what the API does not have, and OPTIONS; the map of what it has is made at the first question."""
    server.before_request(_answer_for_addresses)


def _answer_for_addresses() -> Response | None:
    if not in_api(request.path) or (_is_ours() and request.method != "OPTIONS"):
        return None
    methods = _own_methods()
    if not methods:
        raise NotFound
    if request.method != "OPTIONS":
        raise MethodNotAllowed(methods)
    return Response(status=204, headers={"Allow": ", ".join(sorted(methods))})


def _own_methods() -> set[str]:
    """The methods that the API takes at this address, with or without its trailing slash."""
    own = _own_map().bind("")
    return {*own.allowed_methods(request.path), *own.allowed_methods(request.path.rstrip("/") + "/")}


def _is_ours() -> bool:
    return request.url_rule is not None and in_api(request.url_rule.rule)


def _own_map() -> Map:
    extensions = current_app.extensions
    if EXTENSION not in extensions:
        rules = [rule.empty() for rule in current_app.url_map.iter_rules() if in_api(rule.rule)]
        extensions[EXTENSION] = Map(rules, converters=current_app.url_map.converters)
    return extensions[EXTENSION]
