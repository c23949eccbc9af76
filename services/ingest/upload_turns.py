"""When uploads are worked on: one of each organisation at a time, again after a while, and not after the end."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Turn:
    """The work on one upload. `stop` ends it at once, together with the process that was named with `holds`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped = False
        self._kill: Callable[[], None] | None = None

    @property
    def stopped(self) -> bool:
        """Whether whoever does the work shall leave everything as it is."""
        return self._stopped

    def holds(self, kill: Callable[[], None]) -> None:
        """Name what ends the process that reads; it is called at once where the turn was stopped already."""
        with self._lock:
            self._kill = kill
        if self._stopped:
            kill()

    def stop(self) -> None:
        """See above."""
        with self._lock:
            self._stopped = True
            kill = self._kill
        if kill is not None:
            kill()


class Turns:
    """Who is at work. `start_task(organisation_id, upload_id)` is called for an upload that had to let others go first.

    One upload of an organisation at a time: however many it sends, a worker stays free for the next organisation.
    """

    def __init__(self, start_task: Callable[[str, str], None]) -> None:
        self._start_task = start_task
        self._changed = threading.Condition()
        self._running: dict[str, tuple[str, Turn]] = {}
        self._waiting: dict[str, list[str]] = {}
        self._closed = False

    def begin(self, organisation_id: str, upload_id: str) -> Turn | None:
        """A turn, to be given back with `end`; None where it is not the upload's turn (it is started when it is)."""
        with self._changed:
            if self._closed:
                return None
            if organisation_id in self._running:
                waiting = self._waiting.setdefault(organisation_id, [])
                if upload_id not in waiting:
                    waiting.append(upload_id)
                return None
            turn = Turn()
            self._running[organisation_id] = (upload_id, turn)
            return turn

    def end(self, organisation_id: str) -> None:
        """The organisation's turn is over: its next upload queues behind those of the others."""
        with self._changed:
            del self._running[organisation_id]
            waiting = self._waiting.pop(organisation_id, [])
            self._changed.notify_all()
        for upload_id in waiting:
            self._start_task(organisation_id, upload_id)

    def stop(self, organisation_id: str, upload_id: str, timeout_s: float) -> bool:
        """Stop the work on an upload, where it is under way; whether it has ended."""
        with self._changed:
            running = self._running.get(organisation_id)
            if running is None or running[0] != upload_id:
                return True
            running[1].stop()
            return self._changed.wait_for(lambda: self._running.get(organisation_id) is not running, timeout_s)

    def close(self, timeout_s: float) -> None:
        """Stop everything and begin nothing more."""
        with self._changed:
            self._closed = True
            for _, turn in self._running.values():
                turn.stop()
            self._changed.wait_for(lambda: not self._running, timeout_s)


class Later:
    """Calls after a while, by one thread that lives while something is waited for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def call(self, delay_s: float, function: Callable[[], None]) -> None:
        """Call `function` in `delay_s` seconds, unless `close` comes first."""
        with self._changed:
            if self._closed:
                return
            heapq.heappush(self._due, (time.monotonic() + delay_s, next(self._count), function))
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="uploads-later", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Call nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while (function := self._next()) is not None:
            function()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while self._due and not self._closed:
                left_s = self._due[0][0] - time.monotonic()
                if left_s <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(left_s)
            self._thread = None
            return None
