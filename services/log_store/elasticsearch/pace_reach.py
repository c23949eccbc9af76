"""Whether the server can be reached. While it cannot, one thread asks it, seldom; all go on as soon as it answers."""

import threading
import time
from collections.abc import Callable
from datetime import datetime

from services.clock import Clock
from services.log_store.elasticsearch.pace import Backoff

_FIRST_PROBE_S = 0.1
_MOST_PROBE_S = 2.0
_LOOK_S = 0.05


class Reach:
    """`probe` asks the server for something small and says whether it answered.

    A server that answers the probe and fails at bulks is left alone for longer and longer (`backoff`). One that did not
    answer the probe is sent bulks as soon as it does.
    """

    def __init__(self, clock: Clock, backoff: Backoff, probe: Callable[[], bool]):
        self._clock = clock
        self._backoff = backoff
        self._probe = probe
        self._lock = threading.Lock()
        self._probing = threading.Lock()
        self._closed_until: float | None = None
        self._failures = 0
        self.failing_since: datetime | None = None
        self.last_error = ""
        self.last_error_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether bulks may be sent."""
        return self._closed_until is None

    def note(self, reason: str) -> None:
        """Something failed, and others may go on."""
        with self._lock:
            self.last_error, self.last_error_at = reason, self._clock.now()

    def failed(self, reason: str) -> None:
        """The server failed: nobody sends for a while. Of several failures at once one counts."""
        self.note(reason)
        with self._lock:
            self.failing_since = self.failing_since or self._clock.now()
            if self._closed_until is None:
                self._closed_until = time.monotonic() + self._backoff.after(self._failures)
                self._failures += 1

    def answered(self) -> None:
        """The server took a bulk."""
        with self._lock:
            self._failures = 0
            self._closed_until = self.failing_since = None

    def wait(self, stopping: threading.Event) -> bool:
        """Until bulks may be sent; False where the end came first."""
        while not stopping.is_set():
            if self.is_open:
                return True
            if self._probing.acquire(blocking=False):
                try:
                    self._probe_until_open(stopping)
                finally:
                    self._probing.release()
            else:
                stopping.wait(_LOOK_S)
        return False

    def _probe_until_open(self, stopping: threading.Event) -> None:
        pause_s, was_away = _FIRST_PROBE_S, False
        while not self.is_open and not stopping.wait(pause_s):
            if not self._probe():
                was_away = True
                pause_s = min(_MOST_PROBE_S, pause_s * 2)
            elif was_away or time.monotonic() >= (self._closed_until or 0.0):
                with self._lock:
                    self._closed_until = None
            else:
                pause_s = min(_MOST_PROBE_S, max(_LOOK_S, (self._closed_until or 0.0) - time.monotonic()))
