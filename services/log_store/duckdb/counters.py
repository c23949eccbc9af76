"""Plain counters that several threads add to; the metrics page reads them."""

import threading

NAMES = (
    "commits",
    "records",
    "replayed",
    "group_replays",
    "reattached",
    "searches",
    "aggregations",
    "timeouts",
    "refused_heavy",
    "deleted",
    "sealed_blocks",
    "compactions",
    "index_mismatches",
)


class Counters:
    """Counts since the start of the process; they only grow."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values = dict.fromkeys(NAMES, 0)

    def add(self, name: str, amount: int = 1) -> None:
        """Count `amount` more of one of `NAMES`."""
        with self._lock:
            self._values[name] += amount

    def read(self) -> dict[str, int]:
        """A copy of all counters."""
        with self._lock:
            return dict(self._values)
