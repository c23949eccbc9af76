"""One process: uvicorn in front, the services behind, the local socket beside; stops within 5 seconds."""

import logging
import os
import resource
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import uvicorn

from app import __version__, control
from app.config import Config
from app.http_protocol import HeaderTimeoutProtocol
from app.logs import configure_logs
from app.wiring import Application, build, handlers
from services.errors import ConfigError

DRAIN_S = 2
"""How long requests that are under way may take to end after SIGTERM."""

EXIT_S = 4.5
"""After this the process ends whatever still runs: what was acknowledged is on disk, uploads resume at next start."""


class _Server(uvicorn.Server):
    """Says where it is as soon as it really listens, and bounds its own end."""

    def __init__(self, config: uvicorn.Config, text: str):
        super().__init__(config)
        self._text = text

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._text, flush=True)  # noqa: T201 -- the person who started it reads this

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn does, without raising the signal again: that ends the process before anything is closed."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    def handle_exit(self, sig: int, frame: Any) -> None:
        timer = threading.Timer(EXIT_S, os._exit, (1,))
        timer.daemon = True
        timer.start()
        super().handle_exit(sig, frame)


def run(config: Config) -> int:
    """Serve until a signal. Raises `ConfigError` when the folder is held or the port is taken."""
    configure_logs(debug=config.DEBUG)
    allow_many_connections()
    with (
        control.hold(config.DATA_DIR),
        _listen(config) as listening,
        closing(build(config)) as application,
        control.answering(config.DATA_DIR, handlers(application)),
    ):
        application.start()
        _uvicorn(application, config).run(sockets=[listening])
    _end()
    return 0


def _end() -> None:
    """End here, where everything is closed: the interpreter's own end prints what DuckDB's binding finds still alive."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def allow_many_connections() -> None:
    """Raise the number of open files to what the system allows this process: every connection takes one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _uvicorn(application: Application, config: Config) -> _Server:
    settings = uvicorn.Config(
        application.front,
        http=HeaderTimeoutProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        timeout_graceful_shutdown=DRAIN_S,
        timeout_keep_alive=30,
    )
    return _Server(settings, _greeting(application, config))


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.HOST else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.HOST, config.PORT))
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"HOST {config.HOST} and PORT {config.PORT} cannot be used ({error.strerror}): set another PORT."
        ) from error
    listening.set_inheritable(True)
    return listening


def _greeting(application: Application, config: Config) -> str:
    address = f"http://{config.HOST}:{config.PORT}".replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    lines = [
        f"ELK Vision {__version__} is ready: {address}",
        f"Data:    {config.DATA_DIR.resolve()}",
        f"Sign in: {address}/login",
    ]
    if application.services.accounts.needs_setup():
        lines[2] = (
            f"Sign in: make the first account at {address}/register (from this machine it becomes the superadmin)"
        )
        lines.append(f"         from another machine give the setup code {application.setup_code}")
    return "\n".join(lines)
