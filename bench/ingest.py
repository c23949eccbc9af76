"""Ingest through the running server, against DuckDB reading the same file with nothing around it."""

import http.client
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.records import write_ndjson
from bench.report import print_table, say
from tests.running import RunningServer

BULK_LINES = 5_000
BULK_CLIENTS = 2
POST_CLIENTS = 16
POST_SECONDS = 10

BARE = """
import duckdb, sys, time
con = duckdb.connect(sys.argv[2])
con.execute("set enable_progress_bar = false")
began = time.perf_counter()
con.execute("create table logs as select * from read_json(?, format='newline_delimited')", [sys.argv[1]])
con.execute("checkpoint")
print(time.perf_counter() - began)
"""


def main(count: int) -> None:
    """Uploads, bulk requests and single records through a running server, next to a bare `read_json`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "shop.ndjson"
        write_ndjson(file, count)
        raw_bytes = file.stat().st_size
        say(f"{count:,} records, {raw_bytes / 1e6:.0f} MB of NDJSON")
        bare_s, bare_bytes = bare_duckdb(file, folder)
        with RunningServer(folder / "upload") as server, PeakMemory(server) as memory:
            upload_s = upload(server, server.account(), file)
            server.stop()
        disk_bytes = sum(each.stat().st_size for each in (folder / "upload").rglob("*.duckdb*"))
        with RunningServer(folder / "bulk") as server:
            token = server.account()
            bulk_s = bulk(server, token, file)
            posts = single_posts(server, token)
    took = (("bare read_json", bare_s), ("upload", upload_s), ("bulk, 2 clients", bulk_s))
    rows = [(label, f"{count / took_s:,.0f}", f"{bare_s / took_s:.2f}") for label, took_s in took]
    print_table(("over HTTP", "records/s", "of bare"), [*rows, ("single POSTs, 16 clients", f"{posts:,.0f}", "")])
    say(f"  disk bytes per raw byte: {disk_bytes / raw_bytes:.2f} (bare {bare_bytes / raw_bytes:.2f})")
    say(f"  peak memory while uploading: {memory.peak_bytes / 1e6:,.0f} MB")


def seconds(action: Callable[[], object]) -> float:
    """How long `action` took."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def bare_duckdb(file: Path, folder: Path) -> tuple[float, int]:
    """(seconds, bytes on disk) of a bare `read_json` of the file into a table, in a process of its own."""
    target = folder / "bare.duckdb"
    output = subprocess.run(
        [sys.executable, "-c", BARE, str(file), str(target)], capture_output=True, check=True
    ).stdout
    return float(output), target.stat().st_size


def upload(server: RunningServer, token: str, file: Path) -> float:
    """Seconds from the first byte sent until every record can be found."""

    def run() -> None:
        ended = server.upload(token, file, wait_s=600)
        assert ended["state"] == "done", ended

    return seconds(run)


def bulk(server: RunningServer, token: str, file: Path) -> float:
    """Seconds to send the file as bulk requests of 5,000 lines over two connections."""
    with file.open("rb") as lines:
        bodies = iter(lambda: b"".join(itertools.islice(lines, BULK_LINES)), b"")
        lock = threading.Lock()

        def next_body() -> bytes:
            with lock:
                return next(bodies, b"")

        return seconds(lambda: _in_threads(BULK_CLIENTS, lambda: _send_all(server, token, next_body)))


def _send_all(server: RunningServer, token: str, next_body: Callable[[], bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    while body := next_body():
        connection.request("POST", "/api/logs/bulk/", body, headers)
        response = connection.getresponse()
        answer = response.read()
        assert response.status in (200, 201), answer[:500]


def single_posts(server: RunningServer, token: str) -> float:
    """Acknowledged single-record POSTs per second with sixteen clients."""
    until = time.monotonic() + POST_SECONDS
    counts: list[int] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        for number in itertools.count():
            if time.monotonic() > until:
                counts.append(number)
                return
            body = json.dumps({"level": "info", "service": "single", "message": f"request {number} served"})
            connection.request("POST", "/api/logs/", body, headers)
            response = connection.getresponse()
            response.read()
            assert response.status == 201, response.status

    took_s = seconds(lambda: _in_threads(POST_CLIENTS, client))
    return sum(counts) / took_s


def _in_threads(count: int, target: Callable[[], None]) -> None:
    threads = [threading.Thread(target=target) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class PeakMemory:
    """The highest resident memory of the server and its children while the block runs, in bytes."""

    def __init__(self, server: RunningServer):
        assert server.process is not None
        self.root = server.process.pid
        self.peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self.peak_bytes = max(self.peak_bytes, sum(_resident(pid) for pid in _family(self.root)))


def _family(root: int) -> Iterator[int]:
    yield root
    try:
        children = Path(f"/proc/{root}/task").glob("*/children")
        for pid in {int(pid) for file in children for pid in file.read_text().split()}:
            yield from _family(pid)
    except OSError:
        return


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (OSError, IndexError):
        return 0
