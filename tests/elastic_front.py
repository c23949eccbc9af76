"""An HTTP(S) server before an Elasticsearch, for tests of encryption and credentials, and servers that are something else.

The front checks credentials as Elasticsearch does (401 with its words) and passes on what bears them.
"""

import base64
import http.client
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

OPENSEARCH = {
    "name": "node-1",
    "cluster_name": "docker-cluster",
    "version": {
        "distribution": "opensearch",
        "number": "2.19.1",
        "build_type": "tar",
        "lucene_version": "9.12.1",
        "minimum_wire_compatibility_version": "7.10.0",
    },
    "tagline": "The OpenSearch Project: https://opensearch.org/",
}


@dataclass(frozen=True)
class Credentials:
    """What a front lets in."""

    user: str = "ada"
    password: str = "a good pass-word: ü"
    api_key: str = base64.b64encode(b"id:secret").decode()

    @property
    def headers(self) -> set[str]:
        basic = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {f"Basic {basic}", f"ApiKey {self.api_key}"}


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder, and a certificate of `localhost` and 127.0.0.1 that it signed."""

    ca: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_authority(folder: Path) -> Authority:
    """A fresh authority. Needs the program openssl."""
    folder.mkdir(parents=True)
    ca, ca_key, key, request = (folder / name for name in ("ca.crt", "ca.key", "server.key", "server.csr"))
    certificate, names = folder / "server.crt", folder / "names"
    names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subject = f"/CN=authority of {folder.name}"
    _run(*new, "-x509", "-days", "2", "-subj", subject, "-keyout", ca_key, "-out", ca)
    _run(*new, "-subj", "/CN=localhost", "-keyout", key, "-out", request)
    signing = ["-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2", "-extfile", names]
    _run("openssl", "x509", "-req", "-in", request, *signing, "-out", certificate)
    return Authority(ca, certificate, key)


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@contextmanager
def front(upstream: str, credentials: Credentials, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a front before `upstream`, encrypted where a context is given."""

    class Handler(_Handler):
        def do_ANY(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Authorization") not in credentials.headers:
                error = {"type": "security_exception", "reason": "unable to authenticate user"}
                self.answer(401, {"error": {"root_cause": [error], **error}, "status": 401}, product=True)
                return
            connection = http.client.HTTPConnection(urlsplit(upstream).netloc, timeout=30)
            headers = {name: self.headers[name] for name in ("Accept", "Content-Type") if name in self.headers}
            connection.request(self.command, self.path, body, headers)
            found = connection.getresponse()
            self.send(found.status, found.read(), dict(found.getheaders()))
            connection.close()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_ANY

    with _serving(Handler, context) as port:
        yield f"{'https' if context else 'http'}://localhost:{port}"


@contextmanager
def answering(status: int, body: object, *, product: bool = False) -> Iterator[str]:
    """The address of a server that answers everything alike, with Elasticsearch's product header where asked."""

    class Handler(_Handler):
        def do_GET(self) -> None:
            self.answer(status, body, product=product)

    with _serving(Handler, None) as port:
        yield f"http://localhost:{port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: object, *, product: bool) -> None:
        headers = {"Content-Type": "application/json"} | ({"X-elastic-product": "Elasticsearch"} if product else {})
        self.send(status, json.dumps(body).encode(), headers)

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests print what they need."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A handshake that a client breaks off is what some tests are about."""


@contextmanager
def _serving(handler: type[_Handler], context: ssl.SSLContext | None) -> Iterator[int]:
    server = _Server(("127.0.0.1", 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
