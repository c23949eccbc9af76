"""What is told of the problems of an upload: the first with their lines, and how many there are of each kind.

One document per upload, bounded whatever a file holds: `kept` is certain; `open` belongs to the chunk that was stored
last, or to one that was not stored in the end, and is believed when the upload's position has reached it; `silent` is
the last position at which something was told without a record.
"""

import dataclasses
import json
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from services.documents.interface import Document, DocumentStore
from services.errors import CallerError, NotFound
from services.ingest.pipeline import Chunk, LineProblem

PROBLEMS = "upload_problems"
LISTED_PROBLEMS = 500
LISTED_BYTES = 400_000
KINDS = 100
REASON_CHARACTERS = 200
OTHER = "other"
"""Counts what is of none of the `KINDS` that came first."""

log = logging.getLogger(__name__)

_Part = dict[str, Any]


def capped(reasons: Mapping[str, int], known: Mapping[str, int] | None = None) -> dict[str, int]:
    """`known` and `reasons` counted together, as at most `KINDS` kinds of at most `REASON_CHARACTERS`, and `OTHER`."""
    counted = Counter(known or {})
    shortened: Counter[str] = Counter()
    for reason, count in reasons.items():
        shortened[reason[:REASON_CHARACTERS]] += count
    for reason, count in shortened.most_common():
        is_counted = reason in counted or len(counted) - (OTHER in counted) < KINDS
        counted[reason if is_counted else OTHER] += count
    return dict(counted)


class UploadProblems:
    """The documents that the top of this file describes."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def add(self, organisation_id: str, upload_id: str, chunk: Chunk, position: int) -> None:
        """Tell of a chunk that is about to be stored, behind `position`. What cannot be told is logged, not raised."""
        document = _settled(self._get(organisation_id, upload_id), position)
        if not len(chunk.batch) and chunk.position <= document["silent"]:
            return  # it is read again after a restart, as it has no record that would say that it was
        told = _part(chunk, document["kept"])
        if len(chunk.batch):
            document["open"] = told
        else:
            document |= {"kept": _together(document["kept"], told), "silent": chunk.position}
        try:
            self._documents.put(organisation_id, PROBLEMS, upload_id, document)
        except CallerError:
            log.exception("the problems of upload %s cannot be listed", upload_id)

    def settle(self, organisation_id: str, upload_id: str, position: int) -> None:
        """Forget what was told of a chunk that was not stored in the end: reading begins at `position`."""
        document = self._get(organisation_id, upload_id)
        if document["open"] is not None:
            self._documents.put(organisation_id, PROBLEMS, upload_id, _settled(document, position))

    def listed(self, organisation_id: str, upload_id: str) -> list[LineProblem]:
        """The first problems, in the order of the lines."""
        return [LineProblem(*each) for part in self._parts(organisation_id, upload_id) for each in part["problems"]]

    def reasons(self, organisation_id: str, upload_id: str) -> dict[str, int]:
        """How many problems there are of each kind."""
        found: dict[str, int] = {}
        for part in self._parts(organisation_id, upload_id):
            found = capped(part["reasons"], found)
        return found

    def _parts(self, organisation_id: str, upload_id: str) -> list[_Part]:
        document = self._get(organisation_id, upload_id)
        return [part for part in (document["kept"], document["open"]) if part is not None]

    def _get(self, organisation_id: str, upload_id: str) -> Document:
        nothing: Document = {"id": upload_id, "kept": {"problems": [], "reasons": {}}, "open": None, "silent": -1}
        try:
            return nothing | self._documents.get(organisation_id, PROBLEMS, upload_id)
        except NotFound:
            return nothing


def _settled(document: Document, position: int) -> Document:
    part = document["open"]
    is_stored = part is not None and part["position"] <= position
    kept = _together(document["kept"], part) if is_stored else document["kept"]
    return document | {"kept": kept, "open": None}


def _together(kept: _Part, part: _Part) -> _Part:
    return {"problems": kept["problems"] + part["problems"], "reasons": capped(part["reasons"], kept["reasons"])}


def _part(chunk: Chunk, kept: _Part) -> _Part:
    """What a chunk adds; no more problems than there is room for."""
    listed: list[Any] = []
    room, room_bytes = LISTED_PROBLEMS - len(kept["problems"]), LISTED_BYTES - len(json.dumps(kept["problems"]))
    for problem in chunk.problems[: max(0, room)]:
        said = dataclasses.astuple(shortened(problem))
        room_bytes -= len(json.dumps(said))
        if room_bytes < 0:
            break
        listed.append(said)
    return {"position": chunk.position, "problems": listed, "reasons": capped(chunk.reasons)}


def shortened(problem: LineProblem) -> LineProblem:
    """The problem with a reason that fits into a list."""
    return dataclasses.replace(problem, reason=problem.reason[:REASON_CHARACTERS])
