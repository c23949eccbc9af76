"""A proxy before a real Elasticsearch that does to bulk requests what networks and busy servers do.

with Proxy("http://127.0.0.1:19200", seed=7) as proxy:
    proxy.faults = {"busy": 0.5, "reset": 0.1}      # shares of the bulks; the others pass
    proxy.down(); proxy.up()                        # connections are refused, open ones reset

    busy          429 for the whole request, not passed on
    unavailable   503 without Elasticsearch's mark, not passed on
    lost          passed on, then 504
    reset         passed on, then the connection is reset
    cut_off       reset with the body half read: not passed on
    hang          passed on; the answer waits for `hang_s`
    late          passed on after `hang_s`, whoever still waits
    slow          passed on after `slow_s`
    items         of its documents some are refused with 429 or 503 and not passed on, the others are
    garbage       passed on; answered with a page of HTML
    short         passed on; the answer lacks the last half of its items
    mixed_up      passed on; the items of the answer come in reverse

A document that holds `poison` is refused with 400 whatever the fault, and a request of more than `most_bytes` with 413.
`meanwhile` is called after a bulk that was passed on is carried out, and before its answer is lost.
"""

import contextlib
import http.client
import json
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.running import free_port

Errors = dict[int, dict[str, Any]]

_BUSY = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "rejected by the test"}}
_UNAVAILABLE = {"status": 503, "error": {"type": "unavailable_shards_exception", "reason": "no shard in the test"}}
_POISON = {"status": 400, "error": {"type": "document_parsing_exception", "reason": "poison"}}


class Proxy:
    """Runs from `__enter__` to `__exit__`. `done` counts what was done to bulks."""

    def __init__(self, upstream: str, seed: int, *, hang_s: float = 30.0, slow_s: float = 0.5):
        self.upstream = (urlsplit(upstream).hostname or "", urlsplit(upstream).port or 80)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.hang_s = hang_s
        self.slow_s = slow_s
        self.faults: dict[str, float] = {}
        self.poison = b"poison"
        self.most_bytes = 1 << 30
        self.meanwhile: Callable[[], None] = lambda: None
        self.done: Counter[str] = Counter()
        self.rng = random.Random(seed)
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.open: set[socket.socket] = set()
        self._server: _Server | None = None

    def __enter__(self) -> "Proxy":
        self.up()
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        self.down()

    def up(self) -> None:
        """Take connections."""
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.proxy = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections, and reset the open ones."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        with self.lock:
            for connection in self.open:
                cut(connection)
            self.open.clear()

    def choose(self) -> str:
        """What happens to the next bulk."""
        with self.lock:
            drawn = self.rng.random()
            for fault, share in self.faults.items():
                drawn -= share
                if drawn < 0:
                    self.done[fault] += 1
                    return fault
            self.done["pass"] += 1
            return "pass"

    def refusals(self, bodies: list[bytes], share: float) -> Errors:
        """position -> error of the documents that are not passed on."""
        with self.lock:
            drawn = [self.rng.random() for _ in bodies]
            errors = {at: self.rng.choice((_BUSY, _UNAVAILABLE)) for at, each in enumerate(drawn) if each < share}
        return errors | {at: _POISON for at, body in enumerate(bodies) if self.poison in body}


def cut(connection: socket.socket) -> None:
    """End it under a handler that reads from it, and closes it then: closing alone leaves its open files working."""
    with contextlib.suppress(OSError):  # it is closed already
        connection.shutdown(socket.SHUT_RDWR)


def reset(connection: socket.socket) -> None:
    """Close it so that the other side sees a reset."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    except OSError:
        pass  # it is closed already


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that break are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.proxy = self.server.proxy
        with self.proxy.lock:
            self.proxy.open.add(self.connection)

    def finish(self) -> None:
        with self.proxy.lock:
            self.proxy.open.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", 0))
        if "/_bulk" not in self.path:
            self._pass(self.rfile.read(length))
            return
        if length > self.proxy.most_bytes:
            self.rfile.read(length)
            self._answer(413, b"too large", "text/plain", elastic=False)
            return
        fault = self.proxy.choose()
        if fault == "cut_off":
            self.rfile.read(length // 2)
            self._reset()
        else:
            self._bulk(fault, self.rfile.read(length))

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def _bulk(self, fault: str, body: bytes) -> None:
        if fault == "busy":
            self._say(429, {"error": _BUSY["error"], "status": 429})
        elif fault == "unavailable":
            self._answer(503, b"no server", "text/plain", elastic=False)
        elif fault in ("late", "slow"):
            self.proxy.ended.wait(self.proxy.hang_s if fault == "late" else self.proxy.slow_s)
            self._answer(*self._forward_bulk(body, 0.0))
        else:
            self._after(fault, *self._forward_bulk(body, 0.3 if fault == "items" else 0.0))

    def _after(self, fault: str, status: int, content: bytes, kind: str) -> None:
        """What becomes of the answer of a bulk that was passed on."""
        self.proxy.meanwhile()
        if fault == "reset":
            self._reset()
        elif fault == "lost":
            self._answer(504, b"too late", "text/plain", elastic=False)
        elif fault == "garbage":
            self._answer(200, b"<html>hello</html>", "text/html", elastic=False)
        elif fault in ("short", "mixed_up") and status == 200:
            items = json.loads(content)["items"]
            items = items[: len(items) // 2] if fault == "short" else items[::-1]
            self._say(200, {"items": items})
        else:
            if fault == "hang":
                self.proxy.ended.wait(self.proxy.hang_s)
            self._answer(status, content, kind)

    def _forward_bulk(self, body: bytes, share: float) -> tuple[int, bytes, str]:
        """Pass on what is not refused, and put the refusals into the answer where they belong."""
        lines = body.split(b"\n")[:-1]
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        errors = self.proxy.refusals([document for _, document in pairs], share)
        if not errors:
            return self._forward(body)
        kept = b"".join(
            action + b"\n" + document + b"\n" for at, (action, document) in enumerate(pairs) if at not in errors
        )
        status, content, kind = self._forward(kept) if kept else (200, b'{"items":[]}', "application/json")
        if status != 200:
            return status, content, kind
        told = iter(json.loads(content)["items"])
        items = [
            {"create": {"_id": json.loads(action)["create"]["_id"], **errors[at]}} if at in errors else next(told)
            for at, (action, _) in enumerate(pairs)
        ]
        return 200, json.dumps({"items": items}).encode(), "application/json"

    def _forward(self, body: bytes) -> tuple[int, bytes, str]:
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")
        }
        connection = http.client.HTTPConnection(*self.proxy.upstream, timeout=90)
        try:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers.get("content-type", "application/json")
        finally:
            connection.close()

    def _pass(self, body: bytes) -> None:
        try:
            self._answer(*self._forward(body))
        except OSError:
            self._reset()  # as if there were nobody in between

    def _say(self, status: int, content: Any) -> None:
        self._answer(status, json.dumps(content).encode(), "application/json")

    def _answer(self, status: int, content: bytes, kind: str, *, elastic: bool = True) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        if elastic:
            self.send_header("x-elastic-product", "Elasticsearch")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _reset(self) -> None:
        self.close_connection = True
        reset(self.connection)
