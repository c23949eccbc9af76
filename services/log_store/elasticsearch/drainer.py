"""Takes frames from the spool and sees to it that each of their records is stored once, or kept as a dead letter.

A record leaves only with a definite answer about itself:
    created                     stored
    its id is there, with the same content   stored by an attempt whose answer was lost
    its id is there, with other content      an alarm; it gets a new id, through the spool
    refused for what it is      once more without fields of its own, then a dead letter
    refused for the moment      sent again
    no answer                   looked for in the whole stream, then sent again: the server refuses a second document of
                                an id within one index, and the stream may have got another index meanwhile
`on_stored` is told of each record once in the life of a process, also of one that an earlier process had sent: who
was told by that one knows the id.
"""

import logging
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from services.clock import Clock
from services.errors import QuotaExceeded
from services.log_store.elasticsearch.connection import ElasticSettings
from services.log_store.elasticsearch.dead_letters import Append, DeadLetters
from services.log_store.elasticsearch.delivery import DeliveryCounters, DeliveryState, HeldBack, Rate
from services.log_store.elasticsearch.drainer_ledger import Ledger
from services.log_store.elasticsearch.drainer_queue import DeliveryQueue
from services.log_store.elasticsearch.drainer_sending import Delivery, OnStored, Sending, Shapes
from services.log_store.elasticsearch.drainer_streams import Streams
from services.log_store.elasticsearch.frame import Frame
from services.log_store.elasticsearch.freshness import Freshness
from services.log_store.elasticsearch.pace import MOST_CONCURRENCY, Backoff, Pace
from services.log_store.elasticsearch.pace_reach import Reach
from services.log_store.elasticsearch.promotion import Promotion
from services.log_store.elasticsearch.spool_owed import Pending

TAKE_BYTES = 8 << 20
_WAIT_S = 0.25
_PROBE_TIMEOUT_S = 5.0
_RETRY_AFTER_S = 30

HELD_BACK_BYTES = 32 << 20
"""Records in memory of one organisation whose stream takes nothing. Beyond, its writes are refused until it does: the spool
is read in order, and what it has of this organisation comes before what others write later."""

ALL_HELD_BACK_BYTES = 8 * HELD_BACK_BYTES
"""The same of all organisations. Beyond, nothing more is taken from the spool."""

LATE_S = 300.0
"""So long after a request was given up without an answer it may still be carried out."""

log = logging.getLogger(__name__)


class Source(Protocol):
    """What is needed of the spool; see `spool.Spool`."""

    @property
    def append(self) -> Append: ...
    def take(self, max_bytes: int, wait_s: float) -> Sequence[Frame]: ...
    def done(self, frames: Sequence[Frame]) -> None: ...
    def pending(self, organisation_id: str | None = None) -> Pending: ...


