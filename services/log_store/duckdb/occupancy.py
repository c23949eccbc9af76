"""Who uses an organisation's file now: many may, or one may have it to itself."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Occupancy:
    """Shared use and exclusive use, per organisation. An exclusive user waits for those inside; newcomers wait for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: Counter[str] = Counter()
        self._taken: set[str] = set()

    @contextmanager
    def shared(self, organisation_id: str) -> Iterator[None]:
        """Use the file beside others."""
        with self._changed:
            self._changed.wait_for(lambda: organisation_id not in self._taken)
            self._inside[organisation_id] += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside[organisation_id] -= 1
                if not self._inside[organisation_id]:
                    del self._inside[organisation_id]
                self._changed.notify_all()

    @contextmanager
    def exclusive(self, organisation_id: str, wait_s: float) -> Iterator[bool]:
        """Have the file to oneself; False where somebody inside did not leave in time."""
        with self._changed:
            if organisation_id in self._taken:
                yield False
                return
            self._taken.add(organisation_id)
            is_alone = self._changed.wait_for(lambda: not self._inside[organisation_id], wait_s)
            if not is_alone:
                self._leave(organisation_id)
        if not is_alone:
            yield False
            return
        try:
            yield True
        finally:
            with self._changed:
                self._leave(organisation_id)

    def _leave(self, organisation_id: str) -> None:
        self._taken.discard(organisation_id)
        self._changed.notify_all()
