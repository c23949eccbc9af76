"""Which frames are delivered, in the order in which they came."""

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from services.log_store.elasticsearch.drainer_parcels import Consignment, Parcel
from services.log_store.elasticsearch.frame import Frame

Delivered = Callable[[str, int, int], None]
"""organisation, seq up to which it has everything, records that are new."""

log = logging.getLogger(__name__)


class Ledger:
    """Counts the answers down. A frame is done when each of its records has a definite one.

    done       is given the frames that are; what it raises (a full disk) is tried again with the next ones
    delivered  is told how far an organisation has everything, without a gap
    """

    def __init__(self, done: Callable[[Sequence[Frame]], None], delivered: Delivered):
        self._done = done
        self._delivered = delivered
        self._lock = threading.Lock()
        self._open: defaultdict[str, deque[Consignment]] = defaultdict(deque)
        self._kept: list[Frame] = []

    def take_in(self, frame: Frame) -> Parcel:
        """All of a frame, as one parcel."""
        consignment = Consignment(frame, frame.rows)
        with self._lock:
            self._open[frame.organisation_id].append(consignment)
        return Parcel(consignment, range(frame.rows), in_doubt=frame.in_doubt)

    def settle(self, organisation_id: str, parcels: Sequence[Parcel]) -> None:
        """These records have a definite answer: stored, or kept as dead letters, or on the spool again."""
        with self._lock:
            for parcel in parcels:
                parcel.consignment.unsettled -= len(parcel.rows)
            frames = [each.frame for each in dict.fromkeys(p.consignment for p in parcels) if each.unsettled == 0]
            up_to = self._pass(organisation_id)
            self._kept += frames
            frames, self._kept = self._kept, []
        self._hand_over(frames)  # first: who waits to delete what is delivered relies on it
        self._delivered(organisation_id, up_to, sum(len(parcel.rows) for parcel in parcels))

    def _pass(self, organisation_id: str) -> int:
        """The last seq before the first gap; 0 where nothing new is known."""
        waiting = self._open[organisation_id]
        up_to = 0
        while waiting and waiting[0].unsettled == 0:
            up_to = waiting.popleft().frame.last_seq
        return up_to

    def _hand_over(self, frames: Sequence[Frame]) -> None:
        if not frames:
            return
        try:
            self._done(frames)
        except OSError as error:
            log.warning("delivered frames cannot be removed from the spool: %s", error)
            with self._lock:
                self._kept += frames
