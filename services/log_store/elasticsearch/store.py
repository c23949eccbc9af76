"""`LogStore` on Elasticsearch: the front that hands each call to its part.

    append ── spool (durable: answered) ── drainer ── data stream ── on_stored
    reads  ── freshness (wait for one's own) ── reader ── server

Records are acknowledged when they are on the disk of this process, whether the server answers or not.
"""

import logging
import os
import socket
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from services.clock import Clock
from services.database import Database
from services.errors import BackendError, BackendUnavailable, ConfigError, ElkVisionError
from services.log_store.elasticsearch.aggregate import aggregate, check_all, empty_result
from services.log_store.elasticsearch.bookkeeping import Bookkeeping
from services.log_store.elasticsearch.cancelling import NoStream
from services.log_store.elasticsearch.connection import ElasticSettings, check_server, connect
from services.log_store.elasticsearch.dead_letters import DeadLetters
from services.log_store.elasticsearch.delivery import DeliveryCounters
from services.log_store.elasticsearch.delivery_report import DeliveryReport
from services.log_store.elasticsearch.drainer import Drainer
from services.log_store.elasticsearch.drainer_sending import OnStored
from services.log_store.elasticsearch.flow import Flow
from services.log_store.elasticsearch.freshness import BACKLOG, Freshness
from services.log_store.elasticsearch.lifecycle import Lifecycle
from services.log_store.elasticsearch.moving import MovingStreams
from services.log_store.elasticsearch.names import stream_of
from services.log_store.elasticsearch.pattern_counts import count_patterns
from services.log_store.elasticsearch.reading import ElasticReader
from services.log_store.elasticsearch.residual import PatternShapes, ResidualEngine
from services.log_store.elasticsearch.shapes import ShapeDictionary
from services.log_store.elasticsearch.spool import Spool
from services.log_store.elasticsearch.templates import install
from services.log_store.elasticsearch.usage import check as check_cluster
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
from services.model import LogBatch
from services.query.tree import Query

SPOOL_BYTES = 10 << 30
FRESH_WAIT_S = 2.0
CLOSE_S = 4.0

log = logging.getLogger(__name__)


