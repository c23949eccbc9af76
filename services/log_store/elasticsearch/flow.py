"""Whether records arrive all the time: then a read does not wait for the newest, which would make every read slow."""

import threading
import time
from collections import defaultdict, deque

WINDOW_S = 30
RECENT_S = 2
"""What arrived just now says nothing: it may be what the reader has sent."""
STEADY_S = 25
"""Of the seconds of the window."""
STEADY_RECORDS = 1_000


class Flow:
    """How many records came in which second, of each organisation. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: defaultdict[str, deque[tuple[int, int]]] = defaultdict(deque)

    def add(self, organisation_id: str, records: int) -> None:
        """So many more, now."""
        second = int(time.monotonic())
        with self._lock:
            seconds = self._seconds[organisation_id]
            if seconds and seconds[-1][0] == second:
                records += seconds.pop()[1]
            seconds.append((second, records))
            while seconds[0][0] < second - WINDOW_S - RECENT_S:
                seconds.popleft()

    def is_steady(self, organisation_id: str) -> bool:
        """Whether some came in nearly every second of the last half minute, and not only a few."""
        last = int(time.monotonic()) - RECENT_S
        with self._lock:
            counts = [n for second, n in self._seconds.get(organisation_id, ()) if last - WINDOW_S <= second < last]
        return len(counts) >= STEADY_S and sum(counts) >= STEADY_RECORDS
