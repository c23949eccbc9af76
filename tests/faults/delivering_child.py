"""A process that stores records on Elasticsearch until it is killed, or kills itself at a point of spool and drain.

python -m tests.faults.delivering_child <folder> <url> <prefix> <name of this run> [<point> <how often it is reached>]
On stdout: `sent <name>` and `stored <name>` of each batch. `POINTS` are the points.
"""

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.errors import ElkVisionError
from services.log_store.elasticsearch import (
    bulk,
    dead_letters,
    drainer_ledger,
    drainer_queue,
    drainer_sending,
    drainer_streams,
    segment,
    spool,
    spool_acks,
    spool_writer,
)
from services.log_store.elasticsearch.dead_letters_file import DeadLetterFile
from services.log_store.interface import Idempotency
from services.model import LogBatch
from tests.faults.numbered import ORGANISATION, opened
from tests.records import batch, record

SIZES = (1, 3, 40)
THREADS = 3

Point = tuple[Any, str, bool]
"""Who has it, what it is called, whether the process dies before or after it."""

POINTS: dict[str, Point] = {
    "before a frame is written": (segment.Segment, "write", True),
    "after a frame is written": (segment.Segment, "write", False),
    "after a frame is on the disk": (segment.Segment, "sync", False),
    "after frames are handed to the backlog": (spool_writer.SpoolWriter, "_publish", False),
    "after a segment is made": (segment.Segment, "create", False),
    "before a segment is deleted": (segment.Segment, "remove", True),
    "after a segment is deleted": (segment.Segment, "remove", False),
    "before frames are noted as done": (spool_acks.Acks, "add", True),
    "after frames are noted as done": (spool_acks.Acks, "add", False),
    "after frames are taken": (spool.Spool, "take", False),
    "after the stream is there": (drainer_streams.Streams, "ready", False),
    "before documents are made": (drainer_sending.Sending, "_documents", True),
    "before a bulk is sent": (bulk, "send", True),
    "after a bulk is answered": (bulk, "send", False),
    "after an answer is accounted for": (bulk, "account", False),
    "before records are settled": (drainer_ledger.Ledger, "settle", True),
    "after records are settled": (drainer_ledger.Ledger, "settle", False),
    "before records are put back": (drainer_queue.DeliveryQueue, "put_back", True),
    "after records in doubt are looked for": (drainer_sending, "checksums_in_stream", False),
    "before a dead letter is kept": (dead_letters.DeadLetters, "add", True),
    "after a dead letter is kept": (dead_letters.DeadLetters, "add", False),
    "before a line of dead letters is written": (DeadLetterFile, "append", True),
    "after dead letters are on the spool again": (dead_letters.DeadLetters, "_send", False),
    "before sent dead letters are forgotten": (dead_letters.DeadLetters, "_gone", True),
}

SEGMENT_BYTES = 20_000


def batch_of(name: str) -> LogBatch:
    """The batch of the name `<run>.<thread>.<number>`; now and then a record that will be refused."""
    number = int(name.rsplit(".", 1)[1])
    texts = [f"{name}#{row}" for row in range(rows_of(name))]
    if number % 5 == 4:
        texts[-1] += " poison"
    return batch(*(record(text, at=row) for row, text in enumerate(texts)))


def rows_of(name: str) -> int:
    return SIZES[int(name.rsplit(".", 1)[1]) % len(SIZES)]


def die_at(point: str, times: int) -> None:
    """Kill this process when it comes to the point for the n-th time."""
    owner, name, is_before = POINTS[point]
    whole = vars(owner)[name]
    is_class_method = isinstance(whole, classmethod)
    work: Callable[..., Any] = whole.__func__ if is_class_method else whole
    left = [times]

    def dying(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] <= 0 and is_before:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = work(*arguments, **options)
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, name, classmethod(dying) if is_class_method else dying)


def main(folder: str, url: str, prefix: str, run: str, point: str = "", times: str = "0") -> None:
    faulthandler.enable()
    spool.Spool.__init__.__kwdefaults__["segment_bytes"] = SEGMENT_BYTES
    if point:
        die_at(point, int(times))
    out = threading.Lock()

    def say(word: str, name: str) -> None:
        with out:
            print(word, name, flush=True)

    with opened(url, prefix, Path(folder), timeout_s=5.0) as store:

        def send(thread: int) -> None:
            for number in range(100_000):
                name = f"{run}.{thread}.{number}"
                say("sent", name)
                store.append(ORGANISATION, batch_of(name), idempotency=Idempotency(name, "same"))
                say("stored", name)
                time.sleep(0.05)

        for thread in range(THREADS):
            threading.Thread(target=send, args=(thread,), daemon=True).start()
        while True:
            time.sleep(0.5)
            try:
                store.delivery.dead_letters.redrive(ORGANISATION)
            except ElkVisionError:
                continue


if __name__ == "__main__":
    main(*sys.argv[1:])
