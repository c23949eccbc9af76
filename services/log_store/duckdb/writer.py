"""The one writer of an organisation: a thread that commits what callers queued, in groups.

It never waits to make a group larger: while one group is committed the next one gathers. Small writes share a
transaction of up to `GROUP_ROWS` records; a larger one has its own. When a group fails its members are tried singly,
so a bad member hurts nobody else.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from services.clock import Clock
from services.errors import BackendUnavailable, ElkVisionError, QuotaExceeded
from services.log_store.duckdb import schema
from services.log_store.duckdb.commit import (
    Group,
    OrganisationState,
    Outcome,
    Write,
    finish,
    is_stored,
    prepare_group,
    prune_keys,
    settle,
)
from services.log_store.duckdb.counters import Counters
from services.log_store.duckdb.engine import Engine, is_invalidated, translate
from services.log_store.sequence import seq_column
from services.model import LogBatch

GROUP_ROWS = 5_000
QUEUE_BYTES = 128 << 20
"""What may wait for one organisation's writer; the caller that would go beyond waits itself."""
QUEUE_WAIT_S = 30.0
IDLE_S = 30.0
MEMORY_RETRIES = 3
_MEMORY_RETRY_S = 0.2

log = logging.getLogger(__name__)

OnStored = Callable[[str, LogBatch], None]


@dataclass
class Task:
    """Any other change of the file (a deletion): runs by itself between two groups, in a transaction of the writer's cursor."""

    run: Callable[[duckdb.DuckDBPyConnection, OrganisationState], int]
    answer: "Future[int]" = field(default_factory=Future)
    size_bytes: int = 0


@dataclass
class ClosedTask:
    """Something that is done while the writer has the file closed, between two groups."""

    run: Callable[[], int]
    answer: "Future[int]" = field(default_factory=Future)
    size_bytes: int = 0


