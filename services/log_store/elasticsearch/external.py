"""`LogStore` over indices of other tools (Filebeat, Logstash, anything with ECS or Logstash names), to read only.

A question is compiled to what the server finds at least; documents become records (`external_documents`) and are checked
one by one, as many as the engine's bound allows: the newest, in a search those behind the cursor. Where there are more,
the answer says that it is partial. What the server counts exactly (everything, or times alone) it counts.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, NoReturn

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from services.errors import BackendUnavailable, Forbidden
from services.log_store.aggregation_checks import check_aggregation
from services.log_store.checks import check_context, check_query
from services.log_store.duckdb.aggregate import aggregate
from services.log_store.duckdb.fields import fields as fields_of_table
from services.log_store.elasticsearch.cancelling import NoStream, Question
from services.log_store.elasticsearch.external_candidates import ExternalCandidates, Scope, asked
from services.log_store.elasticsearch.external_counts import (
    answer_of_server,
    count,
    is_of_server,
    moment_at_end,
    patterns_of_table,
)
from services.log_store.elasticsearch.external_mappings import Mappings
from services.log_store.elasticsearch.external_paging import Pages, context, hit_at
from services.log_store.elasticsearch.external_query import ALL, ExternalCompiler
from services.log_store.elasticsearch.external_table import external_table
from services.log_store.elasticsearch.names import external_expression
from services.log_store.elasticsearch.residual import ResidualEngine, ResidualTable
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
from services.query.language import Query
from services.query.sql_engine import match_regex, tokens

READ_ONLY = "This organisation reads the indices of another tool: nothing can be stored or deleted here."


class ExternalLogStore(LogStore):
    """Of the organisations in `patterns`, whose index patterns are the settings'; nobody else's.

    prefix   of our own streams, which no pattern reaches
    engine   checks candidates; closed with this store. `es` is its owner's.
    """

    def __init__(
        self,
        es: Elasticsearch,
        engine: ResidualEngine,
        patterns: Mapping[str, str],
        prefix: str,
        *,
        timeout_s: float = 30.0,
    ):
        self._es = es
        self._engine = engine
        self._expressions = {organisation: external_expression(each, prefix) for organisation, each in patterns.items()}
        self._timeout_s = timeout_s
        self._mappings = Mappings()

    # -- writing ---------------------------------------------------------------------------------------------------

    def append(
        self,
        organisation_id: str,
        batch: LogBatch,
        *,
        idempotency: Idempotency | None = None,
        upload: UploadProgress | None = None,
    ) -> Appended:
        """Raises `Forbidden`."""
        _refuse()

    def delete(
        self, organisation_id: str, query: Query, *, start: datetime | None = None, end: datetime | None = None
    ) -> int:
        """Raises `Forbidden`."""
        _refuse()

    def upload_progress(self, organisation_id: str, upload_id: str) -> UploadProgress | None:
        """None: nothing is uploaded here."""
        return None

    # -- reading ---------------------------------------------------------------------------------------------------

    def search(self, organisation_id: str, query: LogQuery, *, handle: Handle | None = None) -> LogPage:
        """See the interface."""
        check_query(query)
        with self._pages(organisation_id, query.query, query.start, query.end, handle) as pages:
            return pages.page(query)

    def get(self, organisation_id: str, record_id: str) -> LogRecord:
        """See the interface."""
        with self._question(organisation_id, None) as question:
            return hit_at(question, record_id, self._engine.max_records).source

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
        with self._question(organisation_id, handle) as question:
            return context(question, record_id, before, after, same, self._engine.max_records)

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
        """See the interface. Documents are read once for all that the server does not answer."""
        for each in aggregations:
            check_aggregation(each)
        with self._pages(organisation_id, query, start, end, handle) as pages:
            exact = {
                number: answer_of_server(pages.question, pages.scope.query(), each)
                for number, each in enumerate(aggregations)
                if pages.scope.is_exact and is_of_server(each)
            }
            others = [number for number in range(len(aggregations)) if number not in exact]
            if others:
                exact |= zip(others, _aggregated(pages, [aggregations[each] for each in others]), strict=True)
            return [exact[number] for number in range(len(aggregations))]

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
        with self._pages(organisation_id, query, start, end, handle) as pages, _table(pages) as table:
            found = fields_of_table(table.cursor, table.table, table.matching, ())
            if table.is_partial and pages.scope.is_exact:
                return replace(found, total=count(pages.question, pages.scope.query())[0])
            return replace(found, is_partial=table.is_partial)

    def patterns(
        self,
        organisation_id: str,
        query: Query,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 50,
    ) -> PatternsResult:
        """See the interface. All records are those without a pattern."""
        began = time.perf_counter()
        with self._pages(organisation_id, query, start, end, None) as pages, _table(pages) as table:
            return patterns_of_table(table, began)

    # -- the whole -------------------------------------------------------------------------------------------------

    def usage(self, organisation_id: str) -> Usage:
        """See the interface. Bytes are those of the indices, whatever else they hold."""
        with self._question(organisation_id, None) as question:
            query = Scope(ALL).query()
            stored = question.send(question.remaining_s, lambda client: _stats(client, question.stream))
            size_bytes = int(stored["_all"]["total"].get("store", {}).get("size_in_bytes", 0))
            oldest, newest = (moment_at_end(question, query, newest=newest) for newest in (False, True))
            return Usage(count(question, query)[0], size_bytes, oldest, newest)

    def check(self) -> None:
        """See the interface. A pattern without any index that may be read is told, too: it is empty otherwise."""
        for organisation_id in self._expressions:
            with self._question(organisation_id, None) as question:
                answer = asked(question, {"size": 0, "track_total_hits": False})
                if answer["_shards"]["total"] == 0:
                    raise BackendUnavailable(
                        f"ELASTICSEARCH_READ_INDICES: what organisation {organisation_id} is to read is not there, or the"
                        " credentials may not read it."
                    )

    def close(self) -> None:
        """See the interface."""
        self._engine.close()

    @contextmanager
    def _question(self, organisation_id: str, handle: Handle | None) -> Iterator[Question]:
        try:
            with Question(self._es, self._expressions[organisation_id], self._timeout_s, handle) as question:
                yield question
        except NoStream as error:
            raise BackendUnavailable("An index of ELASTICSEARCH_READ_INDICES is not there.") from error

    @contextmanager
    def _pages(
        self, organisation_id: str, query: Query, start: datetime | None, end: datetime | None, handle: Handle | None
    ) -> Iterator[Pages]:
        """What answers a question about the records that match."""
        with (
            self._question(organisation_id, handle) as question,
            self._engine.checking(question, organisation_id, query) as check,
        ):
            compiler = ExternalCompiler(
                self._mappings.of(question),
                lambda text: tokens(check.cursor, text),
                lambda pattern, texts: match_regex(check.cursor, pattern, texts),
            )
            scope = Scope(compiler.compile(query), start, end)
            yield Pages(question, scope, check, self._engine.max_records)


def _stats(client: Elasticsearch, expression: str) -> ApiResponse[Any]:
    """Sizes of the indices that are there: the client's own method cannot leave out those that are not."""
    path = f"/{expression}/_stats/store?ignore_unavailable=true"
    return client.perform_request("GET", path, headers={"accept": "application/json"})


def _refuse() -> NoReturn:
    raise Forbidden(READ_ONLY)


@contextmanager
def _table(pages: Pages) -> Iterator[ResidualTable]:
    candidates = ExternalCandidates(pages.question, pages.scope, most=pages.most)
    with external_table(candidates, pages.check) as table:
        yield table


def _aggregated(pages: Pages, aggregations: Sequence[Aggregation]) -> list[AggregateResult]:
    with _table(pages) as table:
        found = aggregate(table.cursor, table.table, aggregations, table.matching, table.looked_at, {})
        return [replace(each, is_partial=table.is_partial) for each in found]
