"""A drainer on the server of the test run, over a spool in memory that can be looked into."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from elasticsearch import Elasticsearch

from services.clock import SystemClock
from services.errors import Conflict
from services.log_store.elasticsearch.connection import ElasticSettings, connect
from services.log_store.elasticsearch.dead_letters import DeadLetters
from services.log_store.elasticsearch.delivery import DeliveryCounters
from services.log_store.elasticsearch.drainer import Drainer
from services.log_store.elasticsearch.drainer_sending import OnStored
from services.log_store.elasticsearch.freshness import Freshness
from services.log_store.elasticsearch.templates import install, stream_of
from services.log_store.interface import Appended, Idempotency, UploadProgress
from services.log_store.sequence import RecordIds, seq_column, seq_of, tick_of
from services.model import LogBatch


@dataclass(eq=False)
class MemoryFrame:
    """A frame that was never on a disk."""

    organisation_id: str
    batch: pa.Table
    in_doubt: bool = False

    @property
    def rows(self) -> int:
        return self.batch.num_rows

    @property
    def size_bytes(self) -> int:
        return self.batch.nbytes

    @property
    def last_seq(self) -> int:
        return self.batch["seq"][-1].as_py()


@dataclass(frozen=True)
class MemoryPending:
    records: int
    size_bytes: int
    oldest_at: datetime | None
    last_seq: int


class MemorySpool:
    """What a drainer sees of a spool; `finished` are the frames that it gave back."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tick = tick_of(datetime.now(UTC))
        self.first_seq = seq_of(self._tick)
        self._keys: dict[str, tuple[str, Appended]] = {}
        self.waiting: list[MemoryFrame] = []
        self.open: list[MemoryFrame] = []
        self.finished: list[MemoryFrame] = []

    def append(
        self,
        organisation_id: str,
        batch: LogBatch,
        key: Idempotency | None = None,
        upload: UploadProgress | None = None,
    ) -> Appended:
        with self._changed:
            if key is not None and key.key in self._keys:
                payload, answer = self._keys[key.key]
                if payload != key.payload_hash:
                    raise Conflict("another payload")
                return answer
            first = self._tick
            self._tick += batch.num_rows
            seqs = seq_column(first, batch.num_rows)
            frame = MemoryFrame(organisation_id, batch.append_column(pa.field("seq", pa.int64()), seqs))
            self.waiting.append(frame)
            self.open.append(frame)
            answer = Appended(batch.num_rows, seq_of(first), RecordIds(batch["timestamp"], first))
            if key is not None:
                self._keys[key.key] = (key.payload_hash, answer)
            self._changed.notify_all()
            return answer

    def put(self, frame: MemoryFrame) -> None:
        with self._changed:
            self.waiting.append(frame)
            self.open.append(frame)
            self._changed.notify_all()

    def take(self, max_bytes: int, wait_s: float) -> list[MemoryFrame]:
        with self._changed:
            self._changed.wait_for(lambda: bool(self.waiting), wait_s)
            taken, size = [], 0
            while self.waiting and (not taken or size + self.waiting[0].size_bytes <= max_bytes):
                size += self.waiting[0].size_bytes
                taken.append(self.waiting.pop(0))
            return taken

    def done(self, frames: Sequence[Any]) -> None:
        with self._changed:
            for frame in frames:
                self.open.remove(frame)
                self.finished.append(frame)

    def pending(self, organisation_id: str | None = None) -> MemoryPending:
        with self._changed:
            mine = [each for each in self.open if organisation_id in (None, each.organisation_id)]
            last = seq_of(self._tick - 1)
            oldest = datetime.now(UTC) if mine else None
            return MemoryPending(sum(f.rows for f in mine), sum(f.size_bytes for f in mine), oldest, last)


class NoShapes:
    """A dictionary that knows no shape."""

    def assign(self, organisation_id: str, sources: pa.ChunkedArray, shapes: pa.ChunkedArray) -> pa.Array:
        return pa.nulls(len(shapes), pa.int32())


@dataclass
class Delivering:
    """The parts, to be looked at. `url` is where the drainer sends; `es` asks the server itself."""

    settings: ElasticSettings
    es: Elasticsearch
    spool: MemorySpool
    dead_letters: DeadLetters
    counters: DeliveryCounters
    freshness: Freshness
    drainer: Drainer
    published: list[tuple[str, LogBatch]] = field(default_factory=list)
    since_seq: int = 0

    def stream(self, organisation_id: str = "acme") -> str:
        return stream_of(self.settings.prefix, organisation_id)

    def wait_done(self, timeout_s: float = 30) -> None:
        """Until every frame is delivered."""
        wait_until(lambda: self.spool.pending().records == 0, timeout_s)

    def stored(self, organisation_id: str = "acme") -> list[str]:
        """Messages that the server has of this spool's records, sorted; one that is there twice is told twice."""
        self.es.indices.refresh(index=self.stream(organisation_id))
        found: list[str] = []
        after: list[Any] | None = None
        while hits := self._hits(organisation_id, after):
            found += [hit["_source"]["message"] for hit in hits]
            after = hits[-1]["sort"]
        return sorted(found)

    def _hits(self, organisation_id: str, after: list[Any] | None) -> list[Any]:
        hits: list[Any] = self.es.search(
            index=self.stream(organisation_id),
            query=self._mine(),
            size=5_000,
            sort=[{"event.sequence": "asc"}, {"_doc": "asc"}],
            search_after=after,
            source_includes=["message"],
        )["hits"]["hits"]
        return hits

    def count(self, organisation_id: str = "acme") -> int:
        """How many documents the server has of this spool's records."""
        self.es.indices.refresh(index=self.stream(organisation_id))
        count: int = self.es.count(index=self.stream(organisation_id), query=self._mine())["count"]
        return count

    def _mine(self) -> dict[str, Any]:
        return {"range": {"event.sequence": {"gte": self.since_seq}}}


def wait_until(condition: Callable[[], Any], timeout_s: float = 30) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "did not happen in time"
        time.sleep(0.01)


@contextmanager
def delivering(
    url: str,
    prefix: str,
    folder: Path,
    *,
    direct: str = "",
    spool: MemorySpool | None = None,
    on_stored: OnStored | None = None,
    starts: bool = True,
    **settings: Any,
) -> Iterator[Delivering]:
    """A running drainer that sends to `url`; `direct` is the server's own address where that is another one."""
    chosen = ElasticSettings((url,), prefix=prefix, replicas=0, **settings)
    with connect(replace(chosen, hosts=(direct or url,))) as es, connect(chosen) as client:
        install(es, chosen)
        spool = spool or MemorySpool()
        clock, counters = SystemClock(), DeliveryCounters()
        letters = DeadLetters(folder / "refused", clock)
        freshness = Freshness(client, lambda each: stream_of(prefix, each), lambda each: spool.pending(each).records)
        published: list[tuple[str, LogBatch]] = []

        def tell(organisation_id: str, batch: LogBatch) -> None:
            published.append((organisation_id, batch))
            if on_stored is not None:
                on_stored(organisation_id, batch)

        drainer = Drainer(
            spool, client, chosen, NoShapes(), freshness, letters, counters, clock, tell, random.Random(1)
        )
        if starts:
            drainer.start()
        try:
            yield Delivering(chosen, es, spool, letters, counters, freshness, drainer, published, spool.first_seq)
        finally:
            drainer.stop(10)
