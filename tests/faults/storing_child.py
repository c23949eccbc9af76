"""A process that stores batches from several threads until it is killed. Each acknowledged one is a line on stdout.

python -m tests.faults.storing_child <folder> <name of this run>
"""

import sys
import threading
from pathlib import Path

from services.clock import SystemClock
from services.log_store.duckdb import DuckDBLogStore
from services.log_store.interface import Idempotency
from services.model import LogBatch
from tests.records import batch, record

SIZES = (1, 3, 40, 900, 7_000)
THREADS = 5


def batch_of(key: str) -> LogBatch:
    """The batch that belongs to an idempotency key `<run>.<thread>.<number>`."""
    number = int(key.rsplit(".", 1)[1])
    rows = SIZES[number % len(SIZES)]
    return batch(*(record(f"row {row} of {key}", at=row, service=key) for row in range(rows)))


def rows_of(key: str) -> int:
    return SIZES[int(key.rsplit(".", 1)[1]) % len(SIZES)]


def main(folder: str, run: str) -> None:
    store = DuckDBLogStore(Path(folder), SystemClock())
    out = threading.Lock()

    def send(thread: int) -> None:
        for number in range(10_000):
            key = f"{run}.{thread}.{number}"
            with out:
                print("sent", key, flush=True)
            store.append("acme", batch_of(key), idempotency=Idempotency(key, "same"))
            with out:
                print("stored", key, flush=True)

    for thread in range(THREADS):
        threading.Thread(target=send, args=(thread,)).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
