"""Totals of searches whose candidates are checked here, kept for the pages that follow: to count is to read them all."""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from services.log_store.elasticsearch.cancelling import Question
from services.query.elastic_fields import SEQUENCE
from services.query.tree import Query

MOST = 1_000
"""Totals that are kept."""


@dataclass(frozen=True)
class Counted:
    """How many of the candidates matched.

    candidates  how many there were; last_seq: the highest seq of them, where all were looked at
    is_partial  only the first ones were looked at
    """

    total: int
    candidates: int
    last_seq: int
    is_partial: bool


class Totals:
    """The last `MOST` totals. Safe to use from several threads."""

    def __init__(self, most: int = MOST):
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, Counted] = OrderedDict()

    def keep(self, key: bytes, counted: Counted) -> None:
        """Remember what was counted; the one that was asked for longest ago is forgotten."""
        with self._lock:
            self._kept[key] = counted
            self._kept.move_to_end(key)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def of(self, key: bytes, question: Question, scope: Mapping[str, Any]) -> Counted | None:
        """What was counted, where the candidates are still the same. Raises like `Question.search`."""
        with self._lock:
            counted = self._kept.get(key)
            if counted is not None:
                self._kept.move_to_end(key)
        return counted if counted is not None and _is_still(counted, question, scope) else None


def key_of(organisation_id: str, scope: Mapping[str, Any], residual: Query, *, newest_first: bool) -> bytes:
    """What tells one search from another; of what is looked at in part, the order too."""
    said = json.dumps([organisation_id, scope, repr(residual), newest_first])
    return blake2b(said.encode(), digest_size=16).digest()


def _is_still(counted: Counted, question: Question, scope: Mapping[str, Any]) -> bool:
    """Records never change: as many candidates as before, with the same last seq, are taken for the same ones.

    Of a partial total the number will do.
    """
    if counted.is_partial:
        return question.count(scope) == counted.candidates
    body = {
        "query": scope,
        "size": 1,
        "sort": [{SEQUENCE: "desc"}],
        "stored_fields": "_none_",
        "track_total_hits": True,
    }
    found = question.search(body)["hits"]
    last_seq = found["hits"][0]["sort"][0] if found["hits"] else -1
    return (found["total"]["value"], last_seq) == (counted.candidates, counted.last_seq)
