"""Numbered records for fault tests: what was acknowledged, and how often the server and the dead letters have it."""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from services.clock import SystemClock
from services.database import Database
from services.errors import ElkVisionError
from services.log_store.elasticsearch.connection import ElasticSettings
from services.log_store.elasticsearch.dead_letters import DeadLetters
from services.log_store.elasticsearch.names import stream_of
from services.log_store.elasticsearch.store import ElasticLogStore
from services.log_store.interface import LogStore
from services.model import LogBatch
from tests.records import batch, record

ORGANISATION = "acme"
ALL = os.environ.get("FAULTS") == "all"
"""`make faults`: every point and every length, not only the subset that fits into two minutes."""


def numbered(run: str, first: int, count: int) -> LogBatch:
    """Records `<run> <number>`."""
    return batch(*(record(f"{run} {number}", at=number % 3_600) for number in range(first, first + count)))


def settings_of(url: str, prefix: str, **others: float) -> ElasticSettings:
    return ElasticSettings((url,), prefix=prefix, replicas=0, **others)  # type: ignore[arg-type]


@contextmanager
def opened(url: str, prefix: str, folder: Path, **others: float) -> Iterator[ElasticLogStore]:
    """A store at work, on the database and the spool of `folder`."""
    database = Database.at("", folder)
    database.upgrade()
    store = ElasticLogStore(settings_of(url, prefix, **others), SystemClock(), database, folder)
    store.start()
    try:
        yield store
    finally:
        store.close()
        database.close()


class Load:
    """Appends numbered records from a thread, so many a second, in batches of 10. `acknowledged` are those answered."""

    def __init__(self, store: LogStore, per_s: int = 1_000, run: str = "number"):
        self._store = store
        self._pause_s = 10 / per_s
        self._run = run
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._append)
        self.acknowledged: set[str] = set()
        self.refused = 0

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join()

    def _append(self) -> None:
        began, number = time.monotonic(), 0
        while not self._ending.wait(max(0.0, began + number / 10 * self._pause_s - time.monotonic())):
            try:
                self._store.append(ORGANISATION, numbered(self._run, number, 10))
            except ElkVisionError:
                self.refused += 10
            else:
                self.acknowledged |= {f"{self._run} {each}" for each in range(number, number + 10)}
            number += 10


def in_the_stream(es: Elasticsearch, prefix: str) -> Counter[str]:
    """Message -> how many documents have it."""
    stream = stream_of(prefix, ORGANISATION)
    es.indices.refresh(index=stream)
    return Counter(hit["_source"]["message"] for hit in scan(es, index=stream, size=10_000, _source=["message"]))


def in_dead_letters(folder: Path) -> Counter[str]:
    """Message -> how many dead letters have it."""
    kept = DeadLetters(folder / "dead-letters", SystemClock()).newest(ORGANISATION, limit=1_000_000)
    return Counter(letter.record["message"] for letter in kept)


def seconds_until_delivered(store: ElasticLogStore, timeout_s: float) -> float:
    """Wait until nothing is on its way; says how long that took."""
    began = time.monotonic()
    assert store.settle(ORGANISATION, timeout_s), store.delivery.state(None)
    return time.monotonic() - began


def assert_each_once(acknowledged: set[str], found: Counter[str]) -> None:
    """Every acknowledged record is there once, and nothing is there twice."""
    missing = sorted(acknowledged - found.keys())
    doubled = [(message, times) for message, times in found.items() if times > 1]
    assert not missing, f"{len(missing)} missing: {missing[:5]}"
    assert not doubled, f"{len(doubled)} doubled: {doubled[:5]}"
