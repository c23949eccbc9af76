"""The records around one."""

import time
from collections.abc import Collection, Mapping
from typing import Any

from services.errors import NotFound
from services.log_store.elasticsearch.budget import affordable
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.candidates import value_of
from services.log_store.elasticsearch.mapping import MAX_KEYWORD
from services.log_store.elasticsearch.paging import Found, Hit, at_position, hits_of, nearest, ordered, within
from services.log_store.interface import LogContext
from services.model import parse_record_id
from services.query.elastic_fields import KEYWORDS

NOT_FOUND = "There is no log record with this id."


def record_at(question: Question, organisation_id: str, record_id: str) -> Hit:
    """The record with that id, but for what lies beyond its long texts. Raises `NotFound` and like `Question.search`."""
    at = parse_record_id(record_id)
    if at is None:
        raise NotFound(NOT_FOUND)
    scope = within(organisation_id, at_position(at))
    found = hits_of(question.search(ordered(scope, 1, newest_first=True)))
    if not found:
        raise NotFound(NOT_FOUND)
    return found[0]


def context(
    question: Question, organisation_id: str, record_id: str, before: int, after: int, same: Collection[str]
) -> LogContext:
    """The neighbours of a record that agree with it in the columns `same`. Raises `NotFound` and like `Question.search`.

    Very large records leave out the farthest neighbours on both sides: the budget of a page holds for all together.
    """
    began = time.perf_counter()
    record = record_at(question, organisation_id, record_id)
    neighbours = _Neighbours(question, organisation_id, record, same)
    earlier = neighbours.nearest(before + 1, newest_first=True)
    later = neighbours.nearest(after + 1, newest_first=False)
    ranked = [(2 * rank - 1, hit) for rank, hit in enumerate(earlier.hits[:before], 1)]
    ranked += [(2 * rank, hit) for rank, hit in enumerate(later.hits[:after], 1)]
    by_rank = [record, *(hit for _, hit in sorted(ranked, key=lambda each: each[0]))]
    found, _ = affordable(question, by_rank)
    if not found or found[0]["id"] != record_id:
        raise NotFound(NOT_FOUND)
    middle, around = found[0], sorted(found[1:], key=lambda each: str(each["id"]))
    shown_before = [each for each in around if each["id"] < record_id]
    shown_after = [each for each in around if each["id"] > record_id]
    return LogContext(
        before=shown_before,
        record=middle,
        after=shown_after,
        has_more_before=len(earlier.hits) > len(shown_before) or not earlier.is_end,
        has_more_after=len(later.hits) > len(shown_after) or not later.is_end,
        took_ms=(time.perf_counter() - began) * 1000,
    )


class _Neighbours:
    """The records that agree with one in some columns, absent like absent.

    A value too long to be indexed is looked for like an absent one, and what is found compared.
    """

    def __init__(self, question: Question, organisation_id: str, record: Hit, same: Collection[str]):
        self._question = question
        self._at = record.position
        self._values = {name: value_of(record.source, name) for name in sorted(same)}
        alike = [_has(KEYWORDS[name], value) for name, value in self._values.items()]
        self._scope = within(organisation_id, {"bool": {"filter": alike}} if alike else {"match_all": {}})
        self._is_exact = all(value is not None and len(value) <= MAX_KEYWORD for value in self._values.values())

    def nearest(self, wanted: int, *, newest_first: bool) -> Found:
        """The first `wanted` of them on one side."""
        found = nearest(self._question, self._scope, wanted, newest_first=newest_first, after=self._at)
        while not self._is_exact:
            agreeing = [hit for hit in found.hits if self._agrees(hit)]
            if len(agreeing) == len(found.hits):
                break
            after = found.hits[-1].position
            more = wanted - len(agreeing)
            if found.is_end or more <= 0:
                return Found(agreeing, found.is_end)
            further = nearest(self._question, self._scope, more, newest_first=newest_first, after=after)
            found = Found(agreeing + further.hits, further.is_end)
        return found

    def _agrees(self, hit: Hit) -> bool:
        return all(value_of(hit.source, name) == value for name, value in self._values.items())


def _has(field: str, value: str | None) -> Mapping[str, Any]:
    if value is None or len(value) > MAX_KEYWORD:
        return {"bool": {"must_not": [{"exists": {"field": field}}]}}
    return {"term": {field: value}}
