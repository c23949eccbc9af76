"""Records put on the server without the spool, and read as the store reads them."""

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from services.log_store.elasticsearch.connection import ElasticSettings
from services.log_store.elasticsearch.documents import documents
from services.log_store.elasticsearch.names import stream_of
from services.log_store.elasticsearch.promotion import Promotion
from services.log_store.elasticsearch.reading import ElasticReader
from services.log_store.elasticsearch.residual import ResidualEngine
from services.log_store.elasticsearch.templates import ensure_stream
from services.log_store.interface import Appended, FieldsResult, Handle, LogContext, LogPage, LogQuery, LogRecord, Usage
from services.log_store.sequence import RecordIds, seq_column, seq_of
from services.model import LogBatch
from services.query.tree import Query
from tests.elastic import Elastic

_PER_BULK = 5_000


@dataclass
class DirectStore:
    """Appends by `_bulk` and refreshes at once; reads with `ElasticReader`."""

    elastic: Elastic
    prefix: str
    engine: ResidualEngine = field(default_factory=ResidualEngine)
    timeout_s: float = 30.0
    _ticks: Iterator[int] = field(default_factory=lambda: itertools.count(1 << 50, 1 << 20))

    def append(self, organisation_id: str, batch: LogBatch) -> Appended:
        """Stored and found when this returns."""
        settings = ElasticSettings((self.elastic.url,), prefix=self.prefix, replicas=0)
        ensure_stream(self.elastic.client, settings, organisation_id)
        first = next(self._ticks)
        batch = batch.append_column("seq", seq_column(first, batch.num_rows))
        made = documents(organisation_id, batch, pa.nulls(batch.num_rows, pa.int32()), Promotion(500, 100))
        lines = [line for each in made for line in (b'{"create":{"_id":"%s"}}' % each.id.encode(), each.body)]
        stream = stream_of(self.prefix, organisation_id)
        for at in range(0, len(lines), 2 * _PER_BULK):
            answer = self.elastic.client.bulk(index=stream, operations=lines[at : at + 2 * _PER_BULK])
            assert not answer["errors"], answer["items"][:3]
        self.elastic.client.indices.refresh(index=stream)
        return Appended(batch.num_rows, seq_of(first), RecordIds(batch["timestamp"], first))

    def reader(self, organisation_id: str, handle: Handle | None = None) -> ElasticReader:
        """What reads the organisation's records."""
        stream = stream_of(self.prefix, organisation_id)
        return ElasticReader(self.elastic.client, organisation_id, stream, self.engine, self.timeout_s, handle)

    def search(self, organisation_id: str, query: LogQuery, *, handle: Handle | None = None) -> LogPage:
        return self.reader(organisation_id, handle).search(query)

    def get(self, organisation_id: str, record_id: str) -> LogRecord:
        return self.reader(organisation_id).get(record_id)

    def context(
        self,
        organisation_id: str,
        record_id: str,
        *,
        before: int = 10,
        after: int = 10,
        same: Collection[str] = ("source", "service", "host"),
        handle: Handle | None = None,
    ) -> LogContext:
        return self.reader(organisation_id, handle).context(record_id, before, after, same)

    def fields(
        self,
        organisation_id: str,
        query: Query,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        handle: Handle | None = None,
    ) -> FieldsResult:
        return self.reader(organisation_id, handle).fields(query, start, end)

    def delete(self, organisation_id: str, query: Query, **bounds: Any) -> int:
        return self.reader(organisation_id).delete(query, **bounds)

    def usage(self, organisation_id: str) -> Usage:
        return self.reader(organisation_id).usage()

    def close(self) -> None:
        self.engine.close()
