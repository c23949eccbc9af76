"""One set of records in a store and in a bare table: filled, asked, and what came of it printed."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.conditions import CLIENTS, WRITE_ROWS, Timed, crowd, timed, writing
from bench.data import Generated, check_shapes
from bench.index_size import index_size
from bench.plain import Plain
from bench.questions import ORGANISATION, Question, promoted, unpromoted
from bench.report import at_most, ms, print_table, say
from bench.wide import WideEvents
from services.clock import SystemClock
from services.log_store.duckdb import DuckDBLogStore
from services.query.language import MatchAll

MEMORY = "1024MB"
"""What the application gives its store by default (`STORE_MEMORY`)."""
INDEX_PERCENT = 15.0
CROWD_S = 10.0
LATER_BATCHES = 50
TOLD_EVERY = 2_000_000


@dataclass(frozen=True)
class Run:
    """A set of records, the questions to ask of it, and whether under all conditions."""

    records: Generated | WideEvents
    questions: Callable[[Plain], list[Question]]
    has_conditions: bool = False


class Measured:
    """One run in a folder of its own. Totals of the store are compared with the bare table's, question by question."""

    def __init__(self, run: Run, folder: Path):
        self.run = run
        self.folder = folder
        self.plain = Plain(folder)
        self.alone: dict[str, Timed] = {}
        self.bare: dict[str, Timed] = {}

    def all(self) -> None:
        """Everything. The background work is done at once here, but for the conditions, where it runs as it does in life."""
        try:
            with self._store(maintain=False) as store:
                self._fill(store)
                made = self.run.questions(self.plain)
                before, after = unpromoted(made), promoted(made)
                self._maintain(store)
                self._ask(store, before)
                after = after if self._promote(store) else []
                self._ask(store, after)
            self._print_answers(before + after)
            self._print_index()
            if self.run.has_conditions:
                self._conditions([each for each in before + after if each.is_central])
        finally:
            self.plain.close()

    @contextmanager
    def _store(self, *, maintain: bool) -> Iterator[DuckDBLogStore]:
        store = DuckDBLogStore(self.folder / "logs", SystemClock(), memory_limit=MEMORY, maintain=maintain)
        try:
            yield store
        finally:
            store.close()

    # -- filling -----------------------------------------------------------------------------------------------

    def _fill(self, store: DuckDBLogStore) -> None:
        store_s, plain_s, text_bytes, count = 0.0, 0.0, 0, 0
        for batch in self.run.records.batches():
            if not count:
                check_shapes(batch)
            store_s += seconds(partial(store.append, ORGANISATION, batch))
            plain_s += seconds(partial(self.plain.append, batch))
            text_bytes += batch.column("message").nbytes
            count += len(batch)
            if count % TOLD_EVERY < len(batch):
                say(f"  {count:,} appended")
        rates = f"{count / store_s:,.0f} records/s (bare table {count / plain_s:,.0f})"
        say(f"  {text_bytes / count:,.0f} bytes a message; appended at {rates}")

    def _maintain(self, store: DuckDBLogStore) -> None:
        """Shapes are grouped first, so that the rest is the sealing alone."""
        grouped_s = seconds(lambda: store.patterns(ORGANISATION, MatchAll(), limit=1))
        began = time.perf_counter()
        sealed = store.maintain(ORGANISATION).sealed
        per_record_us = (time.perf_counter() - began) / self.run.records.count * 1e6
        say(f"  {sealed} blocks sealed: {per_record_us:.2f} µs a record; shapes grouped in {grouped_s:.1f} s")

    def _promote(self, store: DuckDBLogStore) -> bool:
        """Whether anything was: files with few records are read as they are."""
        began = time.perf_counter()
        paths = store.maintain(ORGANISATION).promoted_paths
        say(f"  {paths} attributes promoted in {time.perf_counter() - began:.1f} s")
        return bool(paths)

    # -- asking ------------------------------------------------------------------------------------------------

    def _ask(self, store: DuckDBLogStore, questions: Sequence[Question]) -> None:
        say(f"  {len(questions)} questions ...")
        for question in questions:
            if question.unpromoted_name not in self.bare:
                self.bare[question.unpromoted_name] = timed(partial(question.plain, self.plain))
            self.bare[question.name] = self.bare[question.unpromoted_name]
            self.alone[question.name] = timed(partial(question.store, store))
            self._compare(question.name)

    def _compare(self, name: str) -> None:
        expected, answer = self.bare[name].answer, self.alone[name].answer
        if answer != expected:
            say(f"  MISMATCH {name}: the store says {str(answer)[:200]}, the table {str(expected)[:200]}")

    def _conditions(self, questions: Sequence[Question]) -> None:
        expected = {each.name: self.alone[each.name].answer for each in questions}
        say(f"\n  {CLIENTS} clients at once, then {WRITE_ROWS * 10:,} records/s written ...")
        bare = crowd({each.name: partial(each.plain, self.plain) for each in questions}, expected, 0)
        with self._store(maintain=True) as store:
            asks = {each.name: partial(each.store, store) for each in questions}
            many = crowd(asks, expected, CROWD_S)
            with writing(store, self.run.records.later(WRITE_ROWS, LATER_BATCHES)) as written:
                busy = {name: timed(ask).ms for name, ask in asks.items()}
        head = ("median ms", "alone", "while writing", f"{CLIENTS} clients", f"bare, {CLIENTS} clients")
        columns = [(self.alone[name].ms, busy[name], many.p50_ms(name), bare.p50_ms(name)) for name in expected]
        print_table(head, [(name, *map(ms, row)) for name, row in zip(expected, columns, strict=True)])
        say(f"  written: {written.records_per_s:,.0f} records/s")
        say(f"  answers/s with {CLIENTS} clients: {many.answers_per_s:,.1f}, bare {bare.answers_per_s:,.1f}")
        for told in sorted({*(f"MISMATCH with {CLIENTS} clients: {name}" for name in many.mismatches), *many.errors}):
            say(f"  {told}")

    # -- printing ----------------------------------------------------------------------------------------------

    def _print_answers(self, questions: Sequence[Question]) -> None:
        rows = []
        for each in questions:
            bare, own = self.bare[each.name], self.alone[each.name]
            aim = at_most(own.ms, each.aim_ms, " ms") if own.answer == bare.answer else "MISMATCH"
            rows.append((each.name, _told(own.answer), ms(bare.ms), ms(own.ms), f"{bare.ms / own.ms:,.1f}", aim))
        say()
        print_table(("median ms", "answer", "bare", "store", "bare/store", "aim"), rows)

    def _print_index(self) -> None:
        size = index_size(self.folder / "logs")
        parts = ", ".join(f"{name} {part / size.records:.1f}" for name, part in size.parts.items())
        aim = at_most(size.percent, INDEX_PERCENT, " %")
        bare_bytes = self.plain.path.stat().st_size
        shaped = f"{size.shaped_records / size.records:.0%} of the records have one"
        say(f"\n  {size.shapes:,} shapes in {size.patterns:,} patterns, {shaped}")
        say(f"  {size.blocks} blocks, {size.filters} with a filter")
        say(f"  bytes a record: {size.stored_bytes / size.records:.1f} (bare table {bare_bytes / size.records:.1f})")
        say(f"  of these index: {size.index_bytes / size.records:.1f} ({parts}): {size.percent:.1f} %, {aim}")


def seconds(action: Callable[[], object]) -> float:
    """How long `action` took."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def _told(answer: Any) -> str:
    """A number as it is, a page as its total, else how many rows."""
    if not isinstance(answer, list):
        return f"{answer:,}"
    if isinstance(answer[0], int) and len(answer) > 1 and not isinstance(answer[1], int):
        return f"{answer[0]:,}"
    return f"{answer[0]:,.6g}" if len(answer) == 1 and isinstance(answer[0], float) else f"{len(answer)} rows"
