"""A full disk under the spool: writes are refused whole, what was acknowledged stays, and writing comes back with the space."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.clock import SystemClock
from services.database import Database
from services.errors import StorageFull
from services.log_store.elasticsearch.bookkeeping import Bookkeeping
from services.log_store.elasticsearch.spool import Spool
from services.log_store.interface import Idempotency
from services.model import LogBatch
from tests.conftest import missing
from tests.records import batch, record

pytestmark = pytest.mark.faults


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        missing("the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database.at("", tmp_path / "elsewhere")
    found.upgrade()
    yield found
    found.close()


def opened(disk: Path, database: Database) -> Spool:
    books = Bookkeeping(database, SystemClock())
    return Spool(disk / "spool", SystemClock(), books, max_bytes=1 << 30, segment_bytes=1 << 20)


def rows(name: str, count: int) -> LogBatch:
    """Records whose text does not compress."""
    return batch(*(record(f"{name} {number} {os.urandom(200).hex()}", shape=None) for number in range(count)))


def waiting(spool: Spool) -> list[str]:
    """Names of the batches that are handed out, once for each record."""
    found: list[str] = []
    while frames := spool.take(1 << 20, 0):
        found += [text.split()[0] for frame in frames for text in frame.batch.column("message").to_pylist()]
    return found


@pytest.mark.parametrize("size", [1, 200, 4_000])
def test_a_full_disk_refuses_whole_writes_and_recovers(small_disk: Path, database: Database, size: int) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(8 << 20))
    spool = opened(small_disk, database)
    stored: list[str] = []
    with pytest.raises(StorageFull):
        while True:
            name = f"n{len(stored)}"
            spool.append("acme", rows(name, size), Idempotency(name, "h") if size > 1 else None)
            stored.append(name)
    for _ in range(3):
        with pytest.raises(StorageFull):
            spool.append("acme", rows("refused", size * 2), Idempotency("refused", "h"))
    assert spool.state().failure
    spool.close()

    spool = opened(small_disk, database)  # also a start finds no space
    with pytest.raises(StorageFull):
        spool.append("acme", rows("refused", 20_000))
    ballast.unlink()
    spool.append("acme", rows("last", size), Idempotency("refused", "h"))
    assert waiting(spool) == [name for name in [*stored, "last"] for _ in range(size)]
    assert (spool.state().damaged, spool.state().torn_bytes, spool.state().failure) == (0, 0, "")
    spool.close()


def test_delivery_makes_space_on_a_full_disk(small_disk: Path, database: Database) -> None:
    spool = opened(small_disk, database)
    stored: set[str] = set()
    refused = threading.Event()

    def send(thread: int) -> None:
        number = 0
        while not refused.is_set():
            name = f"t{thread}n{number}"
            try:
                spool.append(f"org{thread}", rows(name, 100))
                stored.add(name)
            except StorageFull:
                refused.set()
            number += 1

    threads = [threading.Thread(target=send, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    delivered: list[str] = []
    while frames := spool.take(1 << 20, 0):
        delivered += [text.split()[0] for frame in frames for text in frame.batch.column("message").to_pylist()]
        spool.done(frames)
    assert len(delivered) == 100 * len(stored)
    assert set(delivered) == stored
    for number in range(60):
        spool.append("acme", rows(f"again{number}", 100))
    assert len(waiting(spool)) == 6_000
    spool.close()
