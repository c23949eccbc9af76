"""A process that stores, deletes, seals, promotes and compacts small files until it is killed. Each kept record is a line on stdout.

python -m tests.faults.indexing_child <folder> <name of this run>
"""

import random
import sys
import threading
from pathlib import Path

from services.clock import SystemClock
from services.log_store.duckdb import DuckDBLogStore, blocks, compaction, maintenance
from services.log_store.interface import LogQuery
from services.query.language import parse
from tests.records import batch, record
from tests.services.query.random_records import random_batch


def main(folder: str, run: str) -> None:
    blocks.BLOCK_ROWS = compaction.SLICE_ROWS = 60
    compaction.WASTE_RECORDS, maintenance.WORTH_RECORDS = 20, 0
    store = DuckDBLogStore(Path(folder), SystemClock(), maintain=False)
    threading.Thread(target=keep_up, args=(store,), daemon=True).start()
    rng = random.Random(run)
    for number in range(10_000):
        store.append("acme", batch(record(f"kept {run} number {number}", at=number, service="kept")))
        print(f"{run} number {number}", flush=True)
        store.append("acme", random_batch(rng, 40))
        store.search("acme", LogQuery(query=parse(f"{rng.choice('abk')}:x user.id:42"), limit=1))
        if number % 3 == 2:
            store.delete("acme", parse("NOT service:kept level:(info OR error OR warning)"))


def keep_up(store: DuckDBLogStore) -> None:
    while True:
        store.maintain("acme")


if __name__ == "__main__":
    main(*sys.argv[1:])
