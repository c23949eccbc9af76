"""A resource: its endpoints are declarations, and what they declare is checked before they run and is the schema.

An endpoint's arguments are named for where they come from and annotated with the model that they must fit: `path`,
`query`, `header`, `body`. Its `responses` hold the one success; problems are added here. What it returns is the body of
that success. Order of checks: credential, then query string, headers, path and body, then the endpoint's own.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from flask_openapi3.utils import parse_parameters

from app.api import problem_docs, reading
from app.api.answers import json_answer
from app.api.caller import caller

SECURITY: list[dict[str, list[Any]]] = [{"token": []}, {"bearer": []}, {"session": []}]


class Resource(APIBlueprint):
    """The endpoints of one subject under /api, with or without a trailing slash.

    `public` endpoints answer anonymous callers; every other asks for a credential first.
    """

    def __init__(self, name: str, about: str, *, tag: str = "", public: bool = False):
        super().__init__(
            name,
            __name__,
            url_prefix="/api",
            abp_tags=[Tag(name=tag or name, description=about)],
            abp_security=[] if public else SECURITY,
            operation_id_callback=lambda *, name, path, method: name,
        )
        self.public = public
        if not public:
            self.before_request(_require_caller)

    def _add_url_rule(self, rule: str, *args: Any, **options: Any) -> None:
        super()._add_url_rule(rule, *args, strict_slashes=False, **options)

    def _collect_openapi_info(self, rule: str, func: Callable, **info: Any) -> Any:
        extensions = info.get("openapi_extensions") or {}
        found = parse_parameters(func, doc_ui=False)
        statuses = problem_docs.statuses(
            public=self.public,
            has_path="<" in rule,
            has_body=bool(found[5]) or "requestBody" in extensions,
            method=info["method"],
        )
        info["responses"] = problem_docs.responses(statuses) | (info.get("responses") or {})
        return super()._collect_openapi_info(rule, func, **info)

    @staticmethod
    def create_view_func(
        func: Callable,
        header: Any,
        cookie: Any,
        path: Any,
        query: Any,
        form: Any,
        body: Any,
        raw: Any,
        view_class: Any = None,
        view_kwargs: Any = None,
        responses: Any = None,
        validate_response: Any = None,
    ) -> Callable:
        """The Flask view of an endpoint: reads and checks its arguments, and renders what it returns."""
        status = next((int(code) for code in responses or {} if int(code) < 300), 200)

        @wraps(func)
        def view(**path_values: str) -> Response:
            arguments = _arguments(header, path, query, body, path_values)
            return _rendered(func(**arguments), status)

        return view


def _require_caller() -> None:
    caller()


def _arguments(header: Any, path: Any, query: Any, body: Any, path_values: dict[str, str]) -> dict[str, Any]:
    arguments = {}
    if query:
        arguments["query"] = reading.read_query(query)
    else:
        reading.read_query(reading.NoParameters)
    if header:
        arguments["header"] = reading.read_headers(header)
    if path:
        arguments["path"] = reading.validated(path, path_values, "path")
    if body:
        arguments["body"] = reading.read_json(body)
    return arguments


def _rendered(answer: Any, status: int) -> Response:
    if isinstance(answer, Response):
        return answer
    return Response(status=204) if status == 204 else json_answer(answer, status)
