"""The parcels that wait, by organisation: who is next, who has to wait by itself, who stands still.

Waiting is measured on the machine's own clock: threads wait in its time.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from services.log_store.elasticsearch.drainer_parcels import Parcel


@dataclass
class Waiting:
    """Parcels of one organisation that wait. Not before `until` (monotonic), after so many `failures`, for `reason`."""

    parcels: deque[Parcel] = field(default_factory=deque)
    size_bytes: int = 0
    until: float = 0.0
    failures: int = 0
    reason: str = ""
    failing_since: float = 0.0

    def append(self, parcel: Parcel) -> None:
        self.parcels.append(parcel)
        self.size_bytes += parcel.size_bytes

    def append_left(self, parcel: Parcel) -> None:
        self.parcels.appendleft(parcel)
        self.size_bytes += parcel.size_bytes

    def pop_left(self) -> Parcel:
        parcel = self.parcels.popleft()
        self.size_bytes -= parcel.size_bytes
        return parcel


@dataclass(frozen=True)
class Bulk:
    """Parcels of one organisation that go together; all of them in doubt, or none."""

    organisation_id: str
    parcels: list[Parcel]

    @property
    def in_doubt(self) -> bool:
        return self.parcels[0].in_doubt


class DeliveryQueue:
    """Organisations take turns; one that fails waits by itself. Safe to use from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, Waiting] = {}
        self._turns: deque[str] = deque()
        self._flying: Counter[str] = Counter()
        self._flying_doubt: Counter[str] = Counter()
        self._held: Counter[str] = Counter()

    # -- what comes in -------------------------------------------------------------------------------------------

    def put(self, parcels: Sequence[Parcel]) -> None:
        """New parcels, in the order in which they came."""
        with self._changed:
            for parcel in parcels:
                self._of(parcel.organisation_id).append(parcel)
            self._changed.notify_all()

    def put_back(self, parcels: Sequence[Parcel]) -> None:
        """Parcels to be sent again, before all others of their organisation."""
        with self._changed:
            for parcel in reversed(parcels):
                self._of(parcel.organisation_id).append_left(parcel)
            self._changed.notify_all()

    def set_back(self, organisation_id: str, delay_s: float, reason: str) -> None:
        """An organisation's own trouble: it waits, then tries with one bulk at a time."""
        with self._changed:
            waiting = self._of(organisation_id)
            now = time.monotonic()
            waiting.failing_since = now if waiting.failures == 0 else waiting.failing_since
            waiting.failures += 1
            waiting.until, waiting.reason = now + delay_s, reason

    def set_right(self, organisation_id: str) -> None:
        """Its stream takes everything again."""
        with self._changed:
            waiting = self._of(organisation_id)
            waiting.until, waiting.failures, waiting.reason = 0.0, 0, ""
            self._changed.notify_all()

    def failures(self, organisation_id: str) -> int:
        """How often in a row it failed by itself."""
        with self._changed:
            return self._of(organisation_id).failures

    def _of(self, organisation_id: str) -> Waiting:
        if organisation_id not in self._waiting:
            self._waiting[organisation_id] = Waiting()
            self._turns.append(organisation_id)
        return self._waiting[organisation_id]

    # -- what goes out -------------------------------------------------------------------------------------------

    def next(self, max_bytes: int, concurrency: int, wait_s: float) -> Bulk | None:
        """The next bulk of about `max_bytes`, to be given to `landed` later; None where there is none for `wait_s`."""
        until = time.monotonic() + wait_s
        with self._changed:
            while (organisation_id := self._due(concurrency)) is None:
                now = time.monotonic()
                if now >= until:
                    return None
                self._changed.wait(max(0.001, min(until, self._earliest(now)) - now))
            self._turns.remove(organisation_id)
            self._turns.append(organisation_id)
            bulk = Bulk(organisation_id, list(self._gather(self._waiting[organisation_id], max_bytes)))
            self._flying[organisation_id] += 1
            self._flying_doubt[organisation_id] += bulk.in_doubt
            self._changed.notify_all()
            return bulk

    def landed(self, bulk: Bulk) -> None:
        """Nothing of the bulk is on its way any more: what is left of it was put back."""
        with self._changed:
            self._flying[bulk.organisation_id] -= 1
            self._flying_doubt[bulk.organisation_id] -= bulk.in_doubt
            self._changed.notify_all()

    def _due(self, concurrency: int) -> str | None:
        if self._flying.total() >= concurrency:
            return None
        now = time.monotonic()
        return next((name for name in self._turns if self._is_due(name, now)), None)

    def _is_due(self, organisation_id: str, now: float) -> bool:
        waiting = self._waiting[organisation_id]
        if not waiting.parcels or waiting.until > now or self._held[organisation_id]:
            return False
        return waiting.failures == 0 or not self._is_troubled_one_flying()

    def _is_troubled_one_flying(self) -> bool:
        """Organisations in trouble share one place: a stream that answers late does not hold up the others."""
        return any(flying and self._waiting[name].failures for name, flying in self._flying.items())

    def _earliest(self, now: float) -> float:
        later = (waiting.until for waiting in self._waiting.values() if waiting.parcels and waiting.until > now)
        return min(later, default=float("inf"))

    def _gather(self, waiting: Waiting, max_bytes: int) -> Iterator[Parcel]:
        in_doubt, left = waiting.parcels[0].in_doubt, max_bytes
        is_first = True
        while waiting.parcels and waiting.parcels[0].in_doubt is in_doubt:
            fitting = len(waiting.parcels[0].rows) * left // waiting.parcels[0].size_bytes
            if fitting == 0 and not is_first:
                return
            parcel = waiting.pop_left()
            if max(1, fitting) < len(parcel.rows):  # one record goes whole, however large
                parcel, rest = parcel.split(max(1, fitting))
                waiting.append_left(rest)
            left -= parcel.size_bytes
            is_first = False
            yield parcel
            if left <= 0:
                return

    # -- standing still ------------------------------------------------------------------------------------------

    def hold(self, organisation_id: str, timeout_s: float) -> bool:
        """Send nothing more of it until `release`; True once nothing is on its way."""
        with self._changed:
            self._held[organisation_id] += 1
            return self._changed.wait_for(lambda: self._flying[organisation_id] == 0, timeout_s)

    def release(self, organisation_id: str) -> None:
        with self._changed:
            self._held[organisation_id] -= 1
            self._changed.notify_all()

    # -- what there is -------------------------------------------------------------------------------------------

    def is_in_doubt(self, organisation_id: str) -> bool:
        """Whether any of its parcels may be stored already."""
        with self._changed:
            waiting = self._waiting.get(organisation_id)
            return self._flying_doubt[organisation_id] > 0 or any(
                parcel.in_doubt for parcel in (waiting.parcels if waiting else ())
            )

    def records_in_doubt(self) -> int:
        """Over all organisations, without those of bulks that are on their way."""
        with self._changed:
            return sum(
                len(parcel.rows) for each in self._waiting.values() for parcel in each.parcels if parcel.in_doubt
            )

    def sizes(self) -> tuple[int, int]:
        """Bytes of the records that wait for their turn, and of those that their organisation's trouble holds back."""
        with self._changed:
            ready = sum(waiting.size_bytes for waiting in self._waiting.values() if not waiting.failures)
            held_back = sum(waiting.size_bytes for waiting in self._waiting.values() if waiting.failures)
            return ready, held_back

    def held_back(self, organisation_id: str) -> tuple[int, str]:
        """Bytes of its records that its own trouble holds back, and what the trouble is; (0, "") without one."""
        with self._changed:
            waiting = self._waiting.get(organisation_id)
            return (waiting.size_bytes, waiting.reason) if waiting is not None and waiting.failures else (0, "")

    def troubles(self) -> dict[str, Waiting]:
        """Organisations that wait by themselves."""
        with self._changed:
            return {name: replace(each) for name, each in self._waiting.items() if each.failures}

    def has_idle_place(self, concurrency: int) -> bool:
        """Whether one more bulk may go."""
        with self._changed:
            return self._flying.total() < concurrency

    def wait(self, timeout_s: float) -> None:
        """Until something changes, at most so long."""
        with self._changed:
            self._changed.wait(timeout_s)

    def wake(self) -> None:
        """Let every waiting call look again."""
        with self._changed:
            self._changed.notify_all()
