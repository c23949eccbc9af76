"""`make bench`: everything in one run; ratios mean something on a shared machine, absolute times little.

`python -m bench [records]`, 1,000,000 when not given.
"""

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import ingest, search
from bench.records import write_ndjson
from tests.running import RunningServer


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "shop.ndjson"
        write_ndjson(file, count)
        say(f"{count:,} records, {file.stat().st_size / 1e6:.0f} MB of NDJSON")
        measure_ingest(folder, file, count)
        measure_search(folder, file, count)


def measure_ingest(folder: Path, file: Path, count: int) -> None:
    bare_s, bare_bytes = ingest.bare_duckdb(file, folder)
    with RunningServer(folder / "upload") as server, ingest.PeakMemory(server) as memory:
        upload_s = ingest.upload(server, server.account(), file)
        server.stop()
    disk_bytes = sum(each.stat().st_size for each in (folder / "upload").rglob("*.duckdb*"))
    with RunningServer(folder / "bulk") as server:
        token = server.account()
        bulk_s = ingest.bulk(server, token, file)
        posts = ingest.single_posts(server, token)
    raw = file.stat().st_size
    say("\nIngest                     records/s   of bare read_json")
    for label, took_s in (("bare DuckDB read_json", bare_s), ("upload", upload_s), ("bulk, 2 clients", bulk_s)):
        say(f"{label:24} {count / took_s:11,.0f}   {bare_s / took_s:.2f}")
    say(f"single POSTs, 16 clients {posts:11,.0f}")
    say(f"disk bytes per raw byte  {disk_bytes / raw:11.2f}   (bare: {bare_bytes / raw:.2f})")
    say(f"peak memory while uploading {memory.peak_bytes / 1e6:,.0f} MB")


def measure_search(folder: Path, file: Path, count: int) -> None:
    overlapping = folder / "overlapping.ndjson"
    write_ndjson(overlapping, count, start=datetime(2026, 10, 4, tzinfo=UTC), seed=2)
    with RunningServer(folder / "search") as server:
        token = server.account()
        ingest.upload(server, token, file)
        idle = search.times_ms(server, token)
        with search.writing(server, token) as rate:
            busy, reached = search.times_ms(server, token), rate()
        ingest.upload(server, token, overlapping)
        overlapped = search.times_ms(server, token)
    say(f"\nSearch, median ms over HTTP     idle   writing {reached:,.0f}/s   two overlapping weeks ({2 * count:,})")
    for name, took_ms in idle.items():
        say(
            f"{name:30} {took_ms:6.1f} {busy[name]:12.1f} ({busy[name] / took_ms:.1f}x) {overlapped[name]:10.1f}"
            f" ({overlapped[name] / took_ms:.1f}x)"
        )


def say(text: str) -> None:
    print(text, flush=True)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
