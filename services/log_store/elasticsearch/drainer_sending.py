"""One bulk from its records to its answer."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa
from elastic_transport import TransportError
from elasticsearch import ApiError

from services.errors import ElkVisionError
from services.log_store.elasticsearch import bulk
from services.log_store.elasticsearch.bulk import ItemError
from services.log_store.elasticsearch.bulk_failure import Failure, failure_of
from services.log_store.elasticsearch.bulk_lookup import checksums_in_stream
from services.log_store.elasticsearch.documents import Document, documents
from services.log_store.elasticsearch.drainer_answers import Answers, Delivery, OnStored, Shapes
from services.log_store.elasticsearch.drainer_parcels import Parcel, halves
from services.log_store.elasticsearch.drainer_queue import Bulk

__all__ = ["Delivery", "OnStored", "Sending", "Shapes"]

GROUP_ROWS = 5_000
"""Shapes are numbered for so many records at once; a larger frame by itself."""

log = logging.getLogger(__name__)


class Sending:
    """Safe to use from several threads, each with a bulk of its own."""

    def __init__(self, delivery: Delivery):
        self._all = delivery
        self.answers = Answers(delivery)
        self._lock = threading.Lock()
        self._bytes_per_byte = 1.5

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
            self.answers.failed(load.organisation_id, left, replace(failure_of(error), is_unknown=False))
            return
        except Exception as error:  # nothing was sent: a fault with one organisation's records holds up nobody else
            log.exception("records of %s cannot be made ready", load.organisation_id)
            self.answers.set_back(load.organisation_id, f"{type(error).__name__}: {error}")
            self.answers.put_back(load.organisation_id, left, is_unknown=False)
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
            found = iter(self._documents(organisation_id, group, is_typed))
            for parcel in group:
                made[parcel] = replace(parcel, documents=[next(found) for _ in parcel.rows])
        return [made.get(parcel, parcel) for parcel in parcels]

    def number(self, parcels: Sequence[Parcel]) -> None:
        """Give the shapes of whole frames their numbers, in the order of the frames: the same records get the same numbers
        however they are cut into bulks. What fails is tried again with the bulk."""
        for group in _numbered_together(parcels):
            batch = pa.concat_tables([parcel.batch() for parcel in group])
            try:
                found = self._assigned(group[0].organisation_id, batch)
            except Exception as error:  # the bulk will tell; taking from the spool goes on
                self._all.reach.note(f"shapes: {error}")
                continue
            at = 0
            for parcel in group:
                parcel.consignment.shape_ids = found.slice(at, len(parcel.rows))
                at += len(parcel.rows)

    def _assigned(self, organisation_id: str, batch: pa.Table) -> pa.Array:
        return self._all.shapes.assign(organisation_id, batch["source"], batch["shape"])

    def _documents(self, organisation_id: str, parcels: Sequence[Parcel], is_typed: bool) -> list[Document]:
        batch = pa.concat_tables([parcel.batch() for parcel in parcels])
        assign = partial(self._assigned, organisation_id)
        shape_ids = pa.concat_arrays([parcel.shape_ids(assign) for parcel in parcels])
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
        began = time.monotonic()
        try:
            items = bulk.send(self._all.es, stream, body, self._all.timeout_s)
        except Exception as error:  # whatever it is, the request may have been carried out
            self._unsent(organisation_id, parcels, failure_of(error), len(body))
            return
        self._answered(parcels, len(body), time.monotonic() - began)
        self.answers.apply(organisation_id, parcels, bulk.account(items, [document.id for document in made]))

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
                self.answers.refused(
                    organisation_id, parcels[0], [ItemError(status, "request_refused", failure.reason)]
                )
            return
        self.answers.failed(organisation_id, parcels, failure)

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
        return self.answers.compare(organisation_id, made, found)


def _numbered_together(parcels: Sequence[Parcel]) -> Iterator[list[Parcel]]:
    """Neighbours of one organisation, as many as the embedded store would commit at once: both see the same batches."""
    group: list[Parcel] = []
    rows = 0
    for parcel in parcels:
        is_alike = bool(group) and _kind(group[-1]) == _kind(parcel)
        if group and (not is_alike or rows + len(parcel.rows) > GROUP_ROWS):
            yield group
            group, rows = [], 0
        group.append(parcel)
        rows += len(parcel.rows)
    if group:
        yield group


def _kind(parcel: Parcel) -> tuple[str, pa.Schema]:
    return parcel.organisation_id, parcel.consignment.frame.batch.schema