class Writer:
    """Queue and thread of one organisation. The thread starts with the first write and ends when idle."""

    def __init__(
        self, organisation_id: str, engine: Engine, clock: Clock, counters: Counters, on_stored: OnStored | None
    ):
        self._organisation_id = organisation_id
        self._engine = engine
        self._clock = clock
        self._counters = counters
        self._on_stored = on_stored
        self._queue: deque[Write | Task | ClosedTask] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._queued_bytes = 0
        self._closing = False
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._state: OrganisationState | None = None

    def submit(self, job: Write | Task | ClosedTask) -> None:
        """Queue a job; its `answer` is set when it is done. Waits while too much is queued.

        Raises `QuotaExceeded` where no room came free within `QUEUE_WAIT_S`.
        """
        with self._changed:
            if not self._changed.wait_for(self._has_room, QUEUE_WAIT_S):
                raise QuotaExceeded("Too many records wait to be stored. Try again in a moment.", retry_after_s=5)
            if self._closing:
                raise BackendUnavailable("The log store is closing.")
            self._queue.append(job)
            self._queued_bytes += job.size_bytes
            if self._thread is None:
                name = f"log-writer-{self._organisation_id}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return self._closing or self._queued_bytes < QUEUE_BYTES

    def begin_close(self) -> None:
        """Take no more jobs; the queued ones are still done."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def close(self, timeout_s: float) -> None:
        """Wait for the queued jobs; what is left after `timeout_s` is answered with an error."""
        self.begin_close()
        with self._changed:
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        with self._changed:
            left = list(self._queue)
            self._queue.clear()
        for job in left:
            job.answer.set_exception(BackendUnavailable("The log store closed before this was stored."))

    def _run(self) -> None:
        while True:
            jobs = self._take()
            if not jobs:
                return
            self._work(jobs)

    def _take(self) -> list[Write | Task | ClosedTask]:
        """The next group, or one task; nothing when the thread is to end."""
        with self._changed:
            if not self._queue and not self._closing:
                self._changed.wait(IDLE_S)
            if not self._queue:
                self._thread = None
                self._release()
                return []
            return self._next_group()

    def _next_group(self) -> list[Write | Task | ClosedTask]:
        group = self._group()
        self._queued_bytes -= sum(job.size_bytes for job in group)
        self._changed.notify_all()
        return group

    def _group(self) -> list[Write | Task | ClosedTask]:
        group: list[Write | Task | ClosedTask] = [self._queue.popleft()]
        first = group[0]
        if isinstance(first, Task | ClosedTask):
            return group
        rows = first.rows
        while self._queue:
            following = self._queue[0]
            if isinstance(following, Task | ClosedTask) or rows + following.rows > GROUP_ROWS:
                break
            rows += following.rows
            group.append(self._queue.popleft())
        return group

    def _work(self, jobs: list[Write | Task | ClosedTask]) -> None:
        first = jobs[0]
        if isinstance(first, Task):
            self._run_task(first)
            return
        if isinstance(first, ClosedTask):
            self._run_closed(first)
            return
        writes = [job for job in jobs if isinstance(job, Write)]
        try:
            outcomes = self._store(writes)
        except Exception as error:  # whatever it is, every caller gets an answer and the thread lives on
            outcomes = self._store_singly(writes, error)
        self._answer(outcomes)

    def _store_singly(self, writes: list[Write], error: Exception) -> list[Outcome]:
        if len(writes) == 1:
            return [Outcome(writes[0], error=_as_ours(error))]
        self._counters.add("group_replays")
        outcomes: list[Outcome] = []
        for write in writes:
            try:
                outcomes += self._store([write])
            except Exception as own:
                outcomes.append(Outcome(write, error=_as_ours(own)))
        return outcomes

    def _store(self, writes: list[Write]) -> list[Outcome]:
        """One transaction, again where memory was short. Raises with nothing stored."""
        self._engine.require_space(sum(write.size_bytes for write in writes))
        for attempt in range(MEMORY_RETRIES + 1):
            try:
                return self._store_once(writes)
            except duckdb.OutOfMemoryException:
                if attempt == MEMORY_RETRIES:
                    raise
                time.sleep(_MEMORY_RETRY_S * (attempt + 1))
        raise AssertionError("not reached")

    def _store_once(self, writes: list[Write]) -> list[Outcome]:
        cursor, state = self._ready()
        group: Group | None = None
        try:
            group = prepare_group(cursor, state, writes, self._clock.now())
            finish(cursor, state)
        except BaseException as error:
            if not self._recovered(cursor, error, group):
                raise
        assert group is not None  # noqa: S101 (mypy: `_recovered` is true for a group only)
        self._count(group)
        return group.outcomes

    def _recovered(self, cursor: duckdb.DuckDBPyConnection, error: BaseException, group: Group | None) -> bool:
        """Leave no open transaction and no dead file behind; whether the group is durable in spite of the error."""
        state, self._state = self._state, None  # read again from the file: plans of the failed transaction are void
        _roll_back(cursor)
        if not is_invalidated(error):
            return False
        self._release()
        self._counters.add("reattached")
        log.warning("the log file of %s is attached anew: %s", self._organisation_id, error)
        self._engine.reattach(self._organisation_id)
        if group is None or state is None:
            return False
        with self._engine.cursor() as fresh:
            return is_stored(fresh, state.database, group.first_tick, group.rows)

    def _ready(self) -> tuple[duckdb.DuckDBPyConnection, OrganisationState]:
        try:
            return self._opened()
        except duckdb.Error as error:
            if not is_invalidated(error):
                raise
            self._release()
            self._engine.reattach(self._organisation_id)
            return self._opened()

    def _opened(self) -> tuple[duckdb.DuckDBPyConnection, OrganisationState]:
        self._engine.attach(self._organisation_id, create=True)
        if self._cursor is None:
            self._cursor = self._engine.cursor()
        if self._state is None:
            self._state = OrganisationState(schema.database(self._organisation_id), self._cursor)
        prune_keys(self._cursor, self._state, self._clock.now())
        return self._cursor, self._state

    def _run_task(self, task: Task) -> None:
        try:
            cursor, state = self._ready()
            try:
                cursor.execute("BEGIN")
                result = task.run(cursor, state)
                cursor.execute("COMMIT")
            except BaseException as error:
                self._recovered(cursor, error, None)
                raise
            settle(state)
        except Exception as error:
            task.answer.set_exception(_as_ours(error))
        else:
            task.answer.set_result(result)

    def _run_closed(self, task: ClosedTask) -> None:
        self._release()
        try:
            task.answer.set_result(task.run())
        except Exception as error:
            task.answer.set_exception(_as_ours(error))

    def _answer(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.answer is not None:
                outcome.write.answer.set_result(outcome.answer)
            else:
                outcome.write.answer.set_exception(outcome.error or BackendUnavailable("The write was not stored."))
        if self._on_stored is not None:
            self._publish([outcome for outcome in outcomes if outcome.first_tick is not None and outcome.error is None])

    def _publish(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            batch = outcome.write.batch
            if batch.num_rows == 0 or self._on_stored is None:
                continue
            seqs = seq_column(outcome.first_tick or 0, batch.num_rows)
            try:
                self._on_stored(self._organisation_id, batch.append_column(pa.field("seq", pa.int64()), seqs))
            except Exception:  # a listener's fault is not the writer's
                log.exception("a listener failed on stored records of %s", self._organisation_id)

    def _count(self, group: Group) -> None:
        self._counters.add("commits")
        self._counters.add("records", group.rows)
        self._counters.add("replayed", sum(1 for o in group.outcomes if o.answer is not None and o.answer.replayed))

    def _release(self) -> None:
        if self._cursor is not None:
            self._cursor.close()
        self._cursor = None
        self._state = None


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    try:
        cursor.execute("ROLLBACK")
    except duckdb.Error:
        return  # no transaction is open any more


def _as_ours(error: BaseException) -> ElkVisionError:
    if isinstance(error, ElkVisionError):
        return error
    if isinstance(error, duckdb.OutOfMemoryException):
        return BackendUnavailable("The log store is short of memory. Try again later.")
    if isinstance(error, duckdb.Error):
        return translate(error)
    log.error("the log writer failed", exc_info=error)
    return BackendUnavailable("The log store failed on this write.")
