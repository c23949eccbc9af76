"""The id of the request that is being served: it is in every error answer, in the X-Request-ID header and in our log."""

import re
import secrets

from flask import Flask, Response, g, request

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id() -> str:
    """The caller's X-Request-ID where it is a short plain word, else one made here; the same all through a request."""
    if "request_id" not in g:
        given = request.headers.get(HEADER, "")
        g.request_id = given if _SANE.fullmatch(given) else new_request_id()
    return g.request_id


def new_request_id() -> str:
    """A fresh id: 32 hex digits."""
    return secrets.token_hex(16)


def send_request_id_back(server: Flask) -> None:
    """Put the id on every answer of `server`."""

    @server.after_request
    def mark(response: Response) -> Response:
        response.headers[HEADER] = request_id()
        return response
