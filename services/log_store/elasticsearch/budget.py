"""Hits as records, as many as one page may hold: each whole, the long texts fetched behind the rest."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.errors import BackendUnavailable
from services.log_store.checks import PAGE_BYTES
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.client_errors import is_busy
from services.log_store.elasticsearch.documents import record_of
from services.log_store.elasticsearch.paging import FIRST_HITS, WITHOUT_REST, Hit, size_of
from services.log_store.interface import LogRecord

_TEXTS = (
    *("message", "raw", "attributes", "problem", "source", "service", "environment", "host", "trace_id", "span_id"),
    "upload_id",
)
_GONE = "index_not_found_exception"
_MOST_AT_ONCE = 16
"""Records with long texts that are fetched together; the first alone, as nothing is known of their size yet."""


def affordable(question: Question, hits: Sequence[Hit]) -> tuple[list[LogRecord], int]:
    """The records of the first hits, as many as the budget of a page allows, at least one; and how many hits that took.

    A record that was deleted meanwhile is left out. Raises like `Question.search`.
    """
    records: list[LogRecord] = []
    rests = _Rests(question, hits)
    spent = 0
    for number, hit in enumerate(hits):
        if not rests.put_back(number, PAGE_BYTES - spent):
            continue
        record = record_of(hit.source)
        spent += bytes_of(record)
        if records and spent > PAGE_BYTES:
            return records, number
        records.append(record)
    return records, len(hits)


def by_address(question: Question, hits: Sequence[Hit]) -> list[Hit]:
    """The hits with their records (but for what lies beyond their long texts), up to the one that fills the budget of a
    page. A record that was deleted meanwhile has an empty source. Raises like `Question.search`.
    """
    read: list[Hit] = []
    size = FIRST_HITS
    while len(read) < len(hits):
        group = hits[len(read) : len(read) + size]
        sources = _sources(question, group, WITHOUT_REST)
        read += [Hit(hit.position, hit.index, hit.id, sources.get(hit.id) or {}) for hit in group]
        read_bytes = sum(size_of(hit.source) for hit in read)
        if read_bytes > PAGE_BYTES:
            break
        size = (PAGE_BYTES - read_bytes) * len(read) // max(1, read_bytes) + 1
    return read


class _Rests:
    """What lies beyond the long texts of hits, fetched for some of them together."""

    def __init__(self, question: Question, hits: Sequence[Hit]):
        self._question = question
        self._long = [number for number, hit in enumerate(hits) if _has_rest(hit)]
        self._hits = hits
        self._fetched: dict[str, dict[str, Any] | None] = {}
        self._largest = PAGE_BYTES

    def put_back(self, number: int, budget: int) -> bool:
        """Make the hit whole; False where its record is gone."""
        hit = self._hits[number]
        if not _has_rest(hit):
            return bool(hit.source)
        if hit.id not in self._fetched:
            together = max(1, min(_MOST_AT_ONCE, budget // self._largest))
            ahead = [self._hits[at] for at in self._long if at >= number][:together]
            self._fetched = _sources(self._question, ahead, {"includes": ["elkvision.rest"]})
            sizes = [sum(map(len, _rest_of(each).values())) for each in self._fetched.values()]
            self._largest = max(1, *sizes)
        source = self._fetched[hit.id]
        if source is not None:
            hit.source["elkvision"]["rest"] = _rest_of(source)
        return source is not None


def _rest_of(source: Mapping[str, Any] | None) -> dict[str, str]:
    rest: dict[str, str] = (source or {}).get("elkvision", {}).get("rest", {})
    return rest


def bytes_of(record: Mapping[str, Any]) -> int:
    """Bytes of the texts of a record, in UTF-8."""
    texts = [text for name in _TEXTS if (text := record[name])] + record["tags"]
    return sum(len(text) if text.isascii() else len(text.encode()) for text in texts)


def _has_rest(hit: Hit) -> bool:
    return "rest" in hit.source.get("elkvision", {})


def _sources(question: Question, hits: Sequence[Hit], source: Mapping[str, Any]) -> dict[str, dict[str, Any] | None]:
    """What `source` names of each record, by id; None for a record that is gone."""
    wanted = [{"_index": hit.index, "_id": hit.id, "_source": source} for hit in hits]

    def asked() -> dict[str, Any]:
        return question.send(question.remaining_s, lambda client: client.mget(docs=wanted))

    found = question.twice(asked, is_busy)["docs"]
    if any(each.get("error", {}).get("type", _GONE) != _GONE for each in found):
        raise BackendUnavailable("Elasticsearch could not read all of the records. Try again in a moment.")
    return {each["_id"]: each["_source"] if each.get("found") else None for each in found}
