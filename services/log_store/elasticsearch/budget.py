"""Hits as records, as many as one page may hold: each whole, the long texts fetched behind the rest."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.log_store.checks import PAGE_BYTES
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.documents import record_of
from services.log_store.elasticsearch.paging import Hit
from services.log_store.interface import LogRecord

_TEXTS = (
    *("message", "raw", "attributes", "problem", "source", "service", "environment", "host", "trace_id", "span_id"),
    "upload_id",
)
_MOST_AT_ONCE = 16
"""Records with long texts that are fetched together; the first alone, as nothing is known of their size yet."""


def affordable(question: Question, hits: Sequence[Hit]) -> list[LogRecord]:
    """The records of `hits` that the budget of a page allows, at least one. Raises like `Question.search`.

    A record that was deleted meanwhile is left out; where that is the first of them, so be it.
    """
    records: list[LogRecord] = []
    spent, largest = 0, PAGE_BYTES
    rests: dict[str, Mapping[str, Any] | None] = {}
    for number, hit in enumerate(hits):
        if _has_rest(hit):
            if hit.id not in rests:
                together = max(1, min(_MOST_AT_ONCE, (PAGE_BYTES - spent) // largest))
                ahead = [each for each in hits[number:] if _has_rest(each)][:together]
                rests |= _rests(question, ahead)
            rest = rests.pop(hit.id)
            if rest is None:
                continue
            hit.source["elkvision"]["rest"] = rest
        record = record_of(hit.source)
        size = bytes_of(record)
        if _has_rest(hit):
            largest = max(size, largest if largest < PAGE_BYTES else 0)
        spent += size
        if records and spent > PAGE_BYTES:
            return records
        records.append(record)
    return records


def bytes_of(record: Mapping[str, Any]) -> int:
    """Bytes of the texts of a record, in UTF-8."""
    texts = [text for name in _TEXTS if (text := record[name])] + record["tags"]
    return sum(len(text) if text.isascii() else len(text.encode()) for text in texts)


def _has_rest(hit: Hit) -> bool:
    return "rest" in hit.source.get("elkvision", {})


def _rests(question: Question, hits: Sequence[Hit]) -> dict[str, Mapping[str, Any] | None]:
    """What was left out of the texts of each; None for a record that is gone."""
    wanted = [{"_index": hit.index, "_id": hit.id, "_source": {"includes": ["elkvision.rest"]}} for hit in hits]
    answer = question.send(question.remaining_s, lambda client: client.mget(docs=wanted))
    return {each["_id"]: each["_source"]["elkvision"]["rest"] if each.get("found") else None for each in answer["docs"]}
