"""What is owed to organisations: their records that were acknowledged and are not delivered."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from services.log_store.elasticsearch.frame import Frame, FrameHeader


@dataclass(frozen=True)
class Pending:
    """Records that were acknowledged and are not delivered yet.

    size_bytes  of their batches in memory
    oldest_at   when the oldest of them was stored, or somewhat earlier; aware UTC, None where there is none
    last_seq    seq of the last record that was stored, delivered or not; 0 where this process knows of none
    """

    records: int
    size_bytes: int
    oldest_at: datetime | None
    last_seq: int


@dataclass
class _Organisation:
    records: int = 0
    size_bytes: int = 0
    taken: dict[tuple[int, int], Frame] = field(default_factory=dict)


class Owed:
    """Sums by organisation, and the frames that were taken. Not safe to use from several threads."""

    def __init__(self, last_seqs: dict[str, int]):
        self._last_seqs = last_seqs
        self._organisations: dict[str, _Organisation] = {}

    def add(self, organisation_id: str, records: int, size_bytes: int) -> None:
        """Records wait."""
        owed = self._organisations.setdefault(organisation_id, _Organisation())
        owed.records += records
        owed.size_bytes += size_bytes

    def stored(self, header: FrameHeader) -> None:
        """A frame with records became durable."""
        self.add(header.organisation_id, header.rows, header.size_bytes)
        self._last_seqs[header.organisation_id] = header.last_seq

    def take(self, frame: Frame) -> None:
        """A frame is handed out."""
        self._organisations[frame.organisation_id].taken[frame.place] = frame

    def done(self, frame: Frame) -> bool:
        """A frame is delivered; False where it was not handed out."""
        owed = self._organisations.get(frame.organisation_id)
        if owed is None or owed.taken.pop(frame.place, None) is None:
            return False
        self.remove(frame.organisation_id, frame.rows, frame.size_bytes)
        return True

    def remove(self, organisation_id: str, records: int, size_bytes: int) -> None:
        """Records are delivered or lost."""
        owed = self._organisations[organisation_id]
        owed.records -= records
        owed.size_bytes -= size_bytes
        if owed.records == 0:
            del self._organisations[organisation_id]

    def taken_of(self, segment: int) -> int:
        """How many frames of a segment are handed out and not done."""
        return sum(1 for owed in self._organisations.values() for number, _ in owed.taken if number == segment)

    def pending(self, organisation_id: str | None, waiting_since: Iterable[datetime]) -> Pending:
        """Of one organisation or of all; `waiting_since` of those that were not taken yet."""
        if organisation_id is None:
            owed, last_seq = list(self._organisations.values()), max(self._last_seqs.values(), default=0)
        else:
            found = self._organisations.get(organisation_id)
            owed, last_seq = [found] if found else [], self._last_seqs.get(organisation_id, 0)
        firsts = [next(iter(each.taken.values())).header.stored_at for each in owed if each.taken]
        records, size_bytes = sum(each.records for each in owed), sum(each.size_bytes for each in owed)
        return Pending(records, size_bytes, min([*firsts, *waiting_since], default=None), last_seq)
