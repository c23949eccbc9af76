"""Under which conditions a question is timed: alone, while records are written, by many clients at once."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from bench.questions import ORGANISATION
from services.errors import ElkVisionError
from services.log_store.duckdb import DuckDBLogStore

ROUNDS = 5
ROUNDS_S = 1.5
WRITE_ROWS = 2_000
WRITE_EVERY_S = 0.1
CLIENTS = 8

Ask = Callable[[], Any]


@dataclass(frozen=True)
class Timed:
    """The answer and the median of a few rounds; a question that takes long is asked only once."""

    answer: Any
    ms: float


def timed(ask: Ask) -> Timed:
    """Ask six times; none begins 1.5 s after the first. The first counts only where it was the only one."""
    began = time.perf_counter()
    answer, first_ms = _once(ask)
    took: list[float] = []
    while len(took) < ROUNDS and time.perf_counter() - began < ROUNDS_S:
        took.append(_once(ask)[1])
    return Timed(answer, statistics.median(took or [first_ms]))


def _once(ask: Ask) -> tuple[Any, float]:
    began = time.perf_counter()
    answer = ask()
    return answer, (time.perf_counter() - began) * 1000


@dataclass
class Written:
    """How many records a second were really written while the questions were asked."""

    records_per_s: float = 0.0


@contextmanager
def writing(store: DuckDBLogStore, batches: Sequence[pa.Table]) -> Iterator[Written]:
    """20,000 records a second, 2,000 at a time, while the block runs; the rate is known behind it."""
    stop, written = threading.Event(), Written()

    def write() -> None:
        began, number = time.perf_counter(), 0
        while not stop.is_set():
            store.append(ORGANISATION, batches[number % len(batches)])
            number += 1
            stop.wait(max(0.0, began + number * WRITE_EVERY_S - time.perf_counter()))
        written.records_per_s = number * WRITE_ROWS / (time.perf_counter() - began)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()


@dataclass
class Crowd:
    """What eight clients saw: milliseconds of every answer by question, answers that differed, errors by their text."""

    took_ms: dict[str, list[float]] = field(default_factory=dict)
    mismatches: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def answers_per_s(self) -> float:
        return sum(map(len, self.took_ms.values())) / self.seconds

    def p50_ms(self, name: str) -> float:
        """Median of a question; not a number where it was never answered."""
        return statistics.median(self.took_ms.get(name) or [float("nan")])


def crowd(asks: Mapping[str, Ask], expected: Mapping[str, Any], seconds: float) -> Crowd:
    """Eight clients ask all questions in turn, each beginning with another one, at least once and for `seconds`."""
    seen, names = Crowd({name: [] for name in asks}), list(asks)
    began = time.perf_counter()

    def client(number: int) -> None:
        first = number * len(names) // CLIENTS
        while True:
            for name in names[first:] + names[:first]:
                _ask_one(seen, name, asks[name], expected[name])
            if time.perf_counter() - began >= seconds:
                return

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen.seconds = time.perf_counter() - began
    return seen


def _ask_one(seen: Crowd, name: str, ask: Ask, expected: Any) -> None:
    try:
        answer, took_ms = _once(ask)
    except ElkVisionError as error:
        seen.errors.append(f"{name}: {error}")
        return
    seen.took_ms[name].append(took_ms)
    if answer != expected:
        seen.mismatches.append(name)
