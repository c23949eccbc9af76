"""What is done to files in the background.

Records get new shapes after a change of the mask, full blocks are sealed, shapes grouped into patterns, attributes that are
asked for often get columns of their own, and the space of deleted records is given back.

One thread for all organisations. It reads with cursors of its own, a short statement at a time, rests as long as it worked,
and changes a file only through the organisation's writer, between two groups. `run` does the same at once, for commands
and tests.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import duckdb

from services.errors import BackendUnavailable, StorageFull
from services.log_store.duckdb import schema
from services.log_store.duckdb.commit import OrganisationState
from services.log_store.duckdb.compaction import Copy, is_wasteful
from services.log_store.duckdb.counters import Counters
from services.log_store.duckdb.dictionary import NORM_SQL
from services.log_store.duckdb.engine import Engine, translated
from services.log_store.duckdb.patterns import PatternTrees
from services.log_store.duckdb.promoted import (
    WORTH_RECORDS,
    Promoted,
    fill_block,
    finish_filling,
    is_somewhere,
    promote,
    promoted_paths,
)
from services.log_store.duckdb.remask import forget_older_shapes, remask, stale_blocks
from services.log_store.duckdb.rows import one_value
from services.log_store.duckdb.sealing import FullBlock, collect, store_filter, unsealed
from services.log_store.duckdb.searching import Index

Change = Callable[[duckdb.DuckDBPyConnection, OrganisationState], int]
"""A change of an organisation's file; says how many things it changed."""
Submit = Callable[[str, Change], int]
"""Has the organisation's writer make a change, and waits for it."""
SubmitClosed = Callable[[str, Callable[[], int]], int]
"""Has the organisation's writer close the file while something is done."""

