"""Rollover and retention, done by this program: the server's own lifecycle is not to be had everywhere.

A stream gets a new index when a primary shard of the present one is large enough, or the index old enough, or made
from an older mapping. An index is deleted, never the one that is written to, once its newest record is older than the
retention. So a record is kept for the retention at least, and at most for that and the age of rollover.

While a bulk to a stream has no certain answer, its indices stay as they are: a record that is sent again must be
recognised, and that works by its id within one index.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch, NotFoundError

from services.clock import Clock
from services.errors import BackendUnavailable, ElkVisionError
from services.log_store.elasticsearch import mapping
from services.log_store.elasticsearch.client_errors import reason_of, translated
from services.log_store.elasticsearch.connection import ElasticSettings
from services.log_store.elasticsearch.lifecycle_lease import Lease
from services.log_store.elasticsearch.names import organisation_of
from services.log_store.elasticsearch.templates import Stream, install, streams, version_of
from services.model import EARLIEST

INTERVAL_S = 300.0
STOP_S = 3.0
LEASE_TIMEOUT_S = 5.0

Hold = Callable[[str], AbstractContextManager[bool]]
"""Keeps new bulks of an organisation back while the block runs; the block is given False where one is in doubt."""

_log = logging.getLogger("elkvision.lifecycle")


@dataclass(frozen=True)
class Round:
    """What one round did: streams that got a new index, indices that are gone, streams left alone for a bulk in doubt.

    failed  the server's words about what it did not do: the other indices were looked after all the same
    `is_ours` is False where another process had the lease: then nothing was looked at.
    """

    rolled_over: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    is_ours: bool = True
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Index:
    """One index of a stream. `shard_bytes`: its largest primary; `newest`: time of its newest record, None where empty."""

    name: str
    made_at: datetime
    shard_bytes: int
    newest: datetime | None


class Lifecycle:
    """Looks after all streams of a prefix, every `interval_s` once `start` was called. `run` does one round now."""

    def __init__(
        self,
        es: Elasticsearch,
        settings: ElasticSettings,
        clock: Clock,
        hold: Hold,
        owner: str,
        *,
        interval_s: float = INTERVAL_S,
    ):
        self._es = es
        self._settings = settings
        self._clock = clock
        self._hold = hold
        self._lease = Lease(
            es.options(request_timeout=LEASE_TIMEOUT_S), clock, f"{settings.prefix}.lease", "lifecycle", owner
        )
        self._interval_s = interval_s
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self.last_error: str | None = None

    def start(self) -> None:
        """Begin the rounds, the first one after an interval."""
        self._thread = threading.Thread(target=self._rounds, name="lifecycle", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Begin no further round, wait for the present one for a while, and let another process go on."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        if self._thread is None or not self._thread.is_alive():
            with suppress(ApiError, TransportError):  # the lease ends by itself, too
                self._lease.release()

    def run(self) -> Round:
        """One round over all streams. What the server refuses for one index is told by the round and stops no other.

        Raises `services.errors` where the server does not answer; what was done before stays done.
        """
        with translated():
            if not self._lease.take():
                return Round(is_ours=False)
            install(self._es, self._settings)  # or an index of an older mapping would be followed by another one
            rounds = [self._look_after(stream) for stream in streams(self._es, self._settings.prefix)]
            return Round(
                tuple(name for each in rounds for name in each.rolled_over),
                tuple(name for each in rounds for name in each.deleted),
                tuple(name for each in rounds for name in each.held),
                failed=tuple(text for each in rounds for text in each.failed),
            )

    def _rounds(self) -> None:
        while not self._ending.wait(self._interval_s):
            try:
                done = self.run()
            except ElkVisionError as error:
                self.last_error = str(error)
                _log.warning("rollover and retention did not run: %s", error)
                continue
            except Exception as error:  # the thread lives on: without it the disks of the server fill up
                self.last_error = f"{type(error).__name__}: {error}"
                _log.exception("rollover and retention ended in a fault")
                continue
            self.last_error = "; ".join(done.failed) or None
            for text in done.failed:
                _log.warning("rollover and retention: %s", text)
            if done.rolled_over or done.deleted:
                _log.info("rolled over %s, deleted %s", list(done.rolled_over), list(done.deleted))

    def _look_after(self, stream: Stream) -> Round:
        organisation_id = organisation_of(self._settings.prefix, stream.name)
        if organisation_id is None or self._ending.is_set():
            return Round()
        with self._hold(organisation_id) as is_certain:
            if not is_certain:
                return Round(held=(stream.name,))
            if version_of(self._es, stream.write_index) == 0:
                return Round(failed=(f"{stream.name}: it was not made from our template and is left alone.",))
            failed: list[str] = []
            is_rolled_over = self._tried(stream.write_index, lambda: self._roll_over(stream), failed)
            deleted = self._expire(stream, failed)
            return Round((stream.name,) if is_rolled_over else (), deleted, failed=tuple(failed))

    def _tried(self, name: str, step: Callable[[], bool], failed: list[str]) -> bool:
        """What a step for one index answers; False, and a line in `failed`, where the server answered with an error.

        A shard that is lost for good must not keep all other indices from being deleted.
        """
        try:
            return step()
        except ApiError as error:
            failed.append(f"{name}: {error.status_code} {reason_of(error)}")
        except BackendUnavailable as error:
            failed.append(str(error))
        return False

    # -- a new index -----------------------------------------------------------------------------------------------

    def _roll_over(self, stream: Stream) -> bool:
        if not self._is_due(stream.write_index):
            return False
        self._es.indices.rollover(alias=stream.name)
        return True

    def _is_due(self, name: str) -> bool:
        """Whether an index that is written to is to be followed by a new one. An empty one of this version never is."""
        if version_of(self._es, name) < mapping.VERSION:
            return True
        index = self._index(name)
        if index.newest is None:
            return False
        is_large = index.shard_bytes >= self._settings.rollover_bytes
        age = self._rollover_age()
        return is_large or (age is not None and self._clock.now() - index.made_at >= age)

    def _rollover_age(self) -> timedelta | None:
        """With a retention an index is never written to for longer than that: it could not be deleted in time."""
        days = [each for each in (self._settings.rollover_age_days, self._settings.retention_days) if each]
        return timedelta(days=min(days)) if days else None

    # -- old indices -----------------------------------------------------------------------------------------------

    def _expire(self, stream: Stream, failed: list[str]) -> tuple[str, ...]:
        """Delete what has expired of the indices that were closed before this round: the last one was written to."""
        return tuple(name for name in stream.indices[:-1] if self._tried(name, partial(self._deleted, name), failed))

    def _deleted(self, name: str) -> bool:
        """Whether an index had expired, and is gone."""
        if not self._is_expired(name):
            return False
        self._es.options(ignore_status=404).indices.delete(index=name)
        return True

    def _is_expired(self, name: str) -> bool:
        """An index without records holds nothing to keep, whatever the retention."""
        newest = self._newest(name)
        if newest is None:
            return True
        days = self._settings.retention_days
        return days > 0 and self._clock.now() - newest > timedelta(days=days)

    # -- what is known of an index ---------------------------------------------------------------------------------

    def _index(self, name: str) -> Index:
        made = self._es.indices.get_settings(index=name, name="index.creation_date", flat_settings=True)
        stats = self._es.indices.stats(index=name, metric="store", level="shards")
        if name not in stats["indices"]:
            raise BackendUnavailable(f"{name}: none of its shards is to be had.")
        shards = stats["indices"][name]["shards"].values()
        sizes = [copy["store"]["size_in_bytes"] for shard in shards for copy in shard if copy["routing"]["primary"]]
        made_ms = int(made[name]["settings"]["index.creation_date"])
        return Index(name, datetime.fromtimestamp(made_ms / 1000, UTC), max(sizes, default=0), self._newest(name))

    def _newest(self, name: str) -> datetime | None:
        """The time of the newest record, refreshed first; None where there is none. Exact: a sort key, in nanoseconds.

        A shard that does not answer is an error, never an index without records: those are deleted.
        """
        try:
            self._es.indices.refresh(index=name)
            answer = self._es.search(
                index=name,
                size=1,
                sort=[{"@timestamp": {"order": "desc"}}],
                source=False,
                track_total_hits=False,
                allow_partial_search_results=False,
            )
        except NotFoundError:
            return None
        hits = answer["hits"]["hits"]
        return EARLIEST + timedelta(microseconds=int(hits[0]["sort"][0]) // 1000) if hits else None
