"""Records leave the streams and come into them with the ids that they have: how logs move between stores.

No spool is needed on the way in: what moves is durable where it comes from.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import pyarrow as pa
from elasticsearch import Elasticsearch, NotFoundError

from services.errors import BackendUnavailable
from services.log_store.elasticsearch.client_errors import translated
from services.log_store.elasticsearch.connection import ElasticSettings
from services.log_store.elasticsearch.documents import Document, documents, table_of
from services.log_store.elasticsearch.drainer_streams import Streams
from services.log_store.elasticsearch.moving_sending import Sending
from services.log_store.elasticsearch.names import organisation_of, stream_of
from services.log_store.elasticsearch.paging import WITHOUT_REST, size_of
from services.log_store.elasticsearch.templates import streams
from services.log_store.moving import BEFORE_ALL, MOVED_SCHEMA

CHUNK_BYTES = 8 << 20
"""Texts that are read at once, about; one record may be more."""
ROLLOVER_EACH_BYTES = 256 << 20
"""Bytes sent after which the indices are looked after."""

_FIRST_ROWS, _MOST_ROWS, _GROWTH = 100, 2_000, 4
_RESTS_AT_ONCE = 16


class _Shapes(Protocol):
    def assign(self, organisation_id: str, sources: pa.ChunkedArray, shapes: pa.ChunkedArray) -> pa.Array: ...


class MovingStreams:
    """The streams of a prefix as `services.log_store.moving.MovableLogs`. One thread at a time.

    look_after  called between two portions, when nothing is on its way: there the stream may get a new index
    """

    def __init__(
        self,
        es: Elasticsearch,
        settings: ElasticSettings,
        shapes: _Shapes,
        look_after: Callable[[], object] = lambda: None,
    ):
        self._es = es
        self._settings = settings
        self._shapes = shapes
        self._streams = Streams(es, settings)
        self._look_after = look_after
        self._sent_bytes = 0

    # -- out ---------------------------------------------------------------------------------------------------------

    def organisations(self) -> list[str]:
        """Ids of the organisations that have a stream."""
        with translated():
            names = [
                organisation_of(self._settings.prefix, each.name) for each in streams(self._es, self._settings.prefix)
            ]
        return sorted(name for name in names if name is not None)

    def last_seq(self, organisation_id: str) -> int | None:
        """See `MovableLogs`."""
        if not self._refreshed(organisation_id):
            return None
        with translated():
            hits = self._search(organisation_id, {"gt": BEFORE_ALL}, 1, "desc", source=False)
        return int(hits[0]["sort"][0]) if hits else None

    def export(self, organisation_id: str, after: int, up_to: int) -> Iterator[pa.Table]:
        """See `MovableLogs`. Records with the same seq, which two processes may have given, stay together."""
        size = _FIRST_ROWS if self._refreshed(organisation_id) else 0
        while size:
            with translated():
                hits = self._search(organisation_id, {"gt": after, "lte": up_to}, size + 1, "asc")
            is_end = len(hits) <= size
            hits = hits if is_end else _whole_seqs(hits)
            for portion in self._portions(hits):
                yield _moved(portion)
            after = hits[-1]["sort"][0] if hits else after
            size = 0 if is_end else _next_size(size, hits)

    def _refreshed(self, organisation_id: str) -> bool:
        """Whether there is a stream; everything that was stored in it before is found from now on."""
        with translated():
            try:
                self._es.indices.refresh(index=self._name(organisation_id))
            except NotFoundError:
                return False
        return True

    def _search(
        self, organisation_id: str, seqs: dict[str, int], size: int, order: str, source: Any = WITHOUT_REST
    ) -> list[dict[str, Any]]:
        own = {"term": {"elkvision.organisation": organisation_id}}
        answer = self._es.search(
            index=self._name(organisation_id),
            query={"bool": {"filter": [own, {"range": {"event.sequence": seqs}}]}},
            sort=[{"event.sequence": {"order": order}}],
            size=size,
            source=source,
            track_total_hits=False,
            allow_partial_search_results=False,
        )
        hits: list[dict[str, Any]] = answer["hits"]["hits"]
        return hits

    def _portions(self, hits: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        """The documents of hits, whole, a few at a time where they have long texts."""
        portion: list[dict[str, Any]] = []
        long = 0
        for hit in hits:
            if long >= _RESTS_AT_ONCE and hit["sort"] != portion[-1]["sort"]:
                yield self._whole(portion)
                portion, long = [], 0
            long += "rest" in hit["_source"]["elkvision"]
            portion.append(hit)
        if portion:
            yield self._whole(portion)

    def _whole(self, hits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        cut = [hit for hit in hits if "rest" in hit["_source"]["elkvision"]]
        if cut:
            wanted = [{"_index": hit["_index"], "_id": hit["_id"], "_source": ["elkvision.rest"]} for hit in cut]
            with translated():
                answer = self._es.mget(docs=wanted)
            for hit, found in zip(cut, answer["docs"], strict=True):
                if not found.get("found"):
                    raise BackendUnavailable(f"The record {hit['_id']} was deleted while it was read. Try again.")
                hit["_source"]["elkvision"]["rest"] = found["_source"]["elkvision"]["rest"]
        return [hit["_source"] for hit in hits]

    def _name(self, organisation_id: str) -> str:
        return stream_of(self._settings.prefix, organisation_id)

    # -- in ----------------------------------------------------------------------------------------------------------

    def restore(self, organisation_id: str, records: pa.Table) -> int:
        """See `MovableLogs`. A record that the server refuses for good is logged and left out.

        Raises `BackendUnavailable` where the server took nothing for minutes.
        """
        with translated():
            stream = self._streams.ready(organisation_id)
        shape_ids = self._shapes.assign(organisation_id, records["source"], records["shape"])
        promotion = self._streams.promotion(organisation_id)

        def made(*, typed: bool) -> list[Document]:
            return documents(organisation_id, records, shape_ids, promotion, typed=typed)

        sending = Sending(self._es, stream, made, self._settings.timeout_s)
        stored = sending.run()
        self._sent_bytes += sending.sent_bytes
        if self._sent_bytes >= ROLLOVER_EACH_BYTES:
            self._sent_bytes = 0
            self._look_after()
        return stored


def _whole_seqs(hits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the last seq, of which there may be more; none where there is no other."""
    return [hit for hit in hits if hit["sort"] != hits[-1]["sort"]]


def _next_size(size: int, hits: Sequence[dict[str, Any]]) -> int:
    """How many records to ask for next, by what these weigh; more of them where the page was of one seq."""
    if not hits:
        return size * 2
    read_bytes = max(1, sum(size_of(hit["_source"]) for hit in hits))
    return max(1, min(_MOST_ROWS, size * _GROWTH, CHUNK_BYTES * len(hits) // read_bytes))


def _moved(sources: Sequence[dict[str, Any]]) -> pa.Table:
    found = table_of(sources)
    return pa.table([found[name] for name in MOVED_SCHEMA.names], MOVED_SCHEMA)