class Drainer:
    """Threads that deliver, from `start` to `stop`. What is not delivered by then stays on the spool."""

    def __init__(
        self,
        spool: Source,
        es: Elasticsearch,
        settings: ElasticSettings,
        shapes: Shapes,
        freshness: Freshness,
        dead_letters: DeadLetters,
        counters: DeliveryCounters,
        clock: Clock,
        on_stored: OnStored | None,
        rng: random.Random | None = None,
    ):
        self._spool = spool
        self._es = es
        self._clock = clock
        self._dead_letters = dead_letters
        self._stopping = threading.Event()
        self._is_replaying = True
        self._threads: list[threading.Thread] = []
        self._queue = DeliveryQueue()
        self._ledger = Ledger(spool.done, freshness.delivered)
        self._streams = Streams(es, settings)
        self._pace = Pace(clock)
        self._rate = Rate(clock)
        backoff = Backoff(rng or random.Random())  # noqa: S311 - spreads attempts, keeps no secret
        self._reach = Reach(clock, backoff, self._probe)
        self._sending = Sending(
            Delivery(
                es=es,
                timeout_s=settings.timeout_s,
                queue=self._queue,
                ledger=self._ledger,
                streams=self._streams,
                shapes=shapes,
                pace=self._pace,
                reach=self._reach,
                backoff=backoff,
                dead_letters=dead_letters,
                counters=counters,
                rate=self._rate,
                append=spool.append,
                on_stored=on_stored,
            )
        )

    def start(self) -> None:
        """Begin to deliver, what an earlier process left first."""
        targets = [("log-delivery", self._take)]
        targets += [(f"log-delivery-{number}", self._send) for number in range(MOST_CONCURRENCY)]
        self._threads = [threading.Thread(target=target, name=name, daemon=True) for name, target in targets]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """Finish the bulks that are on their way, for at most `timeout_s`. Safe to call again."""
        self._stopping.set()
        self._queue.wake()
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    # -- what others ask -----------------------------------------------------------------------------------------

    def state(self) -> DeliveryState:
        """How delivery goes at this moment."""
        pending = self._spool.pending()
        now = self._clock.now()
        return DeliveryState(
            records=pending.records,
            size_bytes=pending.size_bytes,
            lag_s=max(0.0, (now - pending.oldest_at).total_seconds()) if pending.oldest_at else 0.0,
            rate_per_s=self._rate.per_s(),
            concurrency=self._pace.concurrency,
            bulk_bytes=self._pace.bulk_bytes,
            is_reachable=self._reach.failing_since is None,
            failing_since=self._reach.failing_since,
            last_error=self._reach.last_error,
            last_error_at=self._reach.last_error_at,
            in_doubt=self._queue.records_in_doubt(),
            held_back=self._held_back(now),
            dead_letters=self._dead_letters.counts(),
        )

    def _held_back(self, now: datetime) -> dict[str, HeldBack]:
        monotonic = time.monotonic()
        return {
            organisation_id: HeldBack(each.reason, now - timedelta(seconds=monotonic - each.failing_since))
            for organisation_id, each in self._queue.troubles().items()
        }

    def require_room(self, organisation_id: str) -> None:
        """Raises `QuotaExceeded` where the organisation's own stream takes nothing and much waits for it already."""
        size_bytes, reason = self._queue.held_back(organisation_id)
        if size_bytes > HELD_BACK_BYTES:
            raise QuotaExceeded(
                f"Elasticsearch takes no records of this organisation at present ({reason}). Try again later.",
                retry_after_s=_RETRY_AFTER_S,
            )

    def promotion(self, organisation_id: str) -> Promotion:
        """Which attributes of the organisation have fields of their own, as far as this process knows."""
        return self._streams.promotion(organisation_id)

    def is_in_doubt(self, organisation_id: str) -> bool:
        """Whether a record of it may be stored without our knowing: its stream must not get a new index now.

        That is so while frames of an earlier process are left, and for `LATE_S` after a request without an answer.
        """
        unanswered_at = self._sending.answers.unanswered_at(organisation_id)
        is_recent = unanswered_at is not None and time.monotonic() < unanswered_at + LATE_S
        return self._is_replaying or is_recent or self._queue.is_in_doubt(organisation_id)

    @contextmanager
    def held(self, organisation_id: str, timeout_s: float = 60.0) -> Iterator[bool]:
        """Nothing of the organisation is sent inside; gives False where a bulk is still on its way after `timeout_s`."""
        try:
            yield self._queue.hold(organisation_id, timeout_s)
        finally:
            self._queue.release(organisation_id)

    def redrive(self, organisation_id: str, ids: Sequence[str] | None = None) -> int:
        """Send dead letters again (None: all); says how many. Raises like `DeadLetters.redrive`."""
        return self._dead_letters.redrive(organisation_id, self._spool.append, ids)

    # -- threads -------------------------------------------------------------------------------------------------

    def _take(self) -> None:
        self._resume_redrives()
        while not self._stopping.is_set():
            if not self._wants_more():
                self._queue.wait(_WAIT_S)
                continue
            try:
                frames = self._spool.take(TAKE_BYTES, _WAIT_S)
            except Exception as error:  # without this thread nothing is delivered any more
                self._reach.note(str(error))
                log.error("the spool cannot be read", exc_info=error)
                self._stopping.wait(_WAIT_S)
                continue
            self._is_replaying = self._is_replaying and bool(frames) and frames[-1].in_doubt
            parcels = [self._ledger.take_in(frame) for frame in frames]
            self._sending.number(parcels)
            self._queue.put(parcels)

    def _wants_more(self) -> bool:
        """One bulk waits while others are on their way: more would not be faster, and small frames gather meanwhile."""
        ready, held_back = self._queue.sizes()
        if held_back > ALL_HELD_BACK_BYTES or ready >= self._sending.record_bytes():
            return False
        return ready == 0 or self._queue.has_idle_place(self._pace.concurrency)

    def _resume_redrives(self) -> None:
        try:
            self._dead_letters.resume(self._spool.append)
        except Exception as error:  # whatever it is, what is on the spool is delivered
            log.warning("refused records that were being sent again wait for the next try", exc_info=error)

    def _send(self) -> None:
        while self._reach.wait(self._stopping):
            load = self._queue.next(self._sending.record_bytes(), self._pace.concurrency, _WAIT_S)
            if load is None:
                continue
            try:
                self._sending.deliver(load)
            except Exception:  # its records stay on the spool, and the thread lives on
                log.exception("a bulk of %s ended in a fault", load.organisation_id)
            finally:
                self._queue.landed(load)

    def _probe(self) -> bool:
        """Whether the server answers at all."""
        client = self._es.options(request_timeout=_PROBE_TIMEOUT_S, max_retries=0)
        try:
            client.perform_request("GET", "/", headers={"accept": "application/json"})
        except (ApiError, TransportError):
            return False
        return True
