"""`make bench`: everything in one run; ratios mean something on a shared machine, absolute times little.

`python -m bench [records]`, 1,000,000 when not given.
"""

import sys
import tempfile
from pathlib import Path

from bench import ingest, search_store
from bench.records import write_ndjson
from tests.running import RunningServer


def measure_ingest(count: int) -> None:
    """Uploads, bulk requests and single records through a running server, next to a bare `read_json`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "shop.ndjson"
        write_ndjson(file, count)
        say(f"{count:,} records, {file.stat().st_size / 1e6:.0f} MB of NDJSON")
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
    say("\nIngest over HTTP           records/s   of bare read_json")
    for label, took_s in (("bare DuckDB read_json", bare_s), ("upload", upload_s), ("bulk, 2 clients", bulk_s)):
        say(f"{label:24} {count / took_s:11,.0f}   {bare_s / took_s:.2f}")
    say(f"single POSTs, 16 clients {posts:11,.0f}")
    say(f"disk bytes per raw byte  {disk_bytes / raw:11.2f}   (bare: {bare_bytes / raw:.2f})")
    say(f"peak memory while uploading {memory.peak_bytes / 1e6:,.0f} MB\n\nThe store alone, next to a plain table")


def say(text: str) -> None:
    """Print at once: a long run is watched."""
    print(text, flush=True)


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    measure_ingest(number)
    search_store.main(number)