class ElasticLogStore(LogStore):
    """Records in one data stream for each organisation.

    database      migrated; keeps idempotency keys, upload progress, shapes and patterns
    folder        of this process alone: the spool and the dead letters
    fresh_wait_s  how long a read waits for what this process appended before it, but not where records arrive steadily
    on_stored     called with (organisation_id, batch with a column `seq`) once the server has a record
    Raises `BackendUnavailable` where the folder is held by another process.
    """

    def __init__(
        self,
        settings: ElasticSettings,
        clock: Clock,
        database: Database,
        folder: Path,
        *,
        spool_max_bytes: int = SPOOL_BYTES,
        heavy_searches: int = 2,
        timeout_s: float = 30.0,
        fresh_wait_s: float = FRESH_WAIT_S,
        on_stored: OnStored | None = None,
    ):
        self._settings = settings
        self._timeout_s = timeout_s
        self._fresh_wait_s = fresh_wait_s
        self._closed = False
        self.es = connect(settings)
        self._stream = partial(stream_of, settings.prefix)
        self._engine = ResidualEngine(slots=heavy_searches)
        self._shapes = ShapeDictionary(database)
        books = Bookkeeping(database, clock)
        self._spool = Spool(folder / "spool", clock, books, max_bytes=spool_max_bytes, worker=None)
        self._freshness = Freshness(self.es, self._stream, lambda each: self._spool.pending(each).records)
        self._flow = Flow()
        self._counters = DeliveryCounters()
        dead_letters = DeadLetters(folder / "dead-letters", clock)
        self._drainer = Drainer(
            self._spool,
            self.es,
            settings,
            self._shapes,
            self._freshness,
            dead_letters,
            self._counters,
            clock,
            on_stored,
        )
        self._lifecycle = Lifecycle(self.es, settings, clock, self._held, f"{socket.gethostname()}:{os.getpid()}")
        self.delivery = DeliveryReport(self._drainer, self._spool, dead_letters, self._counters)

    def start(self) -> None:
        """Begin to deliver and to look after the streams.

        Raises `ConfigError` for a server that cannot be used. One that is away is said in the log: records are
        accepted, and delivered when it is back.
        """
        try:
            version = check_server(self.es)
            log.info("Elasticsearch %s keeps the logs", version)
            self.prepare()
        except ConfigError:
            raise
        except ElkVisionError as error:
            log.warning("%s Records are accepted, and delivered when it is back.", error)
        self._drainer.start()
        self._shapes.start()
        self._lifecycle.start()

    def prepare(self) -> list[str]:
        """Install or upgrade templates and living streams; says what was done. Raises `BackendUnavailable`."""
        return install(self.es, self._settings)

    # -- writing -----------------------------------------------------------------------------------------------

    def append(
        self,
        organisation_id: str,
        batch: LogBatch,
        *,
        idempotency: Idempotency | None = None,
        upload: UploadProgress | None = None,
    ) -> Appended:
        """See the interface. Durable on the spool; the server has it a moment later."""
        self._stream(organisation_id)
        self._drainer.require_room(organisation_id)
        appended = self._spool.append(organisation_id, batch, idempotency, upload)
        self._flow.add(organisation_id, len(batch))
        return self._without_deleted(organisation_id, appended) if appended.replayed else appended

    def _without_deleted(self, organisation_id: str, appended: Appended) -> Appended:
        """What a repeated write stored, less what was deleted since; all of it where the server cannot be asked now."""
        try:
            reader = self._reader(organisation_id)
            if not self._freshen(organisation_id, self._fresh_wait_s, None):
                return appended
            return replace(appended, ids=reader.present(appended.ids))
        except BackendError:
            return appended

    def upload_progress(self, organisation_id: str, upload_id: str) -> UploadProgress | None:
        """See the interface."""
        return self._spool.upload_progress(organisation_id, upload_id)

    def settle(self, organisation_id: str, timeout_s: float) -> bool:
        """See the interface."""
        return self._freshen(organisation_id, timeout_s, None)

    def delete(
        self, organisation_id: str, query: Query, *, start: datetime | None = None, end: datetime | None = None
    ) -> int:
        """See the interface. What is on its way is waited for; `BackendUnavailable` where it does not arrive."""
        if not self.settle(organisation_id, self._timeout_s):
            raise BackendUnavailable("Records are still on their way to Elasticsearch. Nothing was deleted; try again.")
        self._spool.sync_done()  # or a power cut would have the records delivered again, after they were deleted
        return self._reader(organisation_id).delete(query, start, end)

    # -- reading -----------------------------------------------------------------------------------------------

    def search(self, organisation_id: str, query: LogQuery, *, handle: Handle | None = None) -> LogPage:
        """See the interface."""
        return self._fresh_reader(organisation_id, handle).search(query)

    def get(self, organisation_id: str, record_id: str) -> LogRecord:
        """See the interface."""
        return self._fresh_reader(organisation_id).get(record_id)

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
        """See the interface. One request surveys the matches for all, one or a few count them."""
        check_all(aggregations)
        reader = self._fresh_reader(organisation_id, handle)
        scope, residual = reader.scope(query, start, end)
        try:
            with reader.question() as question:
                table = partial(self._engine.table, question, organisation_id, scope, residual, shapes=reader.shapes)
                return aggregate(question, scope, aggregations, table, is_exact=residual is None)
        except NoStream:
            return [empty_result(each) for each in aggregations]

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
        return self._fresh_reader(organisation_id, handle).context(record_id, before, after, same)

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
        return self._fresh_reader(organisation_id, handle).fields(query, start, end)

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
        reader = self._fresh_reader(organisation_id)
        self._shapes.group(organisation_id)
        known = self._shapes.patterns_of(organisation_id)
        scope, residual = reader.scope(query, start, end)
        try:
            with reader.question() as question:
                table = partial(self._engine.table, question, organisation_id, scope, residual, shapes=reader.shapes)
                return count_patterns(question, scope, known, limit, table, is_exact=residual is None)
        except NoStream:
            return PatternsResult([], 0, 0, 0, 0.0)

    def usage(self, organisation_id: str) -> Usage:
        """See the interface."""
        return self._fresh_reader(organisation_id).usage()

    def _fresh_reader(self, organisation_id: str, handle: Handle | None = None) -> ElasticReader:
        """A reader that finds what this process appended before, where that takes only a moment."""
        reader = self._reader(organisation_id, handle)
        if not self._flow.is_steady(organisation_id):
            self._freshen(organisation_id, self._fresh_wait_s, BACKLOG)
        return reader

    def _reader(self, organisation_id: str, handle: Handle | None = None) -> ElasticReader:
        if self._closed:
            raise BackendUnavailable("The log store is closing.")
        shapes = PatternShapes(
            of=partial(self._shapes.shape_ids, organisation_id),
            grouped=partial(self._shapes.shape_ids_with_pattern, organisation_id),
        )
        stream = self._stream(organisation_id)
        return ElasticReader(self.es, organisation_id, stream, self._engine, self._timeout_s, handle, shapes)

    def _freshen(self, organisation_id: str, timeout_s: float, backlog: int | None) -> bool:
        last_seq = self._spool.pending(organisation_id).last_seq
        return self._freshness.ensure(organisation_id, last_seq, timeout_s, backlog=backlog)

    # -- looking after it --------------------------------------------------------------------------------------

    @contextmanager
    def _held(self, organisation_id: str) -> Iterator[bool]:
        """No bulk of the organisation inside; gives False where one may still be carried out."""
        with self._drainer.held(organisation_id) as is_still:
            yield is_still and not self._drainer.is_in_doubt(organisation_id)

    def moving(self) -> MovingStreams:
        """The streams as a place that records are moved from or to."""
        return MovingStreams(self.es, self._settings, self._shapes, self._lifecycle.run)

    def check(self) -> None:
        """See the interface."""
        check_cluster(self.es, self._settings.prefix)

    def counters(self) -> dict[str, int]:
        """What happened since the start of the process; see `delivery.NAMES`."""
        return self._counters.read()

    def close(self) -> None:
        """See the interface. What the server has not got by then stays on the spool."""
        if self._closed:
            return
        self._closed = True
        stops: tuple[Callable[[], None], ...] = (
            lambda: self._lifecycle.stop(),
            lambda: self._shapes.stop(),
            lambda: self._drainer.stop(CLOSE_S),
            self._spool.close,
            self._engine.close,
            self.es.close,
        )
        for stop in stops:
            stop()
