"""Frames read back from a segment, checked again."""

from services.log_store.elasticsearch.frame import Frame, records_of
from services.log_store.elasticsearch.segment_scan import Found, Hole, frame_at, hole_at, payload_of
from services.log_store.elasticsearch.spool_tally import Tally


def read_back(tally: Tally, offset: int) -> Frame | Found | Hole:
    """What lies at `offset`: a frame to be delivered, one that is done or has no records (`Found`), or damage.

    Raises `OSError`.
    """
    segment = tally.segment
    found = frame_at(segment, offset, tally.end)
    if found is None or found.end > tally.end:
        return hole_at(segment, offset, tally.end, found)
    if offset in tally.done or found.header.rows == 0:
        return found
    records = records_of(payload_of(segment, found), found.lengths, segment.salt)
    if records is None:
        return hole_at(segment, offset, tally.end, found)
    return Frame(found.header, records, tally.in_doubt, segment.number, offset, found.lengths.whole)
