"""Streams with records in several indices and shards, and questions to them."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from elasticsearch import Elasticsearch

from services.log_store.elasticsearch.aggregate import aggregate
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.connection import ElasticSettings
from services.log_store.elasticsearch.documents import documents
from services.log_store.elasticsearch.names import stream_of
from services.log_store.elasticsearch.promotion import Promotion
from services.log_store.elasticsearch.residual import ResidualEngine
from services.log_store.elasticsearch.templates import ensure_stream, install
from services.log_store.interface import AggregateResult, Aggregation, Handle
from services.query.language import Query
from tests.elastic import Elastic
from tests.records import batch

ORGANISATION = "acme"
Row = dict[str, Any]
FIELDS = ("level", "host", "service.name", "tags", "ms", "user.id")
"""What the records of `plain_reads.random_rows` are grouped by."""


@dataclasses.dataclass(frozen=True)
class Filled:
    """A stream, and the records that are in it."""

    es: Elasticsearch
    stream: str
    rows: list[Row]


def filled_stream(
    elastic: Elastic, name: str, rows: Sequence[Row], *, indices: int = 3, shards: int = 2, number_fields: int = 100
) -> Filled:
    """A stream of its own prefix with these records, spread over several indices."""
    settings = ElasticSettings((elastic.url,), prefix=f"{elastic.prefix}-{name}", shards=shards, replicas=0)
    install(elastic.client, settings)
    ensure_stream(elastic.client, settings, ORGANISATION)
    stream, promotion = stream_of(settings.prefix, ORGANISATION), Promotion(number_fields, 100)
    step = -(-len(rows) // indices) or 1
    for first in range(0, len(rows), step):
        if first:
            elastic.client.indices.rollover(alias=stream)
        store(elastic.client, stream, rows[first : first + step], promotion, first_seq=first)
    elastic.client.indices.refresh(index=stream)
    return Filled(elastic.client, stream, list(rows))


def store(es: Elasticsearch, stream: str, rows: Sequence[Row], promotion: Promotion, *, first_seq: int = 0) -> None:
    """Add records, not refreshed. `shape_id` of a row is its document's."""
    made = batch(*({name: value for name, value in row.items() if name != "shape_id"} for row in rows))
    made = made.append_column("seq", pa.array(range(first_seq, first_seq + len(rows)), pa.int64()))
    shapes = pa.array([row.get("shape_id") for row in rows], pa.int32())
    found = documents(ORGANISATION, made, shapes, promotion)
    lines = [line for each in found for line in ({"create": {"_id": each.id}}, each.body)]
    for first in range(0, len(lines), 10_000):
        answer = es.bulk(index=stream, operations=lines[first : first + 10_000])
        assert not answer["errors"], [each for each in answer["items"] if each["create"]["status"] != 201][:1]


def everything() -> Mapping[str, Any]:
    """The query for all records of the organisation."""
    return {"term": {"elkvision.organisation": ORGANISATION}}


@dataclasses.dataclass(frozen=True)
class Asking:
    """Asks Elasticsearch about the records of a stream."""

    filled: Filled
    engine: ResidualEngine

    def __call__(
        self,
        asked: Sequence[Aggregation],
        query: Mapping[str, Any] | None = None,
        *,
        residual: Query | None = None,
        handle: Handle | None = None,
    ) -> list[AggregateResult]:
        """The answers over the records of `query`, those of `residual` among them."""
        scope = query or everything()
        with Question(self.filled.es, self.filled.stream, 30.0, handle) as question:
            read = partial(self.engine.table, question, ORGANISATION, scope, residual)
            return aggregate(question, scope, asked, read, is_exact=residual is None)

    def rows(self, asked: Aggregation) -> list[Row]:
        """The rows of one answer over all records."""
        (result,) = self([asked])
        assert not result.is_partial
        return result.table.to_pylist()  # type: ignore[no-any-return]


def same(found: list[Row], expected: list[Row]) -> bool:
    """Equal, sums and means up to rounding."""
    if len(found) != len(expected):
        return False
    pairs = [(row[name], other[name]) for row, other in zip(found, expected, strict=True) for name in other]
    return [set(row) for row in found] == [set(row) for row in expected] and all(
        a == (pytest.approx(b) if isinstance(b, float) else b) for a, b in pairs
    )
