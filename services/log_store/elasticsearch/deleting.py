"""Removing records: by query where the server finds them exactly, by address where candidates are checked here.

In slices of a bounded size, each of them refreshed: an answer that does not come leaves at most one slice in doubt, and
nothing of what was counted is found afterwards. Records never change, so a conflict means that somebody else removed one.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from services.errors import BackendUnavailable
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.candidates import Candidates
from services.log_store.elasticsearch.paging import Hit
from services.log_store.elasticsearch.residual import Check, columns_of
from services.query.tree import Query

SLICE_RECORDS = 50_000
SLICE_TIMEOUT_S = 300.0
DELETE_TIMEOUT_S = 6 * 3600.0
"""Of one deletion as a whole; what was removed until then stays removed."""

_READ_AT_ONCE = 2_000
_VAIN_ROUNDS = 5
_WAIT_S = 0.2
_UNFINISHED = "Elasticsearch could not remove all of the records. Try again: what was removed stays removed."


def delete_matching(question: Question, scope: Mapping[str, Any], slice_records: int = SLICE_RECORDS) -> int:
    """Remove the records of `scope`, which all match; says how many. Raises like `Question.search`."""
    deleted: int = 0
    vain_rounds = 0
    while True:
        answer = question.send(
            SLICE_TIMEOUT_S,
            lambda client: client.options(max_retries=0).delete_by_query(
                index=question.stream,
                query=scope,
                max_docs=slice_records,
                scroll_size=min(_READ_AT_ONCE, slice_records),
                conflicts="proceed",
                refresh=True,
            ),
        )
        deleted += answer["deleted"]
        if answer["failures"] or answer["timed_out"]:
            raise BackendUnavailable(_UNFINISHED)
        if answer["deleted"] + answer["version_conflicts"] < slice_records and not answer["version_conflicts"]:
            return deleted
        vain_rounds = 0 if answer["deleted"] else vain_rounds + 1
        if vain_rounds > _VAIN_ROUNDS:
            raise BackendUnavailable(_UNFINISHED)
        if vain_rounds:
            time.sleep(_WAIT_S)


def delete_checked(question: Question, check: Check, scope: Mapping[str, Any], residual: Query) -> int:
    """Remove the records of `scope` that match `residual`, however many candidates there are; says how many.

    Raises like `Question.search`.
    """
    deleted = 0
    for chunk in Candidates(question, scope, columns_of(residual), most=None, time_share=1.0):
        matches = check.matches(chunk)
        if matches:
            deleted += _delete(question, matches)
    if deleted:
        question.send(SLICE_TIMEOUT_S, lambda client: client.indices.refresh(index=question.stream))
    return deleted


def _delete(question: Question, hits: Sequence[Hit]) -> int:
    deleted, left = 0, list(hits)
    for _ in range(_VAIN_ROUNDS):
        states = _delete_once(question, left)
        deleted += states.count(200)
        left = [hit for hit, state in zip(left, states, strict=True) if state not in (200, 404)]
        if not left:
            return deleted
        time.sleep(_WAIT_S)
    raise BackendUnavailable(_UNFINISHED)


def _delete_once(question: Question, hits: Sequence[Hit]) -> list[int]:
    operations = [{"delete": {"_index": hit.index, "_id": hit.id}} for hit in hits]
    answer = question.send(SLICE_TIMEOUT_S, lambda client: client.bulk(operations=operations))
    return [item["delete"]["status"] for item in answer["items"]]
