"""A process that appends to a spool from several threads and delivers from it, until it is killed.

python -m tests.faults.spooling_child <folder> <name of this run> <kill: a step and how often it is reached, or "never 0">
On stdout: `sent <text>`, `stored <text>`; what it delivered is appended to `<folder>/delivered`, synced, before it is done.
"""

import os
import random
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from services.clock import SystemClock
from services.database import Database
from services.log_store.elasticsearch import segment as segment_module
from services.log_store.elasticsearch.bookkeeping import Bookkeeping
from services.log_store.elasticsearch.spool import Spool
from services.log_store.interface import Idempotency, UploadProgress
from services.model import LogBatch
from tests.records import batch, record

SIZES = (1, 3, 40, 900)
THREADS = 4
SEGMENT_BYTES = 60_000


def batch_of(name: str) -> LogBatch:
    """The batch that belongs to the name `<run>.<thread>.<number>`."""
    return batch(*(record(f"{name}#{row}", at=row) for row in range(rows_of(name))))


def rows_of(name: str) -> int:
    return SIZES[int(name.rsplit(".", 1)[1]) % len(SIZES)]


class Death:
    """Kills the process at the n-th time that it comes to a step."""

    def __init__(self, step: str, times: int) -> None:
        self._step, self._left = step, times
        self._lock = threading.Lock()

    def reached(self, step: str) -> bool:
        """True where it is to die at once."""
        if step != self._step:
            return False
        with self._lock:
            self._left -= 1
            return self._left == 0

    def at(self, step: str) -> None:
        if self.reached(step):
            os.kill(os.getpid(), signal.SIGKILL)


class DyingBooks(Bookkeeping):
    """Dies before or after it told the database."""

    death: Death

    def exchange(self, spool: str, **work: object) -> object:  # type: ignore[override]
        step = "reserve" if work["wanted"] else "settle"
        self.death.at(f"before {step}")
        done = super().exchange(spool, **work)  # type: ignore[arg-type]
        self.death.at(f"after {step}")
        return done


def dying_sync(death: Death):  # type: ignore[no-untyped-def]
    def sync(file: int) -> None:
        death.at("before sync")
        os.fdatasync(file)
        death.at("after sync")

    return sync


def die_in_writes(death: Death) -> None:
    """Some of a write reaches the file."""
    pwritev = os.pwritev

    def dying(file: int, pieces: list[memoryview], offset: int) -> int:
        if death.reached("write"):
            content = b"".join(pieces)
            os.pwrite(file, content[: random.Random(len(content)).randrange(len(content))], offset)
            os.kill(os.getpid(), signal.SIGKILL)
        return pwritev(file, pieces, offset)

    segment_module.os.pwritev = dying


def deliver(spool: Spool, folder: Path, death: Death) -> None:
    with (folder / "delivered").open("a") as file:
        while True:
            frames = spool.take(20_000, 0.05)
            if not frames:
                continue
            for frame in frames:
                pairs: Iterable[tuple[str, int]] = zip(
                    frame.batch.column("message").to_pylist(), frame.batch.column("seq").to_pylist(), strict=True
                )
                file.writelines(f"{text} {seq}\n" for text, seq in pairs)
            file.flush()
            death.at("before done")
            spool.done(frames)
            death.at("after done")


def main(folder: Path, run: str, step: str, times: int) -> None:
    death = Death(step, times)
    database = Database.at("", folder)
    database.upgrade()
    die_in_writes(death)
    books = DyingBooks(database, SystemClock())
    books.death = death
    spool = Spool(
        folder / "spool", SystemClock(), books, max_bytes=1 << 30, segment_bytes=SEGMENT_BYTES, fsync=dying_sync(death)
    )
    print("opened", flush=True)
    threading.Thread(target=deliver, args=(spool, folder, death), daemon=True).start()
    out = threading.Lock()

    def send(thread: int) -> None:
        for number in range(10_000):
            name = f"{run}.{thread}.{number}"
            with out:
                print("sent", name, flush=True)
            # Threads 0 and 1 send with keys, 2 is an upload, 3 has neither.
            key = Idempotency(name, "same") if thread < 2 else None
            upload = UploadProgress(run, number + 1, 0, 0) if thread == 2 else None
            spool.append(f"org{thread}", batch_of(name), key, upload)
            with out:
                print("stored", name, flush=True)

    for thread in range(THREADS):
        threading.Thread(target=send, args=(thread,)).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
