"""An index with documents of ours, and what the compiler's queries find there."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from services.log_store.elasticsearch.documents import Document, documents, record_of
from services.log_store.elasticsearch.mapping import MAPPINGS, SETTINGS
from services.log_store.elasticsearch.promotion import Promotion
from services.log_store.interface import LogRecord
from services.model import LogBatch
from services.query import sql_engine
from services.query.elastic import Compiled, ElasticCompiler, compile_query, filtered
from services.query.tree import Query
from tests.elastic import Elastic
from tests.services.query.filled import children
from tests.services.query.reference import matches

ORGANISATION = "acme"
FIRST_SEQ = 7 << 40


@dataclass
class ElasticIndex:
    """Records that are stored as documents, and the plain reference next to it; `check` compares any query's answer."""

    elastic: Elastic
    name: str
    cursor: duckdb.DuckDBPyConnection
    records: list[LogRecord]

    def compiled(self, query: Query, **patterns: Any) -> Compiled:
        """What the compiler makes of a tree."""
        compiler = ElasticCompiler(
            lambda text: sql_engine.tokens(self.cursor, text),
            lambda pattern, texts: sql_engine.match_regex(self.cursor, pattern, texts),
            **patterns,
        )
        return compile_query(query, compiler)

    def found(self, query: dict[str, Any]) -> set[str]:
        """Ids that Elasticsearch finds."""
        return self.found_by_each([query])[0]

    def found_by_each(self, queries: Sequence[dict[str, Any]]) -> list[set[str]]:
        """Ids that Elasticsearch finds, for each of the queries."""
        asked = {"size": 10_000, "stored_fields": "_none_", "docvalue_fields": ["event.sequence"], "sort": "_doc"}
        searches = [line for query in queries for line in ({}, {"query": query, **asked})]
        answers = self.elastic.client.msearch(index=self.name, searches=searches)["responses"]
        for answer, query in zip(answers, queries, strict=True):
            assert "error" not in answer, (answer["error"], query)
            assert answer["hits"]["total"]["value"] == len(answer["hits"]["hits"])
        ids = {int(entry["id"][17:], 16): entry["id"] for entry in self.records}
        return [{ids[hit["fields"]["event.sequence"][0]] for hit in answer["hits"]["hits"]} for answer in answers]

    def check(self, *queries: Query) -> bool:
        """Whether all queries are asked exactly. Each answer is the reference's, or holds it where a rest is to be checked."""
        compiled = [self.compiled(query) for query in queries]
        found = self.found_by_each([filtered(each, ORGANISATION, None, None) for each in compiled])
        for query, each, ids in zip(queries, compiled, found, strict=True):
            self._compare(query, each, ids)
        return all(each.residual is None for each in compiled)

    def _compare(self, query: Query, compiled: Compiled, found: set[str]) -> None:
        expected = {entry["id"] for entry in self.records if matches(query, entry)}
        if compiled.residual is not None:
            found = {e["id"] for e in self.records if e["id"] in found and matches(compiled.residual, e)}
        if found == expected:
            return
        for child in children(query):
            self.check(child)
        shown = [entry for entry in self.records if entry["id"] in expected ^ found][:2]
        counts = f"{len(expected - found)} missing, {len(found - expected)} too many"
        raise AssertionError(f"{query!r}: {counts}, such as {str(shown)[:3000]}; {str(compiled.query)[:2000]}")


def created(elastic: Elastic, name: str, *, field_limit: int = 1_000) -> str:
    """A new index with our mapping."""
    settings = {**SETTINGS, "index.mapping.total_fields.limit": field_limit, "index.number_of_replicas": 0}
    index = f"{elastic.prefix}-{name}"
    elastic.client.indices.create(index=index, mappings=MAPPINGS, settings=settings)
    return index


def numbered(batch: LogBatch, first_seq: int = FIRST_SEQ) -> pa.Table:
    """The batch with `seq`."""
    return batch.append_column("seq", pa.array(range(first_seq, first_seq + len(batch)), pa.int64()))


def sent(elastic: Elastic, index: str, made: list[Document]) -> list[dict[str, Any]]:
    """Create the documents; what is answered to each."""
    answers: list[dict[str, Any]] = []
    for at in range(0, len(made), 200):
        lines = [
            line for each in made[at : at + 200] for line in ({"create": {"_id": each.id}}, orjson.Fragment(each.body))
        ]
        body = b"\n".join(orjson.dumps(line) for line in lines) + b"\n"
        headers = {"content-type": "application/x-ndjson", "accept": "application/json"}
        answer = elastic.client.perform_request("POST", f"/{index}/_bulk", headers=headers, body=body)
        answers += [item["create"] for item in answer["items"]]
    elastic.client.indices.refresh(index=index)
    return answers


def filled_index(elastic: Elastic, name: str, batch: LogBatch, promotion: Promotion) -> ElasticIndex:
    """An index with the records of a batch. Some have numbers and addresses in fields of their own, some have not."""
    index = created(elastic, name)
    rows = numbered(batch)
    typed, untyped = (rows.take(pa.array(range(start, len(rows), 2))) for start in (0, 1))
    made = [
        document
        for part, is_typed in ((typed, True), (untyped, False))
        for document in documents(ORGANISATION, part, pa.nulls(len(part), pa.int32()), promotion, typed=is_typed)
    ]
    random.Random(1).shuffle(made)
    refused = [answer for answer in sent(elastic, index, made) if answer["status"] != 201]
    assert refused == []
    records = [record_of(orjson.loads(each.body)) for each in made]
    return ElasticIndex(elastic, index, duckdb.connect(), records)
