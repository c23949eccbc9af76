"""What is counted of the frames of a segment: the waiting ones by organisation, and all that are not done."""

from dataclasses import dataclass, field
from datetime import datetime

from services.log_store.elasticsearch.frame import FrameHeader
from services.log_store.elasticsearch.segment import Segment
from services.log_store.elasticsearch.spool_acks import Acks


@dataclass
class Waiting:
    """Records of one organisation in one segment that were not taken yet. `since`: the first frame was stored then."""

    since: datetime
    records: int = 0
    size_bytes: int = 0


@dataclass(eq=False)
class Tally:
    """A segment and where it stands.

    end        where the next frame begins: all before it is durable
    in_doubt   an earlier process wrote it
    live       frames with records that are not done
    unsettled  members of frames of whose keys and uploads the database does not know yet
    done       offsets of the frames that an earlier process saw done
    holes      damaged stretches: where they begin, and where it goes on
    is_kept    something of it could not be read: the file stays, for the next start
    """

    segment: Segment
    acks: Acks
    end: int
    in_doubt: bool = False
    live: int = 0
    unsettled: int = 0
    done: set[int] = field(default_factory=set)
    holes: dict[int, int] = field(default_factory=dict)
    is_kept: bool = False
    waiting: dict[str, Waiting] = field(default_factory=dict)

    @classmethod
    def of(cls, segment: Segment, end: int) -> "Tally":
        """Of a segment whose frames are still to be counted."""
        return cls(segment, Acks(segment.path, segment.salt), end)

    def add(self, header: FrameHeader) -> None:
        """Count a frame that waits. One without records has nothing to be delivered."""
        if header.rows == 0:
            return
        self.live += 1
        waiting = self.waiting.setdefault(header.organisation_id, Waiting(header.stored_at))
        waiting.records += header.rows
        waiting.size_bytes += header.size_bytes

    def take(self, header: FrameHeader) -> None:
        """A frame waits no more."""
        waiting = self.waiting[header.organisation_id]
        waiting.records -= header.rows
        waiting.size_bytes -= header.size_bytes
        if waiting.records == 0:
            del self.waiting[header.organisation_id]

    @property
    def is_finished(self) -> bool:
        """Nothing in it is needed any more."""
        return not (self.live or self.unsettled or self.is_kept)
