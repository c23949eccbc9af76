"""A process with a spool of its own that sends the same keys as others do, through the same database.

python -m tests.faults.racing_child <folder> <address of the database> <number of this process>
Each answer is a line on stdout: `<key> <id of the record>`.
"""

import random
import sys
import threading
from pathlib import Path

from services.clock import SystemClock
from services.database import Database
from services.errors import BackendUnavailable
from services.log_store.elasticsearch import spool_keys
from services.log_store.elasticsearch.bookkeeping import Bookkeeping
from services.log_store.elasticsearch.spool import Spool
from services.log_store.interface import Idempotency
from tests.records import batch, record

KEYS = [f"key{number}" for number in range(60)]
THREADS = 3


def main(folder: Path, url: str, number: int) -> None:
    spool_keys.ELSEWHERE_WAIT_S = 0.3
    books = Bookkeeping(Database(url), SystemClock())
    spool = Spool(folder / f"spool{number}", SystemClock(), books, max_bytes=1 << 30, worker=number)
    out = threading.Lock()

    def send(thread: int) -> None:
        keys = random.Random(thread).sample(KEYS, len(KEYS))  # the same order in every process
        for key in keys:
            answer = sent(spool, key)
            with out:
                print(key, answer, flush=True)

    threads = [threading.Thread(target=send, args=(thread,)) for thread in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    spool.close()


def sent(spool: Spool, key: str) -> str:
    """The id that the key's record has, asked for until it is known."""
    while True:
        try:
            return spool.append("acme", batch(record(key)), Idempotency(key, "same")).ids[0]
        except BackendUnavailable:
            continue  # another process has it, or was killed with it and is started again


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
