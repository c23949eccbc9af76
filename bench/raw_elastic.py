"""What the store on Elasticsearch is measured against: the same documents by plain `_bulk` and plain `_search`.

One HTTP connection per thread, bodies as bytes, answers parsed and nothing more: no client, no spool, no language.
"""

import http.client
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

BULK_BYTES = 5 << 20
BULK_CLIENTS = 2


class Raw:
    """A data stream beside the store's, with the same template."""

    def __init__(self, url: str, stream: str):
        self._host = urlsplit(url).netloc
        self._stream = stream
        self._local = threading.local()

    def request(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
        """The parsed answer; fails on anything but 200."""
        connection = self._connection()
        connection.request(method, path, body, {"Content-Type": kind})
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200, content[:1000]
        return orjson.loads(content)

    def _connection(self) -> http.client.HTTPConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection(self._host, timeout=300)
        found: http.client.HTTPConnection = self._local.connection
        return found

    def fill(self, bodies: Sequence[bytes]) -> None:
        """Send the bodies over two connections, and make them findable."""
        left, lock = list(reversed(bodies)), threading.Lock()

        def send() -> None:
            while True:
                with lock:
                    if not left:
                        return
                    body = left.pop()
                answer = self.request("POST", f"/{self._stream}/_bulk?filter_path=errors", body, "application/x-ndjson")
                assert not answer["errors"]

        threads = [threading.Thread(target=send) for _ in range(BULK_CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.request("POST", f"/{self._stream}/_refresh")

    def search(self, **body: Any) -> Any:
        """The answer of `_search`."""
        return self.request("POST", f"/{self._stream}/_search", orjson.dumps(body))


def bodies(lines: Sequence[tuple[str, bytes]]) -> list[bytes]:
    """(id, document) pairs as bodies of `_bulk` of about `BULK_BYTES`."""
    made: list[bytes] = []
    parts: list[bytes] = []
    size = 0
    for record_id, document in lines:
        parts.append(b'{"create":{"_id":"%s"}}\n%s\n' % (record_id.encode(), document))
        size += len(parts[-1])
        if size >= BULK_BYTES:
            made.append(b"".join(parts))
            parts, size = [], 0
    return [*made, b"".join(parts)] if parts else made
