"""Delivery as it is told to people: what the drainer, the spool and the dead letters know, in one place."""

from collections.abc import Collection, Mapping, Sequence

from services.log_store import delivery
from services.log_store.elasticsearch.dead_letters import DeadLetter, DeadLetters
from services.log_store.elasticsearch.delivery import DeliveryCounters
from services.log_store.elasticsearch.drainer import Drainer
from services.log_store.elasticsearch.spool import Spool


class DeliveryReport:
    """`delivery.Delivery` of the store on Elasticsearch. Asks no server."""

    def __init__(self, drainer: Drainer, spool: Spool, dead_letters: DeadLetters, counters: DeliveryCounters):
        self._drainer = drainer
        self._spool = spool
        self._counters = counters
        self._letters = RefusedRecords(drainer, dead_letters)

    @property
    def dead_letters(self) -> "RefusedRecords":
        """What the server would not take."""
        return self._letters

    def state(self, organisation_id: str | None) -> delivery.DeliveryState:
        """As it is now, of one organisation or (None) of all. Bytes of all are those on the disk."""
        known, spool, pending = self._drainer.state(), self._spool.state(), self._spool.pending(organisation_id)
        is_whole = organisation_id is None
        on_disk = spool.disk_bytes if pending.records else 0
        return delivery.DeliveryState(
            records=pending.records,
            size_bytes=on_disk if is_whole else pending.size_bytes,
            oldest_at=pending.oldest_at,
            is_reachable=known.is_reachable,
            failing_since=known.failing_since,
            last_error=spool.failure or known.last_error,
            last_error_at=known.last_error_at,
            in_doubt=known.in_doubt if is_whole else None,
            rate_per_s=known.rate_per_s if is_whole else None,
            concurrency=known.concurrency,
            bulk_bytes=known.bulk_bytes,
            max_bytes=spool.max_bytes,
            held_up={
                each: delivery.HeldUp(why.reason, why.since)
                for each, why in known.held_back.items()
                if organisation_id in (None, each)
            },
            counters={
                **self._counters.read(),
                "spool_damaged": spool.damaged,
                "spool_lost_records": spool.lost_records,
            },
        )


class RefusedRecords:
    """`delivery.DeadLetters`: sent again by way of the spool."""

    def __init__(self, drainer: Drainer, kept: DeadLetters):
        self._drainer = drainer
        self._kept = kept

    def counts(self) -> Mapping[str, int]:
        """organisation -> how many it has."""
        return self._kept.counts()

    def list(self, organisation_id: str, limit: int = 50, *, offset: int = 0) -> Sequence[DeadLetter]:
        """The newest first."""
        return self._kept.newest(organisation_id, limit, offset=offset)

    def redrive(self, organisation_id: str, ids: Collection[str] | None = None) -> int:
        """Put them on their way again. Raises `NotFound`, and what an append raises."""
        return self._drainer.redrive(organisation_id, None if ids is None else list(ids))

    def discard(self, organisation_id: str, ids: Collection[str] | None = None) -> int:
        """Remove them for good. Raises `NotFound`."""
        return self._kept.discard(organisation_id, ids)
