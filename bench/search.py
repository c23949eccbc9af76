"""Searches through REST, alone and while 10,000 records a second are written."""

import http.client
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.records import RARE_WORD
from tests.running import RunningServer

QUERIES = {
    "newest 50": "/api/logs/?page_size=50",
    "newest 50 of a level": "/api/logs/search/?level=error&page_size=50",
    "a rare word": f"/api/logs/search/?q={RARE_WORD}&page_size=50",
    "a common word's count": "/api/logs/search/?q=retry&page_size=1",
    "hourly histogram, top services": "/api/logs/stats/",
}
ROUNDS = 7
WRITE_RECORDS = 1_000
WRITE_EVERY_S = 0.1


def times_ms(server: RunningServer, token: str) -> dict[str, float]:
    """Median milliseconds of each query, HTTP included."""
    return {name: statistics.median(_rounds(server, token, path)) for name, path in QUERIES.items()}


def _rounds(server: RunningServer, token: str, path: str) -> list[float]:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = server.request("GET", path, token=token)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status == 200, answer.body[:500]
    return took


@contextmanager
def writing(server: RunningServer, token: str) -> Iterator[Callable[[], float]]:
    """10,000 records a second in bulks of 1,000 while the block runs; gives the rate that was reached."""
    stop, sent, began = threading.Event(), [0], time.monotonic()
    line = b'{"level":"info","service":"writer","message":"background write %d of the load"}\n'
    body = b"".join(line % number for number in range(WRITE_RECORDS))

    def write() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
        due = time.monotonic()
        while not stop.is_set():
            connection.request("POST", "/api/logs/bulk/", body, headers)
            response = connection.getresponse()
            response.read()
            assert response.status in (200, 201), response.status
            sent[0] += WRITE_RECORDS
            due += WRITE_EVERY_S
            stop.wait(max(0.0, due - time.monotonic()))

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield lambda: sent[0] / (time.monotonic() - began)
    finally:
        stop.set()
        thread.join()
