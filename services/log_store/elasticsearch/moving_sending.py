"""Sends one portion of records that move, until the server has said of every one that it is stored.

An id is unique in one index only, so the whole stream is looked through before anything is sent, and again whenever an
answer was lost.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from services.errors import BackendUnavailable
from services.log_store.elasticsearch.bulk import Outcome, account, body_of, send
from services.log_store.elasticsearch.bulk_failure import failure_of
from services.log_store.elasticsearch.bulk_lookup import checksums_in_stream
from services.log_store.elasticsearch.documents import Document

BULK_BYTES = 8 << 20
TRIES = 8
"""Attempts in a row that bring nothing forward, before it is given up: about two minutes."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0

log = logging.getLogger(__name__)


class Made(Protocol):
    """Makes the documents of the portion; `typed` as in `documents.documents`."""

    def __call__(self, *, typed: bool) -> list[Document]: ...


class Sending:
    """One portion on its way. `sent_bytes` counts what was sent, again where it was sent again."""

    def __init__(self, es: Elasticsearch, stream: str, made: Made, timeout_s: float):
        self.sent_bytes = 0
        self._es = es
        self._stream = stream
        self._made = made
        self._timeout_s = timeout_s
        self._bulk_bytes = BULK_BYTES
        self._left = {each.id: each for each in made(typed=True)}
        self._untyped: set[str] = set()
        self._refused = 0
        self._reason = ""

    def run(self) -> int:
        """How many of the records the stream did not have, and has now. Raises `BackendUnavailable` when given up."""
        absent: int | None = None
        failed = 0
        while self._left:
            before = len(self._left), len(self._untyped)
            if self._look() and absent is None:
                absent = len(self._left)
            if absent is not None:
                self._send_all()
            failed = 0 if (len(self._left), len(self._untyped)) != before else failed + 1
            if failed == TRIES:
                raise BackendUnavailable(f"Elasticsearch takes no records: {self._reason}")
            if self._left and len(self._untyped) == before[1]:
                time.sleep(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**failed))
        return (absent or 0) - self._refused

    def _look(self) -> bool:
        """Leave out what the stream has; False where it could not be asked."""
        try:
            present = checksums_in_stream(self._es, self._stream, list(self._left))
        except (ApiError, TransportError) as error:
            self._reason = failure_of(error).reason
            return False
        for identity, checksum in present.items():
            if self._left.pop(identity).checksum != checksum:
                log.warning("%s is in %s with other content", identity, self._stream)
        return True

    def _send_all(self) -> None:
        for bulk in _bulks(list(self._left.values()), self._bulk_bytes):
            body = body_of(bulk)
            self.sent_bytes += len(body)
            try:
                items = send(self._es, self._stream, body, self._timeout_s)
            except (ApiError, TransportError) as error:
                self._failed(bulk, error)
                return
            self._account(bulk, account(items, [each.id for each in bulk]))

    def _account(self, bulk: Sequence[Document], outcome: Outcome) -> None:
        for position in (*outcome.stored, *outcome.existing):
            del self._left[bulk[position].id]
        for position in outcome.rejected:
            self._refuse(bulk[position].id, outcome.errors[position].reason)
        if outcome.unfit:
            self._leave_out_fields({bulk[position].id for position in outcome.unfit})
        for error in outcome.errors.values():
            self._reason = f"{error.status} {error.reason}"

    def _failed(self, bulk: Sequence[Document], error: ApiError | TransportError) -> None:
        failure = failure_of(error)
        self._reason = failure.reason
        if not failure.is_for_size_or_content:
            return
        if len(bulk) == 1:
            self._refuse(bulk[0].id, failure.reason)
        self._bulk_bytes = max(1, self._bulk_bytes // 4)

    def _refuse(self, identity: str, reason: str) -> None:
        del self._left[identity]
        self._refused += 1
        log.warning("%s was refused by %s: %s", identity, self._stream, reason)

    def _leave_out_fields(self, ids: set[str]) -> None:
        """One field more than the index may have: the same is found without fields for numbers and addresses."""
        self._untyped |= ids
        self._left |= {each.id: each for each in self._made(typed=False) if each.id in ids}


def _bulks(documents: Sequence[Document], most_bytes: int) -> Iterator[list[Document]]:
    bulk: list[Document] = []
    size = 0
    for each in documents:
        if bulk and size + len(each.body) > most_bytes:
            yield bulk
            bulk, size = [], 0
        bulk.append(each)
        size += len(each.body)
    if bulk:
        yield bulk
