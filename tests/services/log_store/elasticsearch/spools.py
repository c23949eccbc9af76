"""Spools for tests: a folder that is opened again and again, and what it hands out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.database import Database
from services.log_store.elasticsearch.bookkeeping import Bookkeeping
from services.log_store.elasticsearch.frame import Frame
from services.log_store.elasticsearch.spool import Spool
from tests.clocks import HandClock

Open = Callable[..., Spool]
LARGE = 1 << 30


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def open_spool(tmp_path: Path, sqlite: Database, clock: HandClock) -> Iterator[Open]:
    """Opens the spool in a folder of that name; the one before must be closed."""
    opened: list[Spool] = []

    def opening(name: str = "spool", **settings: Any) -> Spool:
        arguments = {"max_bytes": LARGE, "segment_bytes": LARGE, **settings}
        spool = Spool(tmp_path / name, clock, Bookkeeping(sqlite, clock), **arguments)
        opened.append(spool)
        return spool

    yield opening
    for spool in opened:
        spool.close()


def taken(spool: Spool, max_bytes: int = 1 << 20) -> list[Frame]:
    """All that waits."""
    frames: list[Frame] = []
    while more := spool.take(max_bytes, 0):
        frames += more
    return frames


def texts(frames: list[Frame]) -> list[str]:
    """The messages of these frames."""
    return [text for frame in frames for text in frame.batch.column("message").to_pylist()]


def segments(folder: Path) -> list[Path]:
    """The files that hold frames, oldest first."""
    return sorted(folder.glob("*.spool"))
