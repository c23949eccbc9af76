"""What the index costs at ingest: the same records with it, without it, and read by a bare `read_json`.

The store gets batches that are decoded already; the upload brings the file through the running server. "Searchable" ends
when the last record can be found, "sealed" when every full block has its filter.
"""

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from bench import ingest
from bench.data import Generated
from bench.questions import ORGANISATION
from bench.report import at_least, print_table, say
from services.clock import SystemClock
from services.log_store.duckdb import DuckDBLogStore
from services.model import CODED_SCHEMA
from tests.running import RunningServer

LEAST_SHARE = 0.5
"""Aim: ingest with the index, of the speed of a bare `read_json`."""
SETTLED_S = 3.0
POLL_S = 0.05

_NDJSON = """COPY (SELECT strftime(timestamp, '%Y-%m-%dT%H:%M:%S.%fZ') AS timestamp, level, message, source, service,
    environment, host, trace_id, attributes->'duration_ms' AS duration_ms, attributes->>'customer' AS customer,
    attributes->'http' AS http, attributes->>'region' AS region FROM records) TO '{file}' (FORMAT json)"""


@dataclass(frozen=True)
class Took:
    """Seconds until the last record was searchable, and until no more blocks were sealed."""

    searchable_s: float
    sealed_s: float


def main(count: int) -> None:
    """Print everything."""
    records = Generated("", count, 1_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        batches, file = folder / "batches.arrow", folder / "records.ndjson"
        _write(records, batches, file)
        say(f"\nIngest and the index: {count:,} records, {file.stat().st_size / 1e6:,.0f} MB of NDJSON ...")
        bare_s, _ = ingest.bare_duckdb(file, folder)
        with _store(folder / "without", maintain=False) as store:
            without_s = _append_all(store, batches)
            began = time.perf_counter()
            blocks = store.maintain(ORGANISATION).sealed
            at_once_s = time.perf_counter() - began
        with _store(folder / "with", maintain=True) as store:
            indexed = _timed(partial(_append_all, store, batches), lambda: store.counters()["sealed_blocks"])
        uploaded = _upload(folder / "upload", file)
    rows = [
        ("bare read_json of the file", bare_s, False),
        ("store, without index: searchable", without_s, False),
        ("store, with index: searchable", indexed.searchable_s, True),
        ("store, with index: sealed", indexed.sealed_s, True),
        ("upload over HTTP, with index: searchable", uploaded.searchable_s, True),
        ("upload over HTTP, with index: sealed", uploaded.sealed_s, True),
    ]
    print_table(("", "records/s", "of bare", "aim"), [
        (name, f"{count / took_s:,.0f}", f"{bare_s / took_s:.2f}", at_least(bare_s / took_s, LEAST_SHARE) if has_aim else "")
        for name, took_s, has_aim in rows
    ])  # fmt: skip
    say(f"  sealing {blocks} blocks and grouping shapes at once: {at_once_s / count * 1e6:.2f} µs a record")


def _write(records: Generated, batches: Path, file: Path) -> None:
    """The records as decoded batches and as a file to upload; a batch at a time is in memory."""
    with pa.OSFile(str(batches), "wb") as target, pa.ipc.new_stream(target, CODED_SCHEMA) as writer:
        for batch in records.batches():
            writer.write_table(batch.combine_chunks())
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    con.register("records", pa.ipc.open_stream(pa.memory_map(str(batches))))
    con.execute(_NDJSON.format(file=file))


def _append_all(store: DuckDBLogStore, batches: Path) -> float:
    """Seconds until everything can be found."""
    began = time.perf_counter()
    for batch in pa.ipc.open_stream(pa.memory_map(str(batches))):
        store.append(ORGANISATION, pa.Table.from_batches([batch]))
    return time.perf_counter() - began


@contextmanager
def _store(folder: Path, *, maintain: bool) -> Iterator[DuckDBLogStore]:
    store = DuckDBLogStore(folder, SystemClock(), memory_limit="1024MB", maintain=maintain)
    try:
        yield store
    finally:
        store.close()


def _upload(folder: Path, file: Path) -> Took:
    with RunningServer(folder) as server:
        token = server.account()

        def sealed() -> int:
            text = server.request("GET", "/metrics").body.decode()
            found = re.search(r"log_store_sealed_blocks_total (\d+)", text)
            assert found is not None, text[:500]
            return int(found[1])

        return _timed(lambda: ingest.upload(server, token, file), sealed)


def _timed(put: Callable[[], float], sealed: Callable[[], int]) -> Took:
    """`put` all records, then wait until the number of sealed blocks has not changed for three seconds."""
    began = time.perf_counter()
    searchable_s = put()
    known, changed = sealed(), time.perf_counter()
    while time.perf_counter() - changed < SETTLED_S:
        time.sleep(POLL_S)
        if (now := sealed()) != known:
            known, changed = now, time.perf_counter()
    return Took(searchable_s, max(searchable_s, changed - began))
