"""`make bench STORE=elasticsearch`: the store on a server, next to plain `_bulk` and `_search` in the same run.

`TEST_ELASTICSEARCH_URL` names the server; everything is made under a prefix of its own and deleted afterwards. Both sides send the
same documents to streams with the same template. The plain side's documents are made beforehand; the store makes them,
writes its spool and accounts for every item within the time that is told.
"""

import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa
from elasticsearch import Elasticsearch

from bench.conditions import timed
from bench.data import Generated
from bench.elastic_questions import of_generated
from bench.questions import ORGANISATION, Question
from bench.raw_elastic import Raw, bodies
from bench.report import at_least, at_most, ms, print_table, say
from services.clock import SystemClock
from services.database import Database
from services.log_store.elasticsearch.connection import ElasticSettings
from services.log_store.elasticsearch.documents import documents
from services.log_store.elasticsearch.promotion import Promotion
from services.log_store.elasticsearch.store import ElasticLogStore
from services.log_store.elasticsearch.templates import ensure_stream, stream_of
from services.log_store.sequence import seq_column
from tests.elastic import delete_all

LEAST_SHARE = 0.85
OVERHEAD_MS = 5.0
MOST_RECORDS = 500_000
ROUNDS = 2
SETTLED_S = 600.0
RAW = "raw"
APPROXIMATE = ("p95 of duration",)


def main(size: int) -> None:
    """Print ingest and searches. Ends with a sentence where no server is named."""
    url = os.environ.get("TEST_ELASTICSEARCH_URL", "")
    if not url:
        sys.exit("Set TEST_ELASTICSEARCH_URL to an Elasticsearch for tests: the bench fills and empties streams there.")
    records = Generated("1,000 shapes, in order of time", min(size, MOST_RECORDS), 1_000)
    batches = list(records.batches())
    settings = ElasticSettings((url,), prefix=f"bench-{uuid.uuid4().hex[:8]}", replicas=0)
    say(f"{records.name}: {records.count:,} records")
    with Elasticsearch(url, request_timeout=60) as client:
        try:
            _measure(settings, client, batches, records.count)
        finally:
            delete_all(client, settings.prefix)


def _measure(settings: ElasticSettings, client: Elasticsearch, batches: Sequence[pa.Table], count: int) -> None:
    raw = Raw(settings.hosts[0], stream_of(settings.prefix, RAW))
    began = time.perf_counter()
    prepared = bodies(_lines(batches))
    made_us = (time.perf_counter() - began) / count * 1e6
    size_bytes = sum(map(len, prepared))
    say(f"  {size_bytes / count:,.0f} bytes a document, {made_us:.1f} µs to make one")
    with tempfile.TemporaryDirectory() as name, _store(settings, Path(name)) as store:
        took = [_ingested(settings, client, store, raw, prepared, batches) for _ in range(ROUNDS)]
        raw_s, store_s = (statistics.median(each) for each in zip(*took, strict=True))
        share = raw_s / store_s
        rows = [
            ("raw _bulk", f"{count / raw_s:,.0f}", "1.00", ""),
            ("store", f"{count / store_s:,.0f}", f"{share:.2f}", at_least(share, LEAST_SHARE)),
        ]
        print_table(("until all can be found", "records/s", "of raw", "aim"), rows)
        _merged(client, settings)
        _ask(store, raw, of_generated(batches[0]))


def _lines(batches: Sequence[pa.Table]) -> Iterator[tuple[str, bytes]]:
    promotion, tick = Promotion(500, 100), 1
    for batch in batches:
        numbered = batch.append_column(pa.field("seq", pa.int64()), seq_column(tick, len(batch)))
        tick += len(batch)
        for first in range(0, len(batch), 10_000):
            part = numbered.slice(first, 10_000)
            for document in documents(RAW, part, pa.nulls(len(part), pa.int32()), promotion):
                yield document.id, document.body


@contextmanager
def _store(settings: ElasticSettings, folder: Path) -> Iterator[ElasticLogStore]:
    database = Database.at("", folder)
    database.upgrade()
    store = ElasticLogStore(settings, SystemClock(), database, folder)
    try:
        store.start()
        yield store
    finally:
        store.close()
        database.close()


def _ingested(
    settings: ElasticSettings,
    client: Elasticsearch,
    store: ElasticLogStore,
    raw: Raw,
    prepared: Sequence[bytes],
    batches: Sequence[pa.Table],
) -> tuple[float, float]:
    """Seconds of raw and of the store, each into an empty stream."""
    streams = [stream_of(settings.prefix, each) for each in (RAW, ORGANISATION)]
    for name, stream in zip((RAW, ORGANISATION), streams, strict=True):
        client.options(ignore_status=404).indices.delete_data_stream(name=stream)
        ensure_stream(client, settings, name)
    raw_s = _seconds(partial(raw.fill, prepared))
    store_s = _seconds(partial(_append_all, store, batches))
    counts = [client.count(index=stream)["count"] for stream in streams]
    assert counts[0] == counts[1], counts
    return raw_s, store_s


def _append_all(store: ElasticLogStore, batches: Sequence[pa.Table]) -> None:
    for batch in batches:
        store.append(ORGANISATION, batch)
    assert store.settle(ORGANISATION, SETTLED_S)


def _merged(client: Elasticsearch, settings: ElasticSettings) -> None:
    """One segment on both sides: a search over more of them would tell how merges went."""
    for name in (RAW, ORGANISATION):
        stream = stream_of(settings.prefix, name)
        client.options(request_timeout=600).indices.forcemerge(index=stream, max_num_segments=1)
        client.indices.refresh(index=stream)


def _ask(store: ElasticLogStore, raw: Raw, asked: Sequence[Question]) -> None:
    rows, most = [], 0.0
    for question in asked:
        bare, own = timed(partial(question.plain, raw)), timed(partial(question.store, store))
        is_same = question.name in APPROXIMATE or bare.answer == own.answer
        overhead = own.ms - bare.ms
        most = max(most, overhead)
        aim = at_most(overhead, OVERHEAD_MS, " ms") if is_same else "MISMATCH"
        rows.append((question.name, ms(bare.ms), ms(own.ms), f"{overhead:+.1f}", aim))
    print_table(("median ms", "raw _search", "store", "overhead", "aim"), rows)
    say(f"  largest overhead: {most:.1f} ms")


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
