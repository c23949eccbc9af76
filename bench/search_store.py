"""Searches in the log store alone (no HTTP) against the plainest DuckDB table with the same records, in one run.

`python -m bench.search_store [records]`, 1,000,000 when not given. Times are medians in milliseconds: alone, while
10,000 records a second are written, and with a second, overlapping week appended after the first.
"""

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from services.clock import SystemClock
from services.log_store.duckdb import DuckDBLogStore
from services.log_store.interface import PREFERRED_BATCH_ROWS, Aggregation, LogQuery
from services.model import LOG_SCHEMA
from services.query.language import MatchAll, parse

ROUNDS = 7
RARE = "zanzibar77"
WRITE_ROWS = 1_000
WRITE_EVERY_S = 0.1
ORGANISATION = "bench"

_RECORDS = r"""
SELECT make_timestamptz(1767225600000000 + ((i * 604800000000) // {count}) + {shift_s}::BIGINT * 1000000) AS timestamp,
  (['debug', 'info', 'info', 'info', 'info', 'info', 'info', 'info', 'warning', 'error'])[1 + (hash(i) % 10)::INT] AS level,
  CASE WHEN i % 333333 = 7 THEN 'the rare word {rare} appears'
    WHEN hash(i * 7) % 4 = 0 THEN 'GET /cart/' || i || ' 200 in ' || hash(i) % 900 || ' ms'
    WHEN hash(i * 7) % 4 = 1 THEN 'payment accepted for order ' || i || ' amount ' || hash(i) % 10000
    WHEN hash(i * 7) % 4 = 2 THEN 'connection to database lost, retry in ' || i % 30 || ' s'
    ELSE 'user ' || hash(i) % 50000 || ' signed in from 10.0.' || i % 256 || '.' || hash(i) % 256 END AS message,
  'app' AS source, (['web', 'cart', 'mail', 'auth'])[1 + (hash(i * 3) % 4)::INT] AS service, 'prod' AS environment,
  'host-' || hash(i * 5) % 20 AS host, md5((i // 3)::VARCHAR) AS trace_id,
  '{{"duration_ms":' || hash(i) % 900 || '}}' AS attributes
FROM range({first}, {last}) AS numbers(i)"""
_SHAPE = r"regexp_replace(message, '[\pL\pN_]*\pN[\pL\pN_]*', chr(26), 'g')"


def records(first: int, last: int, count: int, shift_s: int = 0) -> pa.Table:
    """Records number `first` to `last` of a week that has `count`, as a batch."""
    made = _RECORDS.format(first=first, last=last, count=count, shift_s=shift_s, rare=RARE)
    table = duckdb.connect().sql(f"SELECT *, {_SHAPE} AS shape FROM ({made})").to_arrow_table()
    missing = {name: pa.nulls(table.num_rows, LOG_SCHEMA.field(name).type) for name in LOG_SCHEMA.names}
    columns = {name: table.column(name) if name in table.column_names else missing[name] for name in missing}
    return pa.table(columns).cast(LOG_SCHEMA)


class Plain:
    """One table in one file, nothing around it: what the store is measured against."""

    def __init__(self, folder: Path):
        self._connection = duckdb.connect(str(folder / "plain.duckdb"))
        self._connection.execute("SET TimeZone = 'UTC'")
        self._made = False

    def append(self, batch: pa.Table) -> None:
        self._connection.register("incoming", batch.drop_columns(["shape"]))
        verb = "INSERT INTO logs" if self._made else "CREATE TABLE logs AS"
        self._connection.execute(f"{verb} SELECT * FROM incoming")
        self._made = True

    def ask(self, sql: str) -> Callable[[], object]:
        return lambda: self._connection.cursor().execute(sql).fetchall()


def questions(store: DuckDBLogStore, plain: Plain) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Name -> (asked of the store, asked of the plain table)."""

    def page(text: str, limit: int = 50) -> Callable[[], object]:
        return lambda: store.search(ORGANISATION, LogQuery(query=parse(text), limit=limit))

    def count(by: tuple[str, ...], width: int | None = None) -> Callable[[], object]:
        return lambda: store.aggregate(ORGANISATION, MatchAll(), Aggregation(by, width, 10))

    newest = "ORDER BY timestamp DESC LIMIT 50"
    return {
        "newest 50": (page(""), plain.ask(f"SELECT * FROM logs {newest}")),
        "newest 50 of a level": (page("level:error"), plain.ask(f"SELECT * FROM logs WHERE level = 'error' {newest}")),
        "a rare word": (page(RARE), plain.ask(f"SELECT * FROM logs WHERE contains(lower(message), '{RARE}') {newest}")),
        "a common word's count": (
            page("retry", 1),
            plain.ask("SELECT count(*) FROM logs WHERE contains(lower(message), 'retry')"),
        ),
        "hourly histogram": (
            count(("time",), 3_600),
            plain.ask("SELECT date_trunc('hour', timestamp), count(*) FROM logs GROUP BY 1"),
        ),
        "top services": (
            count(("service",)),
            plain.ask("SELECT service, count(*) FROM logs GROUP BY 1 ORDER BY 2 DESC LIMIT 10"),
        ),
    }


def median_ms(ask: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


@contextmanager
def writing(store: DuckDBLogStore) -> Iterator[None]:
    """10,000 records a second, 1,000 at a time, while the block runs."""
    batch, stop = records(0, WRITE_ROWS, WRITE_ROWS, 700_000), threading.Event()

    def write() -> None:
        due = time.monotonic()
        while not stop.is_set():
            store.append(ORGANISATION, batch)
            due += WRITE_EVERY_S
            stop.wait(max(0.0, due - time.monotonic()))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def fill(append: Callable[[pa.Table], object], batches: list[pa.Table]) -> float:
    began = time.perf_counter()
    for batch in batches:
        append(batch)
    return time.perf_counter() - began


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        store, plain = DuckDBLogStore(Path(name) / "logs", SystemClock()), Plain(Path(name))
        bounds = [(first, min(first + PREFERRED_BATCH_ROWS, count)) for first in range(0, count, PREFERRED_BATCH_ROWS)]
        week = [records(first, last, count) for first, last in bounds]
        plain_s = fill(plain.append, week)
        store_s = fill(lambda batch: store.append(ORGANISATION, batch), week)
        say(f"append: plain {count / plain_s:,.0f}/s, store {count / store_s:,.0f}/s, ratio {plain_s / store_s:.2f}")
        asked = questions(store, plain)
        bare = {name: median_ms(ask) for name, (_, ask) in asked.items()}
        alone = {name: median_ms(ask) for name, (ask, _) in asked.items()}
        with writing(store):
            busy = {name: median_ms(ask) for name, (ask, _) in asked.items()}
        for first, last in bounds:
            store.append(ORGANISATION, records(first, last, count, 302_400))
        overlapping = {name: median_ms(ask) for name, (ask, _) in asked.items()}
        say(f"\n{'ms':24}{'plain':>8}{'store':>8}{'writing':>9}{'two weeks':>11}")
        for name in asked:
            say(f"{name:24}{bare[name]:8.1f}{alone[name]:8.1f}{busy[name]:9.1f}{overlapping[name]:11.1f}")
        store.close()


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
