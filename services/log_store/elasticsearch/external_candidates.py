"""Other tools' documents read as records, in the order (time, number of the document), some MB at a time.

The server orders by time alone. Records of the same microsecond are put in order here, which takes all of them: a chunk
ends where a microsecond does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from services.errors import BackendTimeout, BackendUnavailable
from services.log_store.elasticsearch.cancelling import TOO_LONG, Question
from services.log_store.elasticsearch.candidates import Chunk
from services.log_store.elasticsearch.external_documents import TIME, number_of, record_of, size_of, table_of
from services.log_store.elasticsearch.external_fields import Json
from services.log_store.elasticsearch.external_query import Prefilter, between_moments
from services.log_store.elasticsearch.paging import Hit, Position
from services.model import EARLIEST
from services.query.elastic_fields import ORGANISATION

_FIRST_RECORDS = 200
_MOST_RECORDS = 5_000
_CHUNK_BYTES = 4 << 20
_KEEP_ALIVE_S = 60
_OURS = {"exists": {"field": ORGANISATION}}
"""Every record of this product has it. No expression leaves out a stream that is written out or that an alias leads to."""


@dataclass(frozen=True)
class Scope:
    """Which documents are asked for: those of `prefilter`, of [start, end)."""

    prefilter: Prefilter
    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_exact(self) -> bool:
        """Whether the server's own count of `query` is that of the records."""
        return self.prefilter.is_exact and self._moments().is_exact

    def query(self) -> Json:
        """What the server is asked: never for documents without a time that we have, never for an organisation's records."""
        return {"bool": {"filter": [self._moments().query, self.prefilter.query], "must_not": [_OURS]}}

    def holds(self, position: Position) -> bool:
        """Whether a record lies in [start, end), to the microsecond."""
        at = EARLIEST + timedelta(microseconds=position[0])
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)

    def behind(self, position: Position, *, newest_first: bool) -> "Scope":
        """Those that can lie behind a place in the order."""
        at = EARLIEST + timedelta(microseconds=position[0])
        if newest_first:
            after = at + timedelta(microseconds=1)
            return Scope(self.prefilter, self.start, after if self.end is None else min(after, self.end))
        return Scope(self.prefilter, at if self.start is None else max(at, self.start), self.end)

    def _moments(self) -> Prefilter:
        sides = [None if side is None else side.astimezone(UTC).replace(tzinfo=None) for side in (self.start, self.end)]
        return between_moments(*sides)


@dataclass
class _Reading:
    """One walk through the documents of a moment of the server."""

    moment_id: str
    after: list[Any] = field(default_factory=list)
    size: int = _FIRST_RECORDS
    is_end: bool = False


class ExternalCandidates:
    """Candidates in the order asked, to be iterated over once; the source of each hit is its record.

    most      documents that are read; `is_partial` says afterwards that there were more, or that the time was short
    after     only what lies behind this place
    last      the last place up to which everything was told
    Iterating raises like `Question.search`.
    """

    def __init__(
        self,
        question: Question,
        scope: Scope,
        *,
        most: int,
        newest_first: bool = True,
        after: Position | None = None,
        time_share: float = 0.7,
    ):
        self.looked_at = 0
        self.is_partial = False
        self.last = after
        self._question = question
        self._scope = scope if after is None else scope.behind(after, newest_first=newest_first)
        self._most = most
        self._newest_first = newest_first
        self._after = after
        self._time_share = time_share

    def __iter__(self) -> Iterator[Chunk]:
        reading = _Reading(self._open())
        try:
            pending: list[Hit] = []
            while not reading.is_end and not self.is_partial:
                pending += self._read(reading)
                self.is_partial = not reading.is_end and self._is_spent()
                ready, pending = self._whole(pending, reading.is_end)
                if ready:
                    chunk = self._chunk(ready)
                    yield chunk
        finally:
            self._question.forget(reading.moment_id)

    def _open(self) -> str:
        answer = self._question.send(
            self._question.remaining_s,
            lambda client: client.open_point_in_time(
                index=self._question.stream, keep_alive=f"{_KEEP_ALIVE_S}s", ignore_unavailable=True
            ),
        )
        return str(answer["id"])

    def _read(self, reading: _Reading) -> list[Hit]:
        left = min(reading.size, self._most - self.looked_at)
        order = {
            "order": "desc" if self._newest_first else "asc",
            "numeric_type": "date_nanos",
            "unmapped_type": "date",
        }
        body: dict[str, Any] = {
            "query": self._scope.query(),
            "sort": [{TIME: order}],
            "size": left,
            "track_total_hits": False,
            "pit": {"id": reading.moment_id, "keep_alive": f"{_KEEP_ALIVE_S}s"},
        } | ({"search_after": reading.after} if reading.after else {})
        answer = asked(self._question, body)
        found = answer["hits"]["hits"]
        reading.moment_id = answer["pit_id"]
        reading.is_end = len(found) < left
        self.looked_at += len(found)
        if found:
            reading.after = found[-1]["sort"]
        hits = [_hit(each) for each in found]
        read_bytes = sum(size_of(hit.source) for hit in hits)
        reading.size = max(10, min(_MOST_RECORDS, _CHUNK_BYTES * len(hits) // max(1, read_bytes)))
        return hits

    def _is_spent(self) -> bool:
        return self.looked_at >= self._most or self._question.used_share > self._time_share

    def _whole(self, hits: list[Hit], is_end: bool) -> tuple[list[Hit], list[Hit]]:
        """The hits whose microsecond is complete, and the rest. One that is larger than all that may be read is cut."""
        if is_end or not hits:
            return hits, []
        last_us = hits[-1].position[0]
        ready = [hit for hit in hits if hit.position[0] != last_us]
        if self.is_partial and not ready:
            return hits, []
        return ready, hits[len(ready) :]

    def _chunk(self, hits: list[Hit]) -> Chunk:
        ordered = sorted(hits, key=lambda hit: hit.position, reverse=self._newest_first)
        self.last = ordered[-1].position
        kept = [hit for hit in ordered if self._scope.holds(hit.position) and self._is_behind(hit.position)]
        return Chunk(kept, table_of([hit.position for hit in kept], [hit.source for hit in kept]))

    def _is_behind(self, position: Position) -> bool:
        if self._after is None:
            return True
        return position < self._after if self._newest_first else position > self._after


def asked(question: Question, body: Json) -> Json:
    """The whole answer to a search of other tools' indices, by a point in time where `body` has one. Raises like
    `Question.search`."""
    left = question.remaining_s
    where: dict[str, Any] = {} if "pit" in body else {"index": question.stream, "ignore_unavailable": True}
    timeout = {"timeout": f"{max(1, int(left * 1000))}ms"}
    answer = question.send(
        left, lambda client: client.search(body=body | timeout, allow_partial_search_results=False, **where)
    )
    if answer.get("timed_out"):
        raise BackendTimeout(TOO_LONG)
    if answer["_shards"]["failed"]:
        raise BackendUnavailable("Elasticsearch could not read all of the documents. Try again in a moment.")
    return answer


def _hit(found: Json) -> Hit:
    position = (int(found["sort"][0]) // 1000, number_of(found["_index"], found["_id"]))
    return Hit(position, found["_index"], found["_id"], record_of(position, found.get("_source", {})))
