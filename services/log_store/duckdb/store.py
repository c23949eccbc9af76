"""`LogStore` on DuckDB files: the front that hands each call to its part."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa

from services.clock import Clock
from services.errors import BackendTimeout, BackendUnavailable, NotFound, QuotaExceeded
from services.log_store.checks import check_context, check_query
from services.log_store.duckdb import schema
from services.log_store.duckdb.aggregate import empty_result, is_costly
from services.log_store.duckdb.commit import OrganisationState, Write
from services.log_store.duckdb.counters import Counters
from services.log_store.duckdb.engine import Engine, EngineSettings, is_invalidated, translated
from services.log_store.duckdb.gate import HeavyGate
from services.log_store.duckdb.long_texts import delete_where
from services.log_store.duckdb.maintenance import Change, Maintenance, Work
from services.log_store.duckdb.moving import chunk_after, last_seq, restore_records
from services.log_store.duckdb.reader import Reader
from services.log_store.duckdb.rows import one_value, snapshot
from services.log_store.duckdb.searching import Index
from services.log_store.duckdb.verifying import Verifier
from services.log_store.duckdb.watching import watched
from services.log_store.duckdb.writer import ClosedTask, OnStored, Task, Writer
from services.log_store.interface import (
    SAME_STREAM,
    AggregateResult,
    Aggregation,
    Appended,
    FieldsResult,
    Handle,
    Idempotency,
    LogContext,
    LogPage,
    LogQuery,
    LogRecord,
    LogStore,
    PatternsResult,
    UploadProgress,
    Usage,
)
from services.log_store.sequence import seq_of
from services.model import CODED_SCHEMA, LOG_SCHEMA, LogBatch
from services.query.tree import Query

CLOSE_S = 4.0

Answer = TypeVar("Answer")


class DuckDBLogStore(LogStore):
    """Log records in `<data_dir>/<organisation_id>.duckdb`.

    heavy_searches  how many searches that read long texts may run at once, over all organisations
    timeout_s       after this a search is interrupted: `BackendTimeout`
    maintain        keep the word index up to date in a background thread; otherwise only `maintain` does it
    verify_index    compare what the index finds with a full scan, at every search (slow): a difference is logged, counted
                    as `index_mismatches`, and the scan's answer given
    on_stored       called by the writer's thread after each commit with (organisation_id, batch with a column `seq`);
                    it must return quickly
    Raises `ConfigError` where DuckDB refuses the settings.
    """

    def __init__(
        self,
        data_dir: Path,
        clock: Clock,
        *,
        memory_limit: str = "512MB",
        temp_limit: str = "4GB",
        threads: int | None = None,
        heavy_searches: int = 2,
        heavy_wait_s: float = 5.0,
        timeout_s: float = 30.0,
        on_stored: OnStored | None = None,
        maintain: bool = True,
        verify_index: bool = False,
    ):
        self._clock = clock
        self._timeout_s = timeout_s
        self._on_stored = on_stored
        self._engine = Engine(data_dir, EngineSettings(memory_limit, temp_limit, threads))
        self._gate = HeavyGate(heavy_searches, wait_s=heavy_wait_s)
        self._counters = Counters()
        self._index = Index(on_wanted=self._has_changed)
        self._verify = Verifier(self._index, self._counters) if verify_index else None
        self._lock = threading.Lock()
        self._writers: dict[str, Writer] = {}
        self._seen: set[str] = set()
        self._in_background = maintain
        self._maintenance = Maintenance(self._engine, self._counters, self._change, self._while_closed, self._index)
        self._reading: set[duckdb.DuckDBPyConnection] = set()
        self._closed = False

    # -- writing -----------------------------------------------------------------------------------------------

    def append(
        self,
        organisation_id: str,
        batch: LogBatch,
        *,
        idempotency: Idempotency | None = None,
        upload: UploadProgress | None = None,
    ) -> Appended:
        """See the interface. Fastest in multiples of `interface.PREFERRED_BATCH_ROWS`."""
        write = Write(_checked(batch), idempotency, upload)
        self._writer(organisation_id).submit(write)
        answer = write.answer.result()
        self._has_changed(organisation_id)
        return answer

    def delete(
        self, organisation_id: str, query: Query, *, start: datetime | None = None, end: datetime | None = None
    ) -> int:
        """See the interface. The writer does it between two groups."""
        if not self._exists(organisation_id):
            return 0

        def run(cursor: duckdb.DuckDBPyConnection, state: OrganisationState) -> int:
            matching = Reader(cursor, organisation_id, self._index).matching(query, start, end)
            cursor.execute(f"DELETE FROM {state.database}.sequence")
            cursor.execute(f"INSERT INTO {state.database}.sequence VALUES (?)", [seq_of(max(state.last_tick, 0))])
            deleted = 0
            for scan in matching.scans:
                delete_where(cursor, state.database, scan.sql, scan.values)
                sql = f"DELETE FROM {state.database}.logs WHERE {scan.sql}"
                deleted += int(one_value(cursor, sql, scan.values))
            cursor.execute(f"INSERT INTO {state.database}.deletions VALUES (?)", [deleted])
            return deleted

        deleted = self._change(organisation_id, run)
        self._counters.add("deleted", deleted)
        self._has_changed(organisation_id)
        return deleted

    def maintain(self, organisation_id: str) -> Work:
        """Do now what is otherwise done in the background: seal full blocks, compact the file. Says what was done."""
        return self._maintenance.run(organisation_id)

    def rebuild_index(self, organisation_id: str) -> Work:
        """Make the word index of an organisation anew. Searches meanwhile read more, and find the same."""
        if not self._exists(organisation_id):
            raise NotFound("There are no log records of this organisation.")
        return self._maintenance.rebuild(organisation_id)

    def organisations(self) -> list[str]:
        """Ids of the organisations that have log records."""
        return self._engine.organisations()

    def last_seq(self, organisation_id: str) -> int | None:
        """See `services.log_store.moving`."""
        absent: int | None = None
        return self._read(
            organisation_id, lambda reader: last_seq(reader.cursor, schema.database(organisation_id)), absent
        )

    def export(self, organisation_id: str, after: int, up_to: int) -> Iterator[pa.Table]:
        """See `services.log_store.moving`. Each portion is of a moment of its own."""
        while (found := self._chunk_after(organisation_id, after, up_to)) is not None:
            yield found
            after = found["seq"][-1].as_py()

    def _chunk_after(self, organisation_id: str, after: int, up_to: int) -> pa.Table | None:
        database = schema.database(organisation_id)
        absent: pa.Table | None = None
        return self._read(organisation_id, lambda reader: chunk_after(reader.cursor, database, after, up_to), absent)

    def restore(self, organisation_id: str, records: pa.Table) -> int:
        """See `services.log_store.moving`. The writer does it between two groups; nobody is told of these records."""
        self._engine.require_space(records.nbytes)
        with self._maintenance.resting():  # a compaction takes for old what has a low seq
            stored = self._change(organisation_id, partial(restore_records, records=records))
        self._has_changed(organisation_id)
        return stored

    def _change(self, organisation_id: str, change: Change) -> int:
        """Have the organisation's writer make a change between two groups."""
        return self._done(organisation_id, Task(change))

    def _while_closed(self, organisation_id: str, run: Callable[[], int]) -> int:
        """Have something done while the organisation's writer has the file closed."""
        return self._done(organisation_id, ClosedTask(run))

    def _done(self, organisation_id: str, task: Task | ClosedTask) -> int:
        self._writer(organisation_id).submit(task)
        return task.answer.result()

    def _has_changed(self, organisation_id: str) -> None:
        if self._in_background:
            self._maintenance.notify(organisation_id)

    def _writer(self, organisation_id: str) -> Writer:
        with self._lock:
            if self._closed:
                raise BackendUnavailable("The log store is closing.")
            writer = self._writers.get(organisation_id)
            if writer is None:
                self._engine.path(organisation_id)
                writer = Writer(organisation_id, self._engine, self._clock, self._counters, self._on_stored)
                self._writers[organisation_id] = writer
            return writer

    # -- reading -----------------------------------------------------------------------------------------------

    def search(self, organisation_id: str, query: LogQuery, *, handle: Handle | None = None) -> LogPage:
        """See the interface."""
        check_query(query)
        self._counters.add("searches")
        empty = LogPage([], 0 if query.with_total else None, None, 0.0, 0)

        def run(reader: Reader) -> LogPage:
            matching = reader.matching(query.query, query.start, query.end)
            with self._slot(reader, matching.is_heavy):
                return reader.search(query, matching)

        return self._read(organisation_id, run, empty, handle)

    def get(self, organisation_id: str, record_id: str) -> LogRecord:
        """See the interface."""
        absent: LogRecord = {}
        found = self._read(organisation_id, lambda reader: reader.get(record_id), absent)
        if not found:
            raise NotFound("There is no log record with this id.")
        return found

    def aggregate(
        self,
        organisation_id: str,
        query: Query,
        aggregation: Aggregation,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        handle: Handle | None = None,
    ) -> AggregateResult:
        """See the interface."""
        return self.aggregate_all(organisation_id, query, [aggregation], start=start, end=end, handle=handle)[0]

    def aggregate_all(
        self,
        organisation_id: str,
        query: Query,
        aggregations: Sequence[Aggregation],
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        handle: Handle | None = None,
    ) -> list[AggregateResult]:
        """See the interface. Long texts are read once for all."""
        self._counters.add("aggregations", len(aggregations))

        def run(reader: Reader) -> list[AggregateResult]:
            matching = reader.matching(query, start, end)
            promoted = reader.promoted(aggregations)
            with self._slot(reader, matching.is_heavy or is_costly(aggregations, promoted)):
                return reader.aggregate(aggregations, matching, promoted)

        nothing = [empty_result(aggregation) for aggregation in aggregations]
        return self._read(organisation_id, run, nothing, handle)

    def context(
        self,
        organisation_id: str,
        record_id: str,
        *,
        before: int = 10,
        after: int = 10,
        same: Collection[str] = SAME_STREAM,
        handle: Handle | None = None,
    ) -> LogContext:
        """See the interface."""
        check_context(before, after, same)
        absent: LogContext | None = None
        found = self._read(
            organisation_id, lambda reader: reader.context(record_id, before, after, same), absent, handle
        )
        if found is None:
            raise NotFound("There is no log record with this id.")
        return found

    def fields(
        self,
        organisation_id: str,
        query: Query,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        handle: Handle | None = None,
    ) -> FieldsResult:
        """See the interface."""

        def run(reader: Reader) -> FieldsResult:
            matching = reader.matching(query, start, end)
            with self._slot(reader, matching.is_heavy):
                return reader.fields(matching)

        return self._read(organisation_id, run, FieldsResult([], 0, 0, False, 0.0), handle)

    def patterns(
        self,
        organisation_id: str,
        query: Query,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 50,
    ) -> PatternsResult:
        """See the interface. Shapes that came since the last round in the background are grouped first."""
        self._counters.add("aggregations")
        if self._exists(organisation_id) and self._read(organisation_id, Reader.has_ungrouped, False):
            self._maintenance.group_shapes(organisation_id)

        def run(reader: Reader) -> PatternsResult:
            matching = reader.matching(query, start, end)
            with self._slot(reader, matching.is_heavy):
                return reader.patterns(matching, limit)

        return self._read(organisation_id, run, PatternsResult([], 0, 0, 0, 0.0))

    def upload_progress(self, organisation_id: str, upload_id: str) -> UploadProgress | None:
        """See the interface."""
        absent: UploadProgress | None = None
        return self._read(organisation_id, lambda reader: reader.upload_progress(upload_id), absent)

    def usage(self, organisation_id: str) -> Usage:
        """See the interface."""
        path = self._engine.path(organisation_id)
        files = (path, path.with_name(path.name + ".wal"))
        size_bytes = sum(file.stat().st_size for file in files if file.exists())
        return self._read(organisation_id, lambda reader: reader.usage(size_bytes), Usage(0, 0, None, None))

    def check(self) -> None:
        """See the interface."""
        with self._engine.cursor() as cursor, translated():
            cursor.execute("SELECT 1").fetchall()
        self._engine.require_space(0)

    def counters(self) -> dict[str, int]:
        """What happened since the start: commits, records, replayed, searches, timeouts, …; see `counters.NAMES`."""
        return self._counters.read()

    def _exists(self, organisation_id: str) -> bool:
        try:
            return self._engine.path(organisation_id).exists()
        except ValueError:
            return False

    def _read(
        self, organisation_id: str, run: Callable[[Reader], Answer], absent: Answer, handle: Handle | None = None
    ) -> Answer:
        """What `run` reads with a cursor of its own; `absent` where the organisation has no file.

        A file that DuckDB gave up after a full disk is attached anew, and read once more.
        """
        with self._counted(), translated():
            if not self._exists(organisation_id):
                return absent
            try:
                return self._read_once(organisation_id, run, handle)
            except duckdb.Error as error:
                if not is_invalidated(error):
                    raise
            self._counters.add("reattached")
            self._engine.reattach(organisation_id)
            return self._read_once(organisation_id, run, handle)

    def _read_once(self, organisation_id: str, run: Callable[[Reader], Answer], handle: Handle | None) -> Answer:
        with self._engine.occupancy.shared(organisation_id):
            return self._read_inside(organisation_id, run, handle)

    def _read_inside(self, organisation_id: str, run: Callable[[Reader], Answer], handle: Handle | None) -> Answer:
        self._engine.attach(organisation_id, create=False)
        cursor = self._engine.cursor(self._timeout_s)
        with self._lock:
            self._reading.add(cursor)
            is_first = organisation_id not in self._seen
            self._seen.add(organisation_id)
        if is_first:  # a process that ended before may have left work undone
            self._has_changed(organisation_id)
        try:
            with watched(cursor, handle), snapshot(cursor):
                return run(Reader(cursor, organisation_id, self._index, self._verify, handle))
        finally:
            with self._lock:
                self._reading.discard(cursor)
            cursor.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except BackendTimeout:
            self._counters.add("timeouts")
            raise
        except QuotaExceeded:
            self._counters.add("refused_heavy")
            raise

    @contextmanager
    def _slot(self, reader: Reader, is_heavy: bool) -> Iterator[None]:
        with self._gate.slot(reader.organisation_id) if is_heavy else nullcontext():
            reader.go_on()
            yield

    # -- the end -----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """See the interface. Within about five seconds: writers finish what is queued, searches are interrupted."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            writers, reading = list(self._writers.values()), list(self._reading)
        for cursor in reading:
            cursor.interrupt()
        deadline = self._clock.monotonic() + CLOSE_S
        self._maintenance.close(CLOSE_S / 2)
        for writer in writers:
            writer.begin_close()
        for writer in writers:
            writer.close(max(0.05, deadline - self._clock.monotonic()))
        self._engine.close()


def _checked(batch: LogBatch) -> LogBatch:
    """The batch with one of the two schemas, exactly. Raises pyarrow's error for a programming mistake."""
    if batch.schema.equals(LOG_SCHEMA) or batch.schema.equals(CODED_SCHEMA):
        return batch
    return batch.select(LOG_SCHEMA.names).cast(LOG_SCHEMA)
