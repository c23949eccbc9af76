"""Who may run a heavy search now: at most N at a time, organisations in turn.

Memory and cores are no fairness of their own: eight heavy scans at once took 82 s and killed an innocent one.
"""

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from services.errors import QuotaExceeded


class _Ticket:
    def __init__(self) -> None:
        self.called = threading.Event()


class HeavyGate:
    """Slots for heavy searches. Waiting organisations are served round-robin, within one the oldest first.

    While others wait, no organisation is given the last slot beside those it holds; with one slot, turns alone count.

    queue_limit of one organisation and total_limit of all may wait: each holds one of the threads that serve everybody.
    """

    def __init__(self, slots: int, *, wait_s: float = 5.0, queue_limit: int = 4, total_limit: int = 6):
        self._free = slots
        self._share = max(1, slots - 1)
        self._held: Counter[str] = Counter()
        self._total_limit = total_limit
        self._wait_s = wait_s
        self._queue_limit = queue_limit
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, deque[_Ticket]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many searches wait for a slot."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    @contextmanager
    def slot(self, organisation_id: str) -> Iterator[None]:
        """Hold one slot. Raises `QuotaExceeded` where none came free in time or the organisation waits too much."""
        self._acquire(organisation_id)
        try:
            yield
        finally:
            self._release(organisation_id)

    def _acquire(self, organisation_id: str) -> None:
        ticket = _Ticket()
        with self._lock:
            if self._free > 0 and not self._waiting:
                self._take(organisation_id)
                return
            queue = self._waiting.setdefault(organisation_id, deque())
            if len(queue) >= self._queue_limit or sum(map(len, self._waiting.values())) >= self._total_limit:
                if not queue:
                    del self._waiting[organisation_id]
                raise _too_many()
            queue.append(ticket)
        if not self._called_in_time(ticket):
            self._give_up(organisation_id, ticket)

    def _called_in_time(self, ticket: _Ticket) -> bool:
        return ticket.called.wait(self._wait_s)

    def _give_up(self, organisation_id: str, ticket: _Ticket) -> None:
        with self._lock:
            if ticket.called.is_set():
                return  # called between the end of the wait and the lock: the slot is ours
            queue = self._waiting[organisation_id]
            queue.remove(ticket)
            if not queue:
                del self._waiting[organisation_id]
        raise _too_many()

    def _take(self, organisation_id: str) -> None:
        self._free -= 1
        self._held[organisation_id] += 1

    def _release(self, organisation_id: str) -> None:
        with self._lock:
            self._free += 1
            self._held[organisation_id] -= 1
            if not self._held[organisation_id]:
                del self._held[organisation_id]
            if self._waiting:
                self._call_next()

    def _call_next(self) -> None:
        first = next(iter(self._waiting))
        modest = (each for each in self._waiting if self._held[each] < self._share)
        called = next(modest, first) if len(self._waiting) > 1 else first
        queue = self._waiting.pop(called)
        self._take(called)
        queue.popleft().called.set()
        if queue:
            self._waiting[called] = queue  # to the end of the round


def _too_many() -> QuotaExceeded:
    return QuotaExceeded("Too many searches run at once. Try again in a moment.", retry_after_s=2)
