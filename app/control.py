"""The local socket in the data folder, through which a command asks the server that holds the folder.

One JSON object a line: `{"command": "...", "arguments": {...}}` → `{"result": ...}` or `{"error": "..."}`.
Only the owner of the folder can open the socket (mode 0600).
"""

import contextlib
import fcntl
import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from services.errors import ConfigError, ElkVisionError

SOCKET_NAME = "control.sock"
LOCK_NAME = "lock"
Handlers = Mapping[str, Callable[..., Any]]


class Held(ConfigError):
    """Another process holds the data folder."""


@contextlib.contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this process; the kernel lets go of it whatever way the process ends. Raises `Held`."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / LOCK_NAME).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Held(f"The data folder {data_dir} is held by a running server ({lock.read().strip()}).") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}")
        lock.flush()
        yield


@contextlib.contextmanager
def answering(data_dir: Path, handlers: Handlers) -> Iterator[None]:
    """Answer commands on the socket of the data folder while the block runs."""
    with _short_path(data_dir) as path:
        Path(path).unlink(missing_ok=True)
        server = _Server(path, handlers)
        Path(path).chmod(0o600)
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="control", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        (data_dir / SOCKET_NAME).unlink(missing_ok=True)


def ask(data_dir: Path, command: str, timeout_s: float = 30, **arguments: Any) -> Any:
    """The running server's answer. Raises `ConfigError` with its words, or when it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX) as connection, _short_path(data_dir) as path:
            connection.settimeout(timeout_s)
            connection.connect(path)
            connection.sendall(json.dumps({"command": command, "arguments": arguments}).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").readline() or b'{"error": "The server closed the socket."}')
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise ConfigError(
            f"No server answers in {data_dir}: none runs there, or it begins or ends just now."
        ) from error
    except OSError as error:
        raise ConfigError(
            f"The server that holds {data_dir} does not answer ({error}). Stop it and try again."
        ) from error
    if "error" in answer:
        raise ConfigError(answer["error"])
    return answer["result"]


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, handlers: Handlers):
        self.handlers = handlers
        super().__init__(path, _Handler)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        request = json.loads(self.rfile.readline(1 << 20))
        handler = self.server.handlers.get(request["command"])
        try:
            if handler is None:
                raise ConfigError(f"The running server cannot do {request['command']!r}: stop it and try again.")
            answer = {"result": handler(**request["arguments"])}
        except ElkVisionError as error:
            answer = {"error": str(error)}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


@contextlib.contextmanager
def _short_path(data_dir: Path) -> Iterator[str]:
    """A name of the socket that fits the 108 bytes of `sockaddr_un` however deep the folder lies."""
    folder = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        direct = str(data_dir / SOCKET_NAME)
        yield direct if len(os.fsencode(direct)) < 100 else f"/proc/self/fd/{folder}/{SOCKET_NAME}"
    finally:
        os.close(folder)
