"""Groups new shapes into patterns in the background, so that whoever asks for patterns seldom waits for it."""

import logging
import threading
import time
from collections.abc import Callable

from services.errors import ElkVisionError

INTERVAL_S = 5.0
"""Rest between two rounds: new shapes come in bursts, and the first to ask groups what is missing itself."""

log = logging.getLogger(__name__)

Pause = Callable[[], None]


class _Stopped(Exception):
    """The thread is to end."""


class Grouping:
    """One thread for all organisations. It rests as long as it worked."""

    def __init__(self, group: Callable[[str, Pause], int], interval_s: float = INTERVAL_S):
        self._group = group
        self._interval_s = interval_s
        self._due: set[str] = set()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def notify(self, organisation_id: str) -> None:
        """This organisation has new shapes. Cheap; may be called at every batch."""
        with self._changed:
            self._due.add(organisation_id)
            self._changed.notify()

    def start(self) -> None:
        """Begin; does nothing where it has begun."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work_on, name="log-patterns", daemon=True)
                self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after the portion that is being grouped."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _work_on(self) -> None:
        try:
            while not self._stopping.is_set():
                for organisation_id in self._next():
                    self._work_on_one(organisation_id)
                self._stopping.wait(self._interval_s)
        except _Stopped:
            return

    def _next(self) -> set[str]:
        with self._changed:
            self._changed.wait_for(lambda: self._due or self._stopping.is_set())
            due, self._due = self._due, set()
        return due

    def _work_on_one(self, organisation_id: str) -> None:
        try:
            self._group(organisation_id, self._rest())
        except ElkVisionError as error:
            log.warning("patterns of %s wait: %s", organisation_id, error)
            self.notify(organisation_id)
        except _Stopped:
            raise
        except Exception:  # whatever it is, the other organisations' patterns are looked after
            log.exception("patterns of %s could not be grouped", organisation_id)

    def _rest(self) -> Pause:
        """A pause as long as the work since the one before."""
        began = time.monotonic()

        def pause() -> None:
            nonlocal began
            if self._stopping.wait(min(1.0, time.monotonic() - began)):
                raise _Stopped
            began = time.monotonic()

        return pause
