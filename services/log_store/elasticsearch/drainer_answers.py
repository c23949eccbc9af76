"""What becomes of each record of a bulk: settled, put back, refused."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import pyarrow as pa
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from services.errors import ElkVisionError
from services.log_store.elasticsearch.bulk import ItemError, Outcome
from services.log_store.elasticsearch.bulk_failure import Failure, failure_of
from services.log_store.elasticsearch.bulk_lookup import checksums_in
from services.log_store.elasticsearch.dead_letters import Append, DeadLetters
from services.log_store.elasticsearch.delivery import DeliveryCounters, Rate
from services.log_store.elasticsearch.drainer_ledger import Ledger
from services.log_store.elasticsearch.drainer_parcels import Parcel, pieces
from services.log_store.elasticsearch.drainer_queue import DeliveryQueue
from services.log_store.elasticsearch.drainer_streams import Streams
from services.log_store.elasticsearch.pace import Backoff, Pace
from services.log_store.elasticsearch.pace_reach import Reach
from services.log_store.interface import Idempotency
from services.model import LOG_SCHEMA, LogBatch

OnStored = Callable[[str, LogBatch], None]

log = logging.getLogger(__name__)


class Shapes(Protocol):
    """What is needed of the dictionary; see `shapes.ShapeDictionary`."""

    def assign(self, organisation_id: str, sources: pa.ChunkedArray, shapes: pa.ChunkedArray) -> pa.Array: ...


@dataclass(frozen=True)
class Delivery:
    """The parts that work on one delivery. `append` is the spool's; `backoff` makes one for an organisation."""

    es: Elasticsearch
    timeout_s: float
    queue: DeliveryQueue
    ledger: Ledger
    streams: Streams
    shapes: Shapes
    pace: Pace
    reach: Reach
    backoff: Backoff
    dead_letters: DeadLetters
    counters: DeliveryCounters
    rate: Rate
    append: Append
    on_stored: OnStored | None


