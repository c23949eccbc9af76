"""One bulk from its records to a definite answer for each, or back to the queue."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pyarrow as pa
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from services.clock import Clock
from services.errors import ElkVisionError
from services.log_store.elasticsearch import bulk
from services.log_store.elasticsearch.bulk import ItemError, Outcome
from services.log_store.elasticsearch.bulk_failure import Failure, failure_of
from services.log_store.elasticsearch.bulk_lookup import checksums_in, checksums_in_stream
from services.log_store.elasticsearch.dead_letters import Append, DeadLetters
from services.log_store.elasticsearch.delivery import DeliveryCounters, Rate
from services.log_store.elasticsearch.documents import Document, documents
from services.log_store.elasticsearch.drainer_ledger import Ledger
from services.log_store.elasticsearch.drainer_parcels import Bulk, DeliveryQueue, Parcel, halves, pieces
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
    clock: Clock
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


class Sending:
    """Safe to use from several threads, each with a bulk of its own."""

    def __init__(self, delivery: Delivery):
        self._all = delivery
        self._lock = threading.Lock()
        self._unanswered_at: dict[str, float] = {}
        self._bytes_per_byte = 1.5

    def unanswered_at(self, organisation_id: str) -> float | None:
        """When (monotonic) a request of the organisation went without an answer last; None where none did."""
        return self._unanswered_at.get(organisation_id)

    def record_bytes(self) -> int:
        """Records of so many bytes make a bulk of the present size, as far as the last bulks tell."""
        return max(1, int(self._all.pace.bulk_bytes / self._bytes_per_byte))

    # -- one bulk ------------------------------------------------------------------------------------------------

    def deliver(self, load: Bulk) -> None:
        """Send it. Whatever happens, each record is settled or back in the queue afterwards."""
        left = list(load.parcels)
        try:
            self._all.streams.ready(load.organisation_id)
            if load.in_doubt:
                left = self._without_stored(load.organisation_id, left)
            left = self._made(load.organisation_id, left)
        except (ApiError, TransportError, ElkVisionError) as error:
            self._failed(load.organisation_id, left, replace(failure_of(error), is_unknown=False))
            return
        except Exception as error:  # nothing was sent: a fault with one organisation's records holds up nobody else
            log.exception("records of %s cannot be made ready", load.organisation_id)
            self._set_back(load.organisation_id, f"{type(error).__name__}: {error}")
            self._put_back(load.organisation_id, left, is_unknown=False)
            return
        if left:
            self._send(load.organisation_id, left)

    def _made(self, organisation_id: str, parcels: Sequence[Parcel]) -> list[Parcel]:
        """With documents. Frames of one record each are made together."""
        alike: defaultdict[Any, list[Parcel]] = defaultdict(list)
        for parcel in parcels:
            if parcel.documents is None:
                alike[parcel.is_typed, parcel.consignment.frame.batch.schema].append(parcel)
        made: dict[Parcel, Parcel] = {}
        for (is_typed, _), group in alike.items():
            batch = pa.concat_tables([parcel.batch() for parcel in group])
            found = iter(self._documents(organisation_id, batch, is_typed))
            for parcel in group:
                made[parcel] = replace(parcel, documents=[next(found) for _ in parcel.rows])
        return [made.get(parcel, parcel) for parcel in parcels]

    def _documents(self, organisation_id: str, batch: pa.Table, is_typed: bool) -> list[Document]:
        shape_ids = self._all.shapes.assign(organisation_id, batch["source"], batch["shape"])
        promotion = self._all.streams.promotion(organisation_id)
        return documents(organisation_id, batch, shape_ids, promotion, typed=is_typed)

    def _send(self, organisation_id: str, parcels: Sequence[Parcel]) -> None:
        """One request; two where it turns out to be too large."""
        made = [document for parcel in parcels for document in parcel.documents or ()]
        body = bulk.body_of(made)
        if len(body) > 2 * self._all.pace.bulk_bytes and len(made) > 1:
            self._send_halves(organisation_id, parcels)
            return
        stream = self._all.streams.name(organisation_id)
        parcels = [replace(each, attempts=each.attempts + 1) for each in parcels]
        began = self._all.clock.monotonic()
        try:
            items = bulk.send(self._all.es, stream, body, self._all.timeout_s)
        except Exception as error:  # whatever it is, the request may have been carried out
            self._unsent(organisation_id, parcels, failure_of(error), len(body))
            return
        self._answered(parcels, len(body), self._all.clock.monotonic() - began)
        self._apply(organisation_id, parcels, bulk.account(items, [document.id for document in made]))

    def _send_halves(self, organisation_id: str, parcels: Sequence[Parcel]) -> None:
        for half in halves(parcels):
            self._send(organisation_id, half)

    def _answered(self, parcels: Sequence[Parcel], size_bytes: int, took_s: float) -> None:
        self._all.reach.answered()
        self._all.pace.answered(size_bytes, took_s)
        self._all.counters.add("bulks")
        self._all.counters.add("bulk_bytes", size_bytes)
        ratio = size_bytes / sum(parcel.size_bytes for parcel in parcels)
        with self._lock:
            self._bytes_per_byte += (min(100.0, max(0.1, ratio)) - self._bytes_per_byte) / 4

    # -- no answer about the documents ---------------------------------------------------------------------------

    def _unsent(self, organisation_id: str, parcels: Sequence[Parcel], failure: Failure, size_bytes: int) -> None:
        """A request that failed as a whole. One that is refused for what it holds is cut down to the record it is for."""
        if failure.is_too_large:
            self._all.pace.too_large(size_bytes)
        if failure.is_for_size_or_content:
            if sum(len(parcel.rows) for parcel in parcels) > 1:
                self._send_halves(organisation_id, parcels)
            else:
                status = 413 if failure.is_too_large else 400
                self._refused(organisation_id, parcels[0], [ItemError(status, "request_refused", failure.reason)])
            return
        self._failed(organisation_id, parcels, failure)

    def _failed(self, organisation_id: str, parcels: Sequence[Parcel], failure: Failure) -> None:
        self._all.counters.add("failed_bulks")
        if failure.is_missing_stream:
            self._all.streams.forget(organisation_id)
        if failure.scope == "server":
            self._all.reach.failed(failure.reason)
            if failure.is_busy:
                self._all.pace.refused()
            else:
                self._all.pace.failed()
        else:
            self._set_back(organisation_id, failure.reason)
        self._put_back(organisation_id, parcels, is_unknown=failure.is_unknown)

    def _put_back(self, organisation_id: str, parcels: Sequence[Parcel], *, is_unknown: bool) -> None:
        if not parcels:
            return
        if is_unknown:
            self._unanswered_at[organisation_id] = self._all.clock.monotonic()
            parcels = [replace(parcel, in_doubt=True) for parcel in parcels]
        self._all.counters.add("retried", sum(len(parcel.rows) for parcel in parcels))
        self._all.queue.put_back(parcels)

    def _set_back(self, organisation_id: str, reason: str) -> None:
        delay_s = self._all.backoff.after(self._all.queue.failures(organisation_id))
        self._all.reach.note(f"{organisation_id}: {reason}")
        self._all.queue.set_back(organisation_id, delay_s, reason)

    # -- what the answer says ------------------------------------------------------------------------------------

    def _apply(self, organisation_id: str, parcels: Sequence[Parcel], outcome: Outcome) -> None:
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
        self._set_back(organisation_id, _told(error))
        self._put_back(organisation_id, pieces(parcels, sorted(outcome.unknown)), is_unknown=True)
        self._put_back(organisation_id, pieces(parcels, sorted(outcome.retry)), is_unknown=False)

    def _apply_refusals(self, organisation_id: str, parcels: Sequence[Parcel], outcome: Outcome) -> None:
        positions = sorted(outcome.unfit + outcome.rejected)
        if not positions:
            return
        errors = iter([outcome.errors[at] for at in positions])
        for parcel in pieces(parcels, positions):
            self._refused(organisation_id, parcel, [next(errors) for _ in parcel.rows])

    def _refused(self, organisation_id: str, parcel: Parcel, errors: Sequence[ItemError]) -> None:
        """What is refused for what it is gets a second chance without fields of its own."""
        if parcel.is_typed and all(error.status == 400 for error in errors):
            self._all.counters.add("refitted", len(parcel.rows))
            self._all.queue.put_back([parcel.untyped()])
            return
        ids = [document.id for document in parcel.documents or ()]
        try:
            self._all.dead_letters.add(organisation_id, parcel.batch(), ids, errors, parcel.attempts)
        except ElkVisionError as full:
            self._set_back(organisation_id, str(full))
            self._put_back(organisation_id, [parcel], is_unknown=False)
            return
        first = errors[0]
        log.error("%d records of %s are refused: %s: %s", len(ids), organisation_id, first.type, first.reason[:300])
        self._all.counters.add("dead_letters", len(ids))
        self._all.ledger.settle(organisation_id, [parcel])

    # -- what was there before -----------------------------------------------------------------------------------

    def _without_stored(self, organisation_id: str, parcels: Sequence[Parcel]) -> list[Parcel]:
        """What is left to be sent of parcels in doubt.

        `create` alone would not do: it sees only the index that is written to now, and whoever asks first which one
        that is may hear of a new one only when the record is in it twice.
        """
        made = self._made(organisation_id, parcels)
        ids = [document.id for parcel in made for document in parcel.documents or ()]
        found = checksums_in_stream(self._all.es, self._all.streams.name(organisation_id), ids)
        self._all.counters.add("looked_up", len(ids))
        return self._compare(organisation_id, made, found)

    def _apply_existing(self, organisation_id: str, parcels: Sequence[Parcel], outcome: Outcome) -> None:
        there = pieces(parcels, outcome.existing)
        ids = [document.id for parcel in there for document in parcel.documents or ()]
        places = {identity: outcome.errors[at].index for identity, at in zip(ids, outcome.existing, strict=True)}
        try:
            found = checksums_in(self._all.es, places)
        except (ApiError, TransportError) as error:
            self._failed(organisation_id, there, replace(failure_of(error), is_unknown=True))
            return
        missing = self._compare(organisation_id, there, found)
        if missing:
            self._set_back(organisation_id, "a record that was said to be stored is not found")
            self._put_back(organisation_id, missing, is_unknown=True)

    def _compare(self, organisation_id: str, parcels: Sequence[Parcel], found: dict[str, str]) -> list[Parcel]:
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
            self._set_back(organisation_id, str(error))
            self._put_back(organisation_id, [parcel], is_unknown=True)
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
