"""uvicorn's HTTP protocol with a limit that it lacks: how long a connection may take to send its request's header."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_S = 15
"""A connection that has begun no request, or not ended its header, by then is closed: half-open ones cost descriptors."""


class HeaderTimeoutProtocol(HttpToolsProtocol):
    """Closes connections whose header does not arrive; between requests uvicorn's own keep-alive limit holds."""

    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._begin_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_wait()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._begin_wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._end_wait()
        super().on_headers_complete()

    def _begin_wait(self) -> None:
        self._end_wait()
        self._header_timer = self.loop.call_later(HEADER_S, self.transport.close)

    def _end_wait(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
