"""Addresses under /api that are not ours, and methods that an address of ours does not take: JSON 404 and 405.

The pages own a catch-all route, so the framework alone would answer both with a page and status 200.
"""

from flask import Flask, current_app, request
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import BaseConverter, Map

from app.api.errors import in_api

EXTENSION = "elkvision_api_map"


class RecordIdConverter(BaseConverter):
    """The id of a record in an address: 16 hex digits, a dash, 16 hex digits. `logs/bulk/` is none."""

    regex = r"[0-9a-f]{16}-[0-9a-f]{16}"


def guard_unknown_addresses(server: Flask) -> None:
    """Answer what the API does not have; the map of what it has is made at the first question."""
    server.before_request(_refuse_unknown)


def _refuse_unknown() -> None:
    if not in_api(request.path) or _is_ours():
        return
    own = _own_map().bind("")
    methods = {*own.allowed_methods(request.path), *own.allowed_methods(request.path.rstrip("/") + "/")}
    raise MethodNotAllowed(methods) if methods else NotFound()


def _is_ours() -> bool:
    return request.url_rule is not None and in_api(request.url_rule.rule)


def _own_map() -> Map:
    extensions = current_app.extensions
    if EXTENSION not in extensions:
        rules = [rule.empty() for rule in current_app.url_map.iter_rules() if in_api(rule.rule)]
        extensions[EXTENSION] = Map(rules, converters=current_app.url_map.converters)
    return extensions[EXTENSION]
