"""The front of the server: what must not wait for a thread is done here, everything else is a short Flask request.

For each HTTP request: check the Host header, read the body in the event loop (an upload goes to the disk), then let a
thread run Flask on a body that is already there, and send the buffered answer. A slow client therefore never holds a
thread, in either direction. Health and metrics have two threads of their own: they answer while all others are busy.
"""

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi import build_environ
from flask import Flask

from app.auth import principal_of_request
from app.bodies import Budget, Disconnected, UploadForm, drain, refuse_larger, spool_form
from app.config import KB, MB, Config
from services.errors import ElkVisionError, InvalidInput
from services.principal import Right, require

_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

THREADS = 16
VITAL_THREADS = 2
BODIES_BYTES = 256 * MB
SMALL_BODY_BYTES = 4 * MB
VISITOR_BODY_BYTES = 64 * KB
"""Larger bodies, and those of unknown length, are read only for somebody known: they take a share of the budget."""
VITAL_PATHS = ("/api/health", "/metrics")
BULKY_PATHS = ("/api/logs", "/api/logs/bulk")
UPLOAD_PATH = "/api/logs/upload"


class Front:
    """The ASGI application that uvicorn runs."""

    def __init__(self, server: Flask, config: Config):
        self._server = server
        self._config = config
        self._budget = Budget(BODIES_BYTES)
        self._busy = WSGIMiddleware(server.wsgi_app, workers=THREADS)
        self._vital = WSGIMiddleware(server.wsgi_app, workers=VITAL_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif scope["type"] == "http":
            try:
                await self._http(scope, receive, send)
            except Disconnected:
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = clean(scope)
        path = scope["path"].rstrip("/")
        try:
            self._refuse_foreign_host(scope)
            if path == UPLOAD_PATH and scope["method"] == "POST":
                await self._upload(scope, receive, send)
                return
            limit, name = self._body_limit(path)
            refuse_larger(_content_length(scope), limit, name)
            if is_large(scope):
                await asyncio.to_thread(self._check_right, scope, path in BULKY_PATHS)
            async with self._budget.body(receive, limit, name, self._config.BODY_IDLE_TIMEOUT_S) as body:
                await self._run(scope, body, send)
        except ElkVisionError as error:
            scope["elkvision"]["elkvision.refused"] = error
            await self._refuse(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The right is checked before the first byte is read: nobody fills the disk without an account."""
        await asyncio.to_thread(self._check_right, scope, True)
        refuse_larger(_content_length(scope), self._config.UPLOAD_MAX_BYTES, "UPLOAD_MAX_BYTES")
        uploads = self._server.extensions["elkvision"].uploads
        await asyncio.to_thread(uploads.expect)
        form: UploadForm = await spool_form(
            receive,
            header(scope, b"content-type"),
            incoming_folder(self._config.DATA_DIR),
            uploads,
            max_files=self._config.UPLOAD_MAX_FILES,
            max_bytes=self._config.UPLOAD_MAX_BYTES,
            idle_timeout_s=self._config.BODY_IDLE_TIMEOUT_S,
        )
        scope["elkvision"]["elkvision.upload"] = form
        try:
            await self._run(scope, b"", send)
        finally:
            await asyncio.to_thread(form.discard)

    def _check_right(self, scope: Scope, to_write: bool) -> None:
        """Raise unless somebody known asks (who may send logs, where `to_write`)."""
        environ = build_environ(scope, None)  # type: ignore[arg-type]
        with self._server.request_context(environ):  # type: ignore[arg-type]
            principal = principal_of_request()
            if to_write:
                require(principal, Right.WRITE_LOGS)

    def _body_limit(self, path: str) -> tuple[int, str]:
        if path in BULKY_PATHS:
            return self._config.BULK_MAX_BYTES, "BULK_MAX_BYTES"
        return SMALL_BODY_BYTES, "request body"

    def _refuse_foreign_host(self, scope: Scope) -> None:
        """ALLOWED_HOSTS: a page on another name that resolves to us (DNS rebinding) gets nothing."""
        allowed = self._config.ALLOWED_HOSTS
        host = header(scope, b"host").decode("latin-1")
        found = _HOST.fullmatch(host)
        if found is None or ("*" not in allowed and found[1].lower() not in allowed):
            raise InvalidInput(f"The host name {host[:100]!r} is not in ALLOWED_HOSTS.")

    async def _run(self, scope: Scope, body: bytes, send: Send) -> None:
        """Run Flask in a thread on a body that is there, and send its answer when it is complete."""
        for message in await self._answer(scope, body):
            await send(message)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose body was not read to its end, and close the connection behind it."""
        *messages, last = await self._answer(scope, b"")
        messages[0]["headers"].append((b"connection", b"close"))
        for message in messages:
            await send(message)
        await drain(receive)
        await send(last)

    async def _answer(self, scope: Scope, body: bytes) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []

        async def keep(message: dict[str, Any]) -> None:
            messages.append(message)

        async def replay() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        pool = self._vital if scope["path"].startswith(VITAL_PATHS) else self._busy
        scope["headers"] = [*without_length(scope["headers"]), (b"content-length", str(len(body)).encode())]
        await pool(scope, replay, keep)  # type: ignore[arg-type]
        return messages


def incoming_folder(data_dir: Path) -> Path:
    """Where bodies of uploads grow; what lies here at start belongs to nobody."""
    return data_dir / "spool" / "incoming"


def clean(scope: Scope) -> Scope:
    """`scope` as WSGI can carry it: ASCII query string, one cookie header; and a place for what we hand to Flask."""
    headers = [pair for pair in scope["headers"] if pair[0] != b"cookie"]
    cookies = [value for name, value in scope["headers"] if name == b"cookie"]
    if cookies:
        headers.append((b"cookie", b"; ".join(cookies)))
    query = scope["query_string"]
    if not query.isascii():
        query = b"".join(b"%%%02X" % byte if byte > 127 else bytes((byte,)) for byte in query)
    path = scope["path"].encode("utf-8", "replace").decode("utf-8")
    return scope | {"headers": headers, "query_string": query, "path": path, "elkvision": {}}


def without_length(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers without those that describe how the body was sent: it is whole by now."""
    return [pair for pair in headers if pair[0] not in (b"content-length", b"transfer-encoding")]


def header(scope: Scope, name: bytes) -> bytes:
    """The value of a request header, empty when it is not there."""
    return next((value for key, value in scope["headers"] if key == name), b"")


def is_large(scope: Scope) -> bool:
    """Whether the body is more than a visitor may send, or does not say how long it is."""
    chunked = header(scope, b"transfer-encoding") != b""
    return chunked or _content_length(scope) > VISITOR_BODY_BYTES


def _content_length(scope: Scope) -> int:
    text = header(scope, b"content-length")
    return int(text) if text.isdigit() else 0


def handed_over(server: Flask) -> None:
    """Give Flask what the front has for a request: its keys appear in `request.environ`."""
    inner = server.wsgi_app

    @functools.wraps(inner)
    def outer(environ: dict[str, Any], start_response: Any) -> Any:
        environ.update(environ.get("asgi.scope", {}).get("elkvision", {}))
        return inner(environ, start_response)

    server.wsgi_app = outer  # type: ignore[method-assign]
