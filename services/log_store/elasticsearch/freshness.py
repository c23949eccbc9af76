"""Reading one's own writes: wait until what was appended is delivered, then make the server show it.

A refresh costs the server a new segment, so one serves everybody who waits, and there are at most five a second of one
organisation. Under a heavy load waiting would make both reading and writing slow; then nobody waits, and records are found
as soon as the server refreshes by itself.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

REFRESHES_PER_S = 5
"""Of one organisation."""

OWN_REFRESH_S = 2.0
"""After this time the server has refreshed by itself (its interval is a second)."""

BACKLOG = 100_000
"""Records of one organisation on their way, beyond which a read does not wait."""


class _Organisation:
    """What is known of one organisation's stream: seqs are the last that is delivered, and that can be found."""

    def __init__(self) -> None:
        self.delivered = 0
        self.refreshed = 0
        self.is_refreshing = False
        self.began: deque[float] = deque(maxlen=REFRESHES_PER_S)
        self.recent: deque[tuple[float, int]] = deque()

    def may_refresh_at(self) -> float:
        """When one more refresh keeps to `REFRESHES_PER_S`."""
        return self.began[0] + 1.0 if len(self.began) == REFRESHES_PER_S else float("-inf")

    def add(self, now: float, records: int) -> None:
        self._forget_shown(now)  # also where nobody ever reads: an organisation may only write
        self.recent.append((now, records))

    def _forget_shown(self, now: float) -> None:
        while self.recent and self.recent[0][0] < now - OWN_REFRESH_S:
            self.recent.popleft()

    def unrefreshed(self, now: float) -> int:
        self._forget_shown(now)
        return sum(records for _, records in self.recent)


class Freshness:
    """`backlog(organisation)` tells how many of its records are not delivered; `stream_of` names its stream."""

    def __init__(self, es: Elasticsearch, stream_of: Callable[[str], str], backlog: Callable[[str], int]) -> None:
        self._es = es
        self._stream_of = stream_of
        self._backlog = backlog
        self._changed = threading.Condition()
        self._known: defaultdict[str, _Organisation] = defaultdict(_Organisation)

    def delivered(self, organisation_id: str, up_to_seq: int, records: int) -> None:
        """The server has every record up to that seq; `records` of them are new."""
        with self._changed:
            known = self._known[organisation_id]
            known.delivered = max(known.delivered, up_to_seq)
            known.add(time.monotonic(), records)
            self._changed.notify_all()

    def ensure(self, organisation_id: str, up_to_seq: int, timeout_s: float, *, backlog: int | None = BACKLOG) -> bool:
        """Wait until every record up to that seq can be found; False where that is not so after `timeout_s`.

        It is False at once where more than `backlog` records are on their way (None: wait however many), and where the
        server cannot be asked. Safe to call from many threads: they share the work.
        """
        until = time.monotonic() + timeout_s
        with self._changed:
            known = self._known[organisation_id]
            if known.refreshed >= up_to_seq:
                return True
            if backlog is not None and self._on_their_way(organisation_id, known) > backlog:
                return False
            return self._wait(organisation_id, known, up_to_seq, until)

    def _on_their_way(self, organisation_id: str, known: _Organisation) -> int:
        return self._backlog(organisation_id) + known.unrefreshed(time.monotonic())

    def _wait(self, organisation_id: str, known: _Organisation, up_to_seq: int, until: float) -> bool:
        while known.refreshed < up_to_seq:
            now = time.monotonic()
            if now >= until:
                return False
            if not self._is_delivered(organisation_id, known, up_to_seq) or known.is_refreshing:
                self._changed.wait(min(0.1, until - now))
            elif now < known.may_refresh_at():
                self._changed.wait(min(known.may_refresh_at(), until) - now)
            elif not self._refresh(organisation_id, known, until - now):
                return False
        return True

    def _is_delivered(self, organisation_id: str, known: _Organisation, up_to_seq: int) -> bool:
        """Also where nothing is left to deliver: an earlier process did it."""
        if known.delivered < up_to_seq and self._backlog(organisation_id) == 0:
            known.delivered = up_to_seq
        return known.delivered >= up_to_seq

    def _refresh(self, organisation_id: str, known: _Organisation, timeout_s: float) -> bool:
        """One refresh, without the lock meanwhile: what was delivered before it began can be found after it."""
        covered = known.delivered
        known.is_refreshing = True
        known.began.append(time.monotonic())
        known.recent.clear()
        self._changed.release()
        try:
            is_done = self._ask(organisation_id, timeout_s)
        finally:
            self._changed.acquire()
            known.is_refreshing = False
            self._changed.notify_all()
        if is_done:
            known.refreshed = max(known.refreshed, covered)
        return is_done

    def _ask(self, organisation_id: str, timeout_s: float) -> bool:
        client = self._es.options(request_timeout=max(0.1, timeout_s), ignore_status=404)
        try:
            answer = client.indices.refresh(index=self._stream_of(organisation_id))
        except (ApiError, TransportError):
            return False
        failed = answer.body.get("_shards", {}).get("failed", 0) if isinstance(answer.body, dict) else 1
        return answer.meta.status == 404 or failed == 0
