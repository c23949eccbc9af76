"""The frames of a segment that an earlier process wrote, and what of it is damaged."""

from collections.abc import Iterator
from dataclasses import dataclass

from services.log_store.elasticsearch.frame import (
    MAGIC,
    PREFIX_BYTES,
    FrameHeader,
    Lengths,
    checksum,
    header_of,
    lengths_of,
)
from services.log_store.elasticsearch.segment import HEADER_BYTES, Segment

_AHEAD_BYTES = 512
"""Read with a prefix: most headers are shorter."""


@dataclass(frozen=True)
class Found:
    """A frame whose header is as it was written."""

    offset: int
    header: FrameHeader
    lengths: Lengths

    @property
    def end(self) -> int:
        return self.offset + self.lengths.whole


@dataclass(frozen=True)
class Hole:
    """Bytes from `offset` to `end` that are no frame.

    header   of the damaged frame, where that much can be read
    is_tail  no frame follows
    is_torn  they look like the beginning of a frame whose writing was never finished
    """

    offset: int
    end: int
    header: FrameHeader | None
    is_tail: bool
    is_torn: bool


def scan(segment: Segment, end: int, *, with_payloads: bool) -> Iterator[Found | Hole]:
    """All that lies between the segment's header and `end`, in order. Payloads are read and checked where asked.

    Raises `OSError`.
    """
    offset = HEADER_BYTES
    while offset < end:
        found = frame_at(segment, offset, end)
        if found is not None and found.end <= end and (not with_payloads or is_whole(segment, found)):
            yield found
            offset = found.end
        else:
            hole = hole_at(segment, offset, end, found)
            yield hole
            offset = hole.end


def frame_at(segment: Segment, offset: int, end: int) -> Found | None:
    """The frame that begins at `offset`; it may end behind `end`. None where its header is damaged or not complete."""
    ahead = segment.read(offset, min(PREFIX_BYTES + _AHEAD_BYTES, end - offset))
    lengths = lengths_of(ahead)
    if lengths is None or offset + PREFIX_BYTES + lengths.header > end:
        return None
    if PREFIX_BYTES + lengths.header > len(ahead):
        ahead += segment.read(offset + len(ahead), PREFIX_BYTES + lengths.header - len(ahead))
    described = ahead[PREFIX_BYTES : PREFIX_BYTES + lengths.header]
    header = header_of(ahead[:PREFIX_BYTES], described, segment.salt)
    return Found(offset, header, lengths) if header is not None else None


def payload_of(segment: Segment, found: Found) -> bytes:
    """The bytes of a frame's batch, unchecked."""
    return segment.read(found.offset + PREFIX_BYTES + found.lengths.header, found.lengths.payload)


def is_whole(segment: Segment, found: Found) -> bool:
    """Whether the bytes of the batch are those that were written."""
    return checksum(segment.salt, payload_of(segment, found)) == found.lengths.payload_check


def hole_at(segment: Segment, offset: int, end: int, found: Found | None) -> Hole:
    """What is damaged at `offset`, where `frame_at` found that, and where the next frame begins."""
    header = found.header if found is not None else None
    following = _next_frame(segment, offset + 1, end)
    if found is not None and found.end <= end and (following is None or following > found.end):
        return Hole(offset, found.end, header, found.end == end, is_torn=False)
    if following is not None:  # within the frame where bytes are missing from it
        return Hole(offset, following, header, is_tail=False, is_torn=False)
    return Hole(offset, end, header, is_tail=True, is_torn=found is not None or _is_begun(segment, offset, end))


def _next_frame(segment: Segment, offset: int, end: int) -> int | None:
    """Where the next frame with a good header begins. No message can pretend to be one: it does not know the salt."""
    rest = segment.read(offset, end - offset)
    at = rest.find(MAGIC)
    while at >= 0:
        found = frame_at(segment, offset + at, end)
        if found is not None and found.end <= end:
            return found.offset
        at = rest.find(MAGIC, at + 1)
    return None


def _is_begun(segment: Segment, offset: int, end: int) -> bool:
    """Whether a frame was begun that does not reach to the end of its header, or the file grew and nothing was written."""
    rest = segment.read(offset, end - offset)
    if not rest.strip(b"\0"):
        return True
    lengths = lengths_of(rest)
    if lengths is None:
        return len(rest) < PREFIX_BYTES and rest[: len(MAGIC)] == MAGIC[: len(rest)]
    return PREFIX_BYTES + lengths.header > len(rest)
