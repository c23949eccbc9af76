"""Writes that wait together become frames: one for each organisation's small ones, one for each large one."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from services.log_store.elasticsearch.bookkeeping import KeyOf, Stored
from services.log_store.elasticsearch.frame import FrameHeader, Member, packed, packed_times
from services.log_store.interface import Appended, UploadProgress
from services.log_store.sequence import RecordIds, seq_of
from services.model import LOG_SCHEMA, LogBatch

FRAME_ROWS = 5_000
FRAME_BYTES = 1 << 20
"""Small writes of an organisation share a frame up to here."""
_SMALL_BYTES = 1 << 20


@dataclass(eq=False)
class Write:
    """One call of `append`, made at `at`, waiting for its answer."""

    at: datetime
    organisation_id: str
    batch: LogBatch
    key: KeyOf | None
    upload: UploadProgress | None
    answer: "Future[Appended]" = field(default_factory=Future)
    size_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        held = self.batch.get_total_buffer_size()  # counts the whole buffers of a slice, in 1 µs
        self.size_bytes = held if held < _SMALL_BYTES else self.batch.nbytes

    @property
    def rows(self) -> int:
        return int(self.batch.num_rows)


@dataclass(frozen=True)
class Placed:
    """A write that is durable: its answer, and what the database is to know of it (None for nothing)."""

    write: Write
    answer: Appended
    stored: Stored | None
    segment: int


@dataclass(frozen=True)
class Draft:
    """A frame that is not written yet: `pieces` are its bytes, `members` what each of its writes is of it, in order."""

    header: FrameHeader
    records: LogBatch
    pieces: list[bytes | memoryview]
    members: list[tuple[Write, Member]]

    @property
    def length(self) -> int:
        return sum(len(piece) for piece in self.pieces)

    def placed(self, segment: int) -> Iterator[Placed]:
        """What each write gets, once the frame is durable."""
        for write, member in self.members:
            first = self.header.first_tick + member.at
            ids = RecordIds(write.batch.column("timestamp"), first, self.header.worker)
            answer = Appended(write.rows, seq_of(first, self.header.worker), ids)
            yield Placed(write, answer, Stored(self.header, member) if _is_kept(member) else None, segment)


def shared(writes: Sequence[Write]) -> list[list[Write]]:
    """The writes of each frame: those of one organisation stay in order."""
    frames: list[list[Write]] = []
    open_frames: dict[str, tuple[list[Write], int, int]] = {}
    for write in writes:
        frame, rows, size = open_frames.get(write.organisation_id, ([], 0, 0))
        rows, size = rows + write.rows, size + write.size_bytes
        if not frame or rows > FRAME_ROWS or size > FRAME_BYTES:
            frame, rows, size = [], write.rows, write.size_bytes
            frames.append(frame)
        frame.append(write)
        open_frames[write.organisation_id] = frame, rows, size
    return frames


def drafted(writes: list[Write], first_tick: int, worker: int, now: datetime, salt: bytes) -> Draft:
    """The frame of these writes of one organisation."""
    records = writes[0].batch if len(writes) == 1 else pa.concat_tables([_plain(write.batch) for write in writes])
    if len(writes) > 1:
        records = records.combine_chunks()
    members = list(_members_of(writes))
    header = FrameHeader(
        writes[0].organisation_id,
        first_tick,
        worker,
        records.num_rows,
        records.nbytes,
        now,
        tuple(filter(_is_kept, members)),
    )
    return Draft(header, records, packed(header, records, salt), list(zip(writes, members, strict=True)))


def _members_of(writes: Sequence[Write]) -> Iterator[Member]:
    at = 0
    for write in writes:
        key = write.key
        if key is None:
            yield Member(at, write.rows, upload=write.upload)
        else:
            times = packed_times(write.batch.column("timestamp"))
            yield Member(at, write.rows, key.key, key.payload, times, write.upload)
        at += write.rows


def _is_kept(member: Member) -> bool:
    return bool(member.key or member.upload)


def _plain(batch: LogBatch) -> LogBatch:
    return batch if batch.schema.equals(LOG_SCHEMA) else batch.cast(LOG_SCHEMA)
