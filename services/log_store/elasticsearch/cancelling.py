"""The requests that answer one question: one time limit for all of them together, one handle that stops them.

Every request tells the server how long it may take, so that a search whose asker has died ends by itself. Stopping ends
the search on the server too: its tasks bear the question's id (`X-Opaque-Id`) and are cancelled by it. Where the
credentials may not cancel tasks (cluster privilege `manage`), the server goes on until the time limit.

An answer is whole or an error: shards that failed and searches that ran out of time are never left out silently.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, TypeVar

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch, NotFoundError

from services.errors import BackendTimeout, BackendUnavailable, Cancelled, ElkVisionError, QuotaExceeded
from services.log_store.elasticsearch.client_errors import is_busy, is_removed, translated
from services.log_store.interface import Handle

TOO_LONG = "The search took too long and was stopped. Narrow the time range or the query."

_ANSWER_S = 2.0
"""How much longer than the server's own limit its answer may take to arrive."""
_CANCELLABLE = ("indices:data/read/*", "indices:data/write/delete/byquery*")
_JSON = {"accept": "application/json"}
"""The client's own calls of these old interfaces warn that they are new."""
_CANCEL_AGAIN_S = 0.05
_CANCEL_FOR_S = 10.0
_AGAIN_S = 0.3

Answer = TypeVar("Answer")


class NoStream(Exception):
    """The organisation has no stream: nothing of it was ever stored."""


class Question:
    """One question to one organisation's stream. To be used as a context manager, by one thread.

        with Question(es, stream, timeout_s, handle) as question:
            answer = question.search({"query": ..., "size": 0, "aggs": ...})

    `search` raises `NoStream`, `BackendTimeout`, `BackendUnavailable`, `InvalidQuery` (too complex), `Cancelled`.
    `progress` may be set to the share that is done, 0 to 1; the handle tells it.
    """

    def __init__(self, es: Elasticsearch, stream: str, timeout_s: float, handle: Handle | None = None):
        self.stream = stream
        self.progress: float | None = None
        self._es = es
        self._id = uuid.uuid4().hex
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._handle = handle
        self._idle = threading.Event()
        self._idle.set()
        self._stops: Callable[[], None] | None = None

    def __enter__(self) -> "Question":
        if self._handle is not None:
            self._handle.begin(self._interrupt, lambda: self.progress)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._handle is not None:
            self._handle.end()

    @property
    def remaining_s(self) -> float:
        """Time that is left. Raises `BackendTimeout` where there is none, `Cancelled` where the question was stopped."""
        self.go_on()
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise BackendTimeout(TOO_LONG)
        return left

    @property
    def used_share(self) -> float:
        """How much of the time is used, from 0 to 1 and beyond."""
        return 1 - (self._deadline - time.monotonic()) / self._timeout_s

    def go_on(self) -> None:
        """Raises `Cancelled` where the question was stopped: to be called between two steps."""
        if self._handle is not None:
            self._handle.go_on()

    def search(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a `_search` with this body; `timeout` and what makes the answer whole are added.

        The same copies of the shards are asked each time: another copy may not have seen the newest records yet, and a
        page after it would skip them. Where the server has no room for it now, or an index is removed meanwhile, it is
        asked once more.
        """
        return self.twice(lambda: self._search(body), lambda error: is_busy(error) or is_removed(error))

    def _search(self, body: Mapping[str, Any]) -> dict[str, Any]:
        left = self.remaining_s
        answer = self.send(
            left,
            lambda client: client.search(
                index=self.stream,
                body={**body, "timeout": f"{max(1, int(left * 1000))}ms"},
                allow_partial_search_results=False,
                preference=self.stream,
            ),
        )
        if answer.get("timed_out"):
            raise BackendTimeout(TOO_LONG)
        if answer["_shards"]["failed"]:
            raise BackendUnavailable("Elasticsearch could not read all of the records. Try again in a moment.")
        return answer

    def count(self, query: Mapping[str, Any]) -> int:
        """How many records match, exactly. Raises like `search`."""
        answer = self.search({"query": query, "size": 0, "track_total_hits": True})
        return int(answer["hits"]["total"]["value"])

    def twice(self, ask: Callable[[], Answer], may_pass: Callable[[BaseException | None], bool]) -> Answer:
        """What `ask` gives; asked once more, after a pause, where `may_pass` says so of the error of the client."""
        try:
            return ask()
        except (BackendUnavailable, QuotaExceeded) as error:
            if not may_pass(error.__cause__) or self.remaining_s < 2 * _AGAIN_S:
                raise
        time.sleep(_AGAIN_S)
        self.go_on()
        return ask()

    def send(self, seconds: float, request: Callable[[Elasticsearch], Any]) -> dict[str, Any]:
        """The body of the answer to one request, which may take `seconds`. Raises as the class says."""
        client = self._es.options(  # asked again, a search that took too long would take that long again
            opaque_id=self._id, request_timeout=seconds + _ANSWER_S, retry_on_status=(), retry_on_timeout=False
        )
        with self._answered():
            answer: dict[str, Any] = request(client).body
        return answer

    def forget(self, moment_id: str) -> None:
        """Release a point in time; where that fails, the server does it by itself when its time is over."""
        client = self._es.options(request_timeout=_ANSWER_S)
        with suppress(ApiError, TransportError):
            client.close_point_in_time(id=moment_id)

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """What else is to be stopped while the work inside goes on. Raises `Cancelled` before it, where it is too late."""
        self._stops = stop
        try:
            self.go_on()
            yield
        finally:
            self._stops = None

    @contextmanager
    def _answered(self) -> Iterator[None]:
        self._idle.clear()
        try:
            with translated():
                yield
        except ElkVisionError as error:
            if self._handle is not None and self._handle.is_cancelled:
                raise Cancelled("The search was cancelled.") from error
            if _is_missing(error.__cause__, self.stream):
                raise NoStream from error
            raise
        finally:
            self._idle.set()

    def _interrupt(self) -> None:
        if self._stops is not None:
            self._stops()
        if not self._idle.is_set():
            threading.Thread(target=self._cancel_on_server, name="cancel-search", daemon=True).start()

    def _cancel_on_server(self) -> None:
        """Again until the request is over: the server may not have begun with it yet."""
        give_up = time.monotonic() + _CANCEL_FOR_S
        while not self._idle.wait(_CANCEL_AGAIN_S) and time.monotonic() < give_up:
            try:
                cancel_tasks(self._es, self._id)
            except (ApiError, TransportError):
                return  # not allowed, or gone: the search ends by its own limit


def cancel_tasks(es: Elasticsearch, opaque_id: str) -> int:
    """Cancel what the server does for requests with this `X-Opaque-Id`; says how many tasks. Raises the client's errors."""
    client = es.options(request_timeout=_CANCEL_FOR_S)
    path = f"/_tasks?group_by=none&actions={','.join(_CANCELLABLE)}"
    tasks = client.perform_request("GET", path, headers=_JSON).body["tasks"]
    own = [each for each in tasks if each.get("headers", {}).get("X-Opaque-Id") == opaque_id]
    first = [each for each in own if "parent_task_id" not in each]  # the server cancels what these have started
    for task in first:
        client.perform_request("POST", f"/_tasks/{task['node']}:{task['id']}/_cancel", headers=_JSON)
    return len(first)


def _is_missing(error: BaseException | None, stream: str) -> bool:
    if not isinstance(error, NotFoundError):
        return False
    cause = error.body.get("error", {}) if isinstance(error.body, dict) else {}
    return isinstance(cause, dict) and cause.get("type") == "index_not_found_exception" and cause.get("index") == stream
