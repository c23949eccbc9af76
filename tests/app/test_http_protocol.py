"""Half-open connections are closed; whole requests are not."""

import asyncio
import socket

import pytest
import uvicorn

from app import http_protocol


async def _answer(scope: dict, receive, send) -> None:  # type: ignore[no-untyped-def, type-arg]
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def test_a_header_that_does_not_end_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEADER_S", 0.2)

    async def run() -> None:
        config = uvicorn.Config(_answer, http=http_protocol.HeaderTimeoutProtocol, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        listening = socket.create_server(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"204" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET / HTTP/1.1\r\nHost: local")
        assert await asyncio.wait_for(reader.read(), 10) == b""
        silent, _ = await asyncio.open_connection(*listening.getsockname())
        assert await asyncio.wait_for(silent.read(), 10) == b""
        server.should_exit = True
        await serving

    asyncio.run(run())
