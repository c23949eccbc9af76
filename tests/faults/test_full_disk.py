"""A disk that is full: the write is refused whole, reading goes on, and writing comes back with the space."""

import subprocess
from collections.abc import Iterator
from hashlib import sha512
from pathlib import Path

import pytest

from services.clock import SystemClock
from services.errors import BackendError, StorageFull
from services.log_store.duckdb import DuckDBLogStore, engine
from services.log_store.interface import LogQuery
from services.model import LogBatch
from tests.conftest import missing
from tests.records import batch, record

pytestmark = pytest.mark.faults


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        missing("the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def rows(count: int, start: int) -> LogBatch:
    """Records whose text does not compress."""

    texts = (sha512(str(number).encode()).hexdigest() * 2 for number in range(start, start + count))
    return batch(*(record(text, at=number, shape=None) for number, text in enumerate(texts)))


@pytest.mark.parametrize("size", [500, 10_000])
@pytest.mark.parametrize("is_checked_before", [True, False])
def test_a_full_disk_refuses_writes_whole_serves_reads_and_recovers(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, size: int, is_checked_before: bool
) -> None:
    if not is_checked_before:  # as when another process takes the space in the middle of a write
        monkeypatch.setattr(engine, "SPARE_BYTES", -(1 << 40))
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(40 << 20))
    store = DuckDBLogStore(small_disk / "logs", SystemClock())
    stored = 0
    with pytest.raises(StorageFull):
        while True:
            stored += store.append("acme", rows(size, stored)).count
    for _ in range(3):
        with pytest.raises(BackendError):
            store.append("acme", rows(size * 4, stored))
    assert stored
    assert store.search("acme", LogQuery()).total == stored
    assert len(store.search("acme", LogQuery(limit=1000)).records) == min(stored, 1000)

    assert (store.counters()["reattached"] > 0) is not is_checked_before
    ballast.unlink()
    stored += store.append("acme", rows(size, stored)).count
    assert store.search("acme", LogQuery()).total == stored
    store.close()
    again = DuckDBLogStore(small_disk / "logs", SystemClock())
    assert again.search("acme", LogQuery()).total == stored
    again.close()
