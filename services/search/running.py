"""The questions that are being answered now, for whoever asked them: how far they are, and stopping them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from services.errors import NotFound, QuotaExceeded
from services.log_store.interface import Handle
from services.principal import Principal, Right, require

MAX_OF_A_USER = 32
_Key = tuple[str, str, str]


class RunningQueries:
    """Handles under (organisation, user, query id). A user makes up the ids, and nobody else's are in reach."""

    def __init__(self, max_of_a_user: int = MAX_OF_A_USER) -> None:
        self._max_of_a_user = max_of_a_user
        self._lock = threading.Lock()
        self._handles: dict[_Key, Handle] = {}

    @contextmanager
    def running(self, principal: Principal, query_id: str | None) -> Iterator[Handle | None]:
        """A handle for everything that is asked inside; None without an id.

        What still runs under the same id is cancelled: it was replaced. Raises `QuotaExceeded` where too many run.
        """
        require(principal, Right.READ_LOGS)
        if not query_id:
            yield None
            return
        key, handle = _key(principal, query_id), Handle()
        self._enter(key, handle)
        try:
            yield handle
        finally:
            self._leave(key, handle)

    def cancel(self, principal: Principal, query_id: str) -> bool:
        """Stop it: whoever waits for the answer gets `Cancelled`. False where nothing runs under the id (any more)."""
        found = self._find(principal, query_id)
        if found is not None:
            found.cancel()
        return found is not None

    def progress(self, principal: Principal, query_id: str) -> float | None:
        """Share of its present step that is done, 0 to 1; None where it is not known. Raises `NotFound`."""
        found = self._find(principal, query_id)
        if found is None:
            raise NotFound("No query of yours runs under this id.")
        return found.progress

    def _enter(self, key: _Key, handle: Handle) -> None:
        with self._lock:
            before = self._handles.pop(key, None)
            if before is None and sum(other[:2] == key[:2] for other in self._handles) >= self._max_of_a_user:
                raise QuotaExceeded(f"More than {self._max_of_a_user} of your queries run already.", retry_after_s=2)
            self._handles[key] = handle
        if before is not None:
            before.cancel()

    def _leave(self, key: _Key, handle: Handle) -> None:
        with self._lock:
            if self._handles.get(key) is handle:
                del self._handles[key]

    def _find(self, principal: Principal, query_id: str) -> Handle | None:
        require(principal, Right.READ_LOGS)
        with self._lock:
            return self._handles.get(_key(principal, query_id))


def _key(principal: Principal, query_id: str) -> _Key:
    return principal.organisation_id, principal.user_id, query_id
