"""Reading and deleting an organisation's records on Elasticsearch: the front that hands each question to its part."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from elasticsearch import Elasticsearch

from services.errors import NotFound
from services.log_store.checks import check_context, check_query
from services.log_store.elasticsearch.budget import affordable
from services.log_store.elasticsearch.cancelling import NoStream, Question
from services.log_store.elasticsearch.context import NOT_FOUND, context, record_at
from services.log_store.elasticsearch.deleting import DELETE_TIMEOUT_S, delete_checked, delete_matching
from services.log_store.elasticsearch.fields import fields_checked, fields_of_all
from services.log_store.elasticsearch.paging import within
from services.log_store.elasticsearch.residual import NO_SHAPES, PatternShapes, ResidualEngine
from services.log_store.elasticsearch.searching import search, search_checked
from services.log_store.elasticsearch.usage import usage
from services.log_store.interface import FieldsResult, Handle, LogContext, LogPage, LogQuery, LogRecord, Usage
from services.query.elastic import filtered
from services.query.tree import MatchAll, Query

IDS_AT_ONCE = 5_000


@dataclass(frozen=True)
class ElasticReader:
    """Reads one organisation's stream; cheap to make, one for each question.

        reader = ElasticReader(es, organisation_id, stream, engine, timeout_s=30, handle=handle)
        page = reader.search(LogQuery(...))

    stream   its name, made from a checked id; a stream that does not exist has no records
    engine   compiles queries and checks candidates; one for the whole store
    shapes   which shapes belong to a pattern
    timeout_s  of each question as a whole, but for `delete`

    Every method raises `InvalidQuery`, `BackendTimeout`, `BackendUnavailable`, `Cancelled` and `QuotaExceeded`.
    """

    es: Elasticsearch
    organisation_id: str
    stream: str
    engine: ResidualEngine
    timeout_s: float = 30.0
    handle: Handle | None = None
    shapes: PatternShapes = NO_SHAPES

    def search(self, query: LogQuery) -> LogPage:
        """One page."""
        check_query(query)
        scope, residual = self.scope(query.query, query.start, query.end)
        try:
            with self.question() as question:
                if residual is None:
                    return search(question, scope, query)
                return search_checked(question, self.engine, self.organisation_id, scope, residual, query, self.shapes)
        except NoStream:
            return LogPage([], 0 if query.with_total else None, None, 0.0, 0)

    def get(self, record_id: str) -> LogRecord:
        """The record with that id. Raises `NotFound`."""
        with self._found(), self.question() as question:
            records, _ = affordable(question, [record_at(question, self.organisation_id, record_id)])
            if not records:
                raise NotFound(NOT_FOUND)
            return records[0]

    def present(self, record_ids: Sequence[str]) -> list[str]:
        """Those of the ids that records have, in their order."""
        found: set[str] = set()
        try:
            with self.question() as question:
                for at in range(0, len(record_ids), IDS_AT_ONCE):
                    some = list(record_ids[at : at + IDS_AT_ONCE])
                    query = within(self.organisation_id, {"ids": {"values": some}})
                    body = {"query": query, "size": len(some), "_source": False, "track_total_hits": False}
                    found.update(hit["_id"] for hit in question.search(body)["hits"]["hits"])
        except NoStream:
            return []
        return [each for each in record_ids if each in found]

    def context(self, record_id: str, before: int, after: int, same: Collection[str]) -> LogContext:
        """The neighbours of a record that agree with it in the columns `same`. Raises `NotFound`."""
        check_context(before, after, same)
        with self._found(), self.question() as question:
            return context(question, self.organisation_id, record_id, before, after, same)

    def fields(self, query: Query, start: datetime | None = None, end: datetime | None = None) -> FieldsResult:
        """The fields of the records that match."""
        scope, residual = self.scope(query, start, end)
        try:
            with self.question() as question:
                if residual is None:
                    return fields_of_all(question, self.engine, self.organisation_id, scope)
                return fields_checked(question, self.engine, self.organisation_id, scope, residual, self.shapes)
        except NoStream:
            return FieldsResult([], 0, 0, False, 0.0)

    def delete(self, query: Query, start: datetime | None = None, end: datetime | None = None) -> int:
        """Remove the records that match; says how many. Returns when they are found no more."""
        scope, residual = self.scope(query, start, end)
        try:
            with Question(self.es, self.stream, DELETE_TIMEOUT_S, self.handle) as question:
                if residual is None:
                    return delete_matching(question, scope)
                with self.engine.checking(question, self.organisation_id, residual, self.shapes) as check:
                    return delete_checked(question, check, scope, residual)
        except NoStream:
            return 0

    def usage(self) -> Usage:
        """Records, bytes with all copies, oldest and newest."""
        try:
            with self.question() as question:
                return usage(question, self.scope(MatchAll())[0])
        except NoStream:
            return Usage(0, 0, None, None)

    def scope(
        self, query: Query, start: datetime | None = None, end: datetime | None = None
    ) -> tuple[dict[str, Any], Query | None]:
        """What the server is asked for the organisation's records that match and lie in [start, end), and what they are
        still to be checked with."""
        compiled = self.engine.compile(query, self.shapes)
        return filtered(compiled, self.organisation_id, start, end), compiled.residual

    def question(self) -> Question:
        """One question with the time limit and the handle of this reader."""
        return Question(self.es, self.stream, self.timeout_s, self.handle)

    @contextmanager
    def _found(self) -> Iterator[None]:
        try:
            yield
        except NoStream as error:
            raise NotFound(NOT_FOUND) from error