class Answers:
    """Safe to use from several threads, each with parcels of its own."""

    def __init__(self, delivery: Delivery):
        self._all = delivery
        self._unanswered_at: dict[str, float] = {}

    def unanswered_at(self, organisation_id: str) -> float | None:
        """When (monotonic) a request of the organisation went without an answer last; None where none did."""
        return self._unanswered_at.get(organisation_id)

    # -- back to the queue ---------------------------------------------------------------------------------------

    def failed(self, organisation_id: str, parcels: Sequence[Parcel], failure: Failure) -> None:
        """A request came to nothing: whose trouble it is decides who waits."""
        self._all.counters.add("failed_bulks")
        if failure.is_missing_stream:
            self._all.streams.forget(organisation_id)
        if failure.scope == "server":
            self._all.reach.failed(failure.reason)
            if failure.is_busy:
                self._all.pace.refused()
            else:
                self._all.pace.failed()
                self._all.streams.forget_all()
        else:
            self.set_back(organisation_id, failure.reason)
        self.put_back(organisation_id, parcels, is_unknown=failure.is_unknown)

    def put_back(self, organisation_id: str, parcels: Sequence[Parcel], *, is_unknown: bool) -> None:
        """To be sent again; `is_unknown` where they may be stored."""
        if not parcels:
            return
        if is_unknown:
            self._unanswered_at[organisation_id] = time.monotonic()
            parcels = [replace(parcel, in_doubt=True) for parcel in parcels]
        self._all.counters.add("retried", sum(len(parcel.rows) for parcel in parcels))
        self._all.queue.put_back(parcels)

    def set_back(self, organisation_id: str, reason: str) -> None:
        """The organisation waits by itself, longer each time."""
        delay_s = self._all.backoff.after(self._all.queue.failures(organisation_id))
        self._all.reach.note(f"{organisation_id}: {reason}")
        self._all.queue.set_back(organisation_id, delay_s, reason)

    # -- what the answer says ------------------------------------------------------------------------------------

    def apply(self, organisation_id: str, parcels: Sequence[Parcel], outcome: Outcome) -> None:
        """Do what the answer to a bulk of these parcels says."""
        if outcome.stored:
            self._settle(organisation_id, pieces(parcels, outcome.stored), "delivered")
        if len(outcome.stored) == sum(len(parcel.rows) for parcel in parcels):
            self._all.queue.set_right(organisation_id)
            return
        self._apply_retries(organisation_id, parcels, outcome)
        self._apply_refusals(organisation_id, parcels, outcome)
        if outcome.existing:
            self._apply_existing(organisation_id, parcels, outcome)

    def _apply_retries(self, organisation_id: str, parcels: Sequence[Parcel], outcome: Outcome) -> None:
        again = sorted(outcome.retry + outcome.unknown)
        if not again:
            self._all.queue.set_right(organisation_id)
            return
        error = next((outcome.errors[at] for at in again if at in outcome.errors), None)
        if any(outcome.errors[at].is_missing_stream for at in outcome.retry):
            self._all.streams.forget(organisation_id)
        if any(error.status == 429 and not error.is_block for error in outcome.errors.values()):
            self._all.pace.refused()
        self.set_back(organisation_id, _told(error))
        self.put_back(organisation_id, pieces(parcels, sorted(outcome.unknown)), is_unknown=True)
        self.put_back(organisation_id, pieces(parcels, sorted(outcome.retry)), is_unknown=False)

    def _apply_refusals(self, organisation_id: str, parcels: Sequence[Parcel], outcome: Outcome) -> None:
        positions = sorted(outcome.unfit + outcome.rejected)
        if not positions:
            return
        errors = iter([outcome.errors[at] for at in positions])
        for parcel in pieces(parcels, positions):
            self.refused(organisation_id, parcel, [next(errors) for _ in parcel.rows])

    def refused(self, organisation_id: str, parcel: Parcel, errors: Sequence[ItemError]) -> None:
        """What is refused for what it is gets a second chance without fields of its own."""
        if parcel.is_typed and all(error.status == 400 for error in errors):
            self._all.counters.add("refitted", len(parcel.rows))
            self._all.queue.put_back([parcel.untyped()])
            return
        ids = [document.id for document in parcel.documents or ()]
        try:
            self._all.dead_letters.add(organisation_id, parcel.batch(), ids, errors, parcel.attempts)
        except ElkVisionError as full:
            self.set_back(organisation_id, str(full))
            self.put_back(organisation_id, [parcel], is_unknown=False)
            return
        first = errors[0]
        log.error("%d records of %s are refused: %s: %s", len(ids), organisation_id, first.type, first.reason[:300])
        self._all.counters.add("dead_letters", len(ids))
        self._all.ledger.settle(organisation_id, [parcel])

    # -- what was there before -----------------------------------------------------------------------------------

    def _apply_existing(self, organisation_id: str, parcels: Sequence[Parcel], outcome: Outcome) -> None:
        there = pieces(parcels, outcome.existing)
        ids = [document.id for parcel in there for document in parcel.documents or ()]
        places = {identity: outcome.errors[at].index for identity, at in zip(ids, outcome.existing, strict=True)}
        try:
            found = checksums_in(self._all.es, places)
        except (ApiError, TransportError) as error:
            self.failed(organisation_id, there, replace(failure_of(error), is_unknown=True))
            return
        missing = self.compare(organisation_id, there, found)
        if missing:
            self.set_back(organisation_id, "a record that was said to be stored is not found")
            self.put_back(organisation_id, missing, is_unknown=True)

    def compare(self, organisation_id: str, parcels: Sequence[Parcel], found: dict[str, str]) -> list[Parcel]:
        """Settle what is stored, give a new id to what another record has the id of; the parcels that are not there."""
        made = [document for parcel in parcels for document in parcel.documents or ()]
        same = [at for at, document in enumerate(made) if found.get(document.id) == document.checksum]
        missing = [at for at, document in enumerate(made) if document.id not in found]
        other = sorted(set(range(len(made))) - set(same) - set(missing))
        if same:
            self._settle(organisation_id, pieces(parcels, same), "found_there")
        for at in other:
            self._renew(organisation_id, pieces(parcels, [at])[0])
        return pieces(parcels, missing) if missing else []

    def _renew(self, organisation_id: str, parcel: Parcel) -> None:
        """Another record has the id of this one: it goes to the spool again, once however often a kill comes."""
        document = (parcel.documents or ())[0]
        log.error("another record of %s is stored under the id %s", organisation_id, document.id)
        again = Idempotency(f"elkvision-conflict:{document.id}", document.checksum)
        try:
            self._all.append(organisation_id, parcel.batch().select(LOG_SCHEMA.names), again, None)
        except ElkVisionError as error:
            self.set_back(organisation_id, str(error))
            self.put_back(organisation_id, [parcel], is_unknown=True)
            return
        self._all.counters.add("conflicts")
        self._all.ledger.settle(organisation_id, [parcel])

    # -- stored --------------------------------------------------------------------------------------------------

    def _settle(self, organisation_id: str, parcels: Sequence[Parcel], counter: str) -> None:
        records = sum(len(parcel.rows) for parcel in parcels)
        self._all.counters.add(counter, records)
        self._all.rate.add(records)
        self._all.ledger.settle(organisation_id, parcels)
        if self._all.on_stored is not None:
            for batch in _batches(parcels):
                self._tell(organisation_id, batch)

    def _tell(self, organisation_id: str, batch: LogBatch) -> None:
        try:
            if self._all.on_stored is not None:
                self._all.on_stored(organisation_id, batch)
        except Exception:  # a listener's fault is not the drainer's
            log.exception("a listener failed on stored records of %s", organisation_id)


def _told(error: ItemError | None) -> str:
    return f"{error.status} {error.type}: {error.reason}"[:300] if error else "an answer that does not fit the request"


def _batches(parcels: Sequence[Parcel]) -> Iterator[LogBatch]:
    """The records of all parcels, in as few tables as their schemas allow."""
    alike: defaultdict[pa.Schema, list[pa.Table]] = defaultdict(list)
    for parcel in parcels:
        batch = parcel.batch()
        alike[batch.schema].append(batch)
    for tables in alike.values():
        yield pa.concat_tables(tables)