SETTLE_S = 0.5
"""Rest after a commit before the work begins: a burst of writes comes first."""
RETRY_S = 30.0
SWAP_WAIT_S = 2.0
"""How long searches and writes are held up for those that are still inside."""
SWAP_RETRY_S = 5.0
SWAP_TRIES = 20
COMPACTION_RETRY_S = 600.0
"""Rest of a file after a compaction that came to nothing: for want of space, or because searches never left it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """What one round did to a file."""

    remasked: int = 0
    sealed: int = 0
    grouped_shapes: int = 0
    promoted_paths: int = 0
    compacted: bool = False


class Maintenance:
    """The background work of a store. `notify` tells that an organisation's file has changed."""

    def __init__(self, engine: Engine, counters: Counters, submit: Submit, submit_closed: SubmitClosed, index: Index):
        self._engine = engine
        self._counters = counters
        self._submit = submit
        self._submit_closed = submit_closed
        self._mask_version = index.mask_version
        self._path_uses = index.path_uses
        self._trees = PatternTrees()
        self._compacts_after: dict[str, float] = {}
        self._due: OrderedDict[str, float] = OrderedDict()
        self._changed = threading.Condition()
        self._one_at_a_time = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def notify(self, organisation_id: str, delay_s: float = SETTLE_S) -> None:
        """There may be work for this organisation. Cheap; may be called at every commit."""
        with self._changed:
            if organisation_id in self._due or self._closing.is_set():
                return
            self._due[organisation_id] = time.monotonic() + delay_s
            if self._thread is None:
                self._thread = threading.Thread(target=self._work_on, name="log-maintenance", daemon=True)
                self._thread.start()
            self._changed.notify()

    def run(self, organisation_id: str, pause: Callable[[], None] = lambda: None, *, insists: bool = True) -> Work:
        """Do all that is to be done for one organisation; without `insists` not what came to nothing a while ago.

        Raises the errors of the store.
        """
        with self._one_at_a_time, translated():
            if not self._engine.attach(organisation_id, create=False):
                return Work()
            remasked = self._remask_all(organisation_id, pause)
            sealed = self._seal_all(organisation_id, pause)
            grouped = self._group_shapes(organisation_id, pause)
            if remasked:  # only now: the new shapes took the patterns of the older ones
                self._submit(organisation_id, partial(_forget_older_shapes, mask_version=self._mask_version))
            promoted = self._promote_wanted(organisation_id, pause)
            may_compact = insists or time.monotonic() >= self._compacts_after.get(organisation_id, 0.0)
            compacted = may_compact and self._compact_if_wasteful(organisation_id, pause)
            return Work(remasked, sealed, grouped, promoted, compacted)

    def group_shapes(self, organisation_id: str) -> int:
        """Give every shape its pattern now; says how many had none."""
        with translated(), self._engine.occupancy.shared(organisation_id):
            if not self._engine.attach(organisation_id, create=False):
                return 0
            return self._group_shapes(organisation_id, lambda: None)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Nothing is done to any file while the block runs; waits for what is being done."""
        with self._one_at_a_time:
            yield

    def close(self, timeout_s: float) -> None:
        """Stop after the statement that runs."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    # -- the thread --------------------------------------------------------------------------------------------

    def _work_on(self) -> None:
        while (organisation_id := self._next()) is not None:
            try:
                self.run(organisation_id, self._rest(), insists=False)
            except (BackendUnavailable, StorageFull) as error:
                if not self._closing.is_set():
                    log.warning("maintenance of %s waits: %s", organisation_id, error)
                    self.notify(organisation_id, RETRY_S)
            except Exception:  # whatever it is, the other organisations' files are looked after
                log.exception("maintenance of %s failed", organisation_id)

    def _next(self) -> str | None:
        """The organisation whose time has come; None when the store closes."""
        with self._changed:
            while not self._closing.is_set():
                if not self._due:
                    self._changed.wait()
                    continue
                organisation_id, due = next(iter(self._due.items()))
                wait_s = due - time.monotonic()
                if wait_s <= 0:
                    del self._due[organisation_id]
                    return organisation_id
                self._changed.wait(wait_s)
            return None

    def _rest(self) -> Callable[[], None]:
        """A pause as long as the work since the one before."""
        began = time.monotonic()

        def pause() -> None:
            nonlocal began
            if self._closing.wait(min(1.0, time.monotonic() - began)):
                raise BackendUnavailable("The log store is closing.")
            began = time.monotonic()

        return pause

    # -- the work ----------------------------------------------------------------------------------------------

    def _remask_all(self, organisation_id: str, pause: Callable[[], None]) -> int:
        database, version = schema.database(organisation_id), self._mask_version
        with self._engine.cursor() as cursor:
            blocks = stale_blocks(cursor, database, version)
        for block in blocks:
            self._submit(organisation_id, partial(remask, block=block))
            pause()
        return len(blocks)

    def rebuild(self, organisation_id: str) -> Work:
        """Make the index of an organisation anew: token filters, and what is searched of shapes. Patterns keep their ids."""
        database = schema.database(organisation_id)

        def forget(writing: duckdb.DuckDBPyConnection, state: OrganisationState) -> int:
            writing.execute(f"DELETE FROM {database}.filters")
            writing.execute(f"UPDATE {database}.shapes SET norm = {NORM_SQL}")
            return 0

        with self._one_at_a_time:
            self._submit(organisation_id, forget)
        return self.run(organisation_id)

    def _seal_all(self, organisation_id: str, pause: Callable[[], None]) -> int:
        database = schema.database(organisation_id)
        with self._engine.cursor() as cursor:
            blocks = unsealed(cursor, database, self._mask_version)
        for block in blocks:
            self._seal(organisation_id, database, block, pause)
        return len(blocks)

    def _seal(self, organisation_id: str, database: str, block: FullBlock, pause: Callable[[], None]) -> None:
        with self._engine.cursor() as cursor:
            made = collect(cursor, database, block, pause)

        def put(writing: duckdb.DuckDBPyConnection, state: OrganisationState) -> int:
            store_filter(writing, database, block, made)
            return 1

        self._submit(organisation_id, put)
        self._counters.add("sealed_blocks")
        pause()

    def _group_shapes(self, organisation_id: str, pause: Callable[[], None]) -> int:
        def change(write: Callable[[duckdb.DuckDBPyConnection], int]) -> int:
            return self._submit(organisation_id, lambda writing, state: write(writing))

        with self._engine.cursor() as cursor:
            return self._trees.assign(cursor, schema.database(organisation_id), change, pause)

    def _promote_wanted(self, organisation_id: str, pause: Callable[[], None]) -> int:
        """Begin with the wanted paths, and fill what is not filled: of those, or since an earlier process ended."""
        database = schema.database(organisation_id)
        with self._engine.cursor() as cursor:
            if one_value(cursor, f"SELECT count(*) FROM {database}.logs") >= WORTH_RECORDS:
                present = {each.path: each for each in promoted_paths(cursor, database, filled_only=False)}
                for path in self._path_uses.wanted(organisation_id, present):
                    if is_somewhere(cursor, database, path):
                        self._submit(organisation_id, partial(_begin_promotion, path=path))
                    else:
                        self._path_uses.forget(organisation_id, path)
            ready = {each.path for each in promoted_paths(cursor, database, filled_only=True)}
            unfilled = [each for each in promoted_paths(cursor, database, filled_only=False) if each.path not in ready]
        for column in unfilled:
            self._fill(organisation_id, column, pause)
        return len(unfilled)

    def _fill(self, organisation_id: str, column: Promoted, pause: Callable[[], None]) -> None:
        database = schema.database(organisation_id)
        with self._engine.cursor() as cursor:
            blocks = cursor.execute(f"SELECT block FROM {database}.blocks ORDER BY block").fetchall()
        for (block,) in blocks:
            self._submit(organisation_id, partial(_fill_block, column=column, block=block))
            pause()
        self._submit(organisation_id, partial(_finish_filling, column=column))

    def _compact_if_wasteful(self, organisation_id: str, pause: Callable[[], None]) -> bool:
        with self._engine.cursor() as cursor:
            if not is_wasteful(cursor, schema.database(organisation_id), self._mask_version):
                return False
            self._compacts_after[organisation_id] = time.monotonic() + COMPACTION_RETRY_S
            copy = Copy(self._engine, organisation_id, cursor, self._mask_version)
            try:
                copy.begin()
                copy.copy_most(pause)
                done = self._swap_in_time(copy)
            finally:
                self._engine.drop_copy(organisation_id)
        if done:
            del self._compacts_after[organisation_id]
        self._counters.add("compactions", int(done))
        return done

    def _swap_in_time(self, copy: Copy) -> bool:
        for _ in range(SWAP_TRIES):
            if self._swap(copy):
                return True
            if self._closing.wait(SWAP_RETRY_S):
                break
        return False

    def _swap(self, copy: Copy) -> bool:
        """Finish the copy and put it in place, where no long search keeps the file for itself."""

        def swap() -> int:
            with self._engine.occupancy.exclusive(copy.organisation_id, SWAP_WAIT_S) as is_alone:
                if is_alone:
                    copy.copy_rest()
                    self._engine.take_copy(copy.organisation_id)
                return int(is_alone)

        return bool(self._submit_closed(copy.organisation_id, swap))


def _forget_older_shapes(writing: duckdb.DuckDBPyConnection, state: OrganisationState, mask_version: int) -> int:
    return forget_older_shapes(writing, state.database, mask_version)


def _begin_promotion(writing: duckdb.DuckDBPyConnection, state: OrganisationState, path: str) -> int:
    state.promoted = [*state.promoted, promote(writing, state.database, path)]
    return 1


def _fill_block(writing: duckdb.DuckDBPyConnection, state: OrganisationState, column: Promoted, block: int) -> int:
    fill_block(writing, state.database, column, block)
    return 1


def _finish_filling(writing: duckdb.DuckDBPyConnection, state: OrganisationState, column: Promoted) -> int:
    finish_filling(writing, state.database, column)
    return 1
