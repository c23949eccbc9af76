"""Damaged bytes of the spool: said loudly, counted, and kept aside so that somebody can look at them."""

import logging
import os
from pathlib import Path

from services.log_store.elasticsearch.segment import Segment, sync_folder
from services.log_store.elasticsearch.segment_scan import Hole

log = logging.getLogger(__name__)


class Damages:
    """Counts of one process.

    stretches     damaged stretches that were kept aside as `<segment>-<offset>.damaged`
    torn_bytes    cut from the end: what a process wrote when it stopped, acknowledged to nobody
    lost_records  records whose frames could not be read, as far as it is known how many
    """

    def __init__(self) -> None:
        self.stretches = 0
        self.torn_bytes = 0
        self.lost_records = 0

    def note(self, segment: Segment, hole: Hole) -> bool:
        """Count a damaged stretch and keep its bytes aside; False where the disk did not take them."""
        size, name, whose = hole.end - hole.offset, segment.path.name, _whose(hole)
        if hole.is_tail and hole.is_torn:
            self.torn_bytes += size
            log.warning("spool: %d bytes %s of an unfinished write at the end of %s", size, whose, name)
            return hole.header is not None or self._kept(segment, hole)
        self.stretches += 1
        self.lost_records += hole.header.rows if hole.header is not None else 0
        log.error("spool: %d damaged bytes %s in %s at %d", size, whose, name, hole.offset)
        return self._kept(segment, hole)

    def note_header(self, segment: Segment) -> None:
        """The first bytes of a segment are damaged; its frames can be read all the same."""
        self.stretches += 1
        log.error("spool: the header of %s is damaged", segment.path.name)

    def note_end(self, segment: Segment, missing_bytes: int) -> None:
        """A segment is shorter than it was."""
        self.stretches += 1
        log.error("spool: %d bytes at the end of %s are missing", missing_bytes, segment.path.name)

    def lose(self, records: int, organisation_id: str, segment: Segment) -> None:
        """Records are missing from a segment that was read to its end."""
        self.lost_records += records
        log.error(
            "spool: %d records of organisation %s could not be read from %s",
            records,
            organisation_id,
            segment.path.name,
        )

    def _kept(self, segment: Segment, hole: Hole) -> bool:
        path = segment.path.with_name(f"{segment.path.stem}-{hole.offset}.damaged")
        try:
            content = segment.read(hole.offset, hole.end - hole.offset)
            if content.strip(b"\0"):
                _write_durably(path, content)
        except OSError as error:
            log.error("spool: damaged bytes could not be kept in %s: %s", path.name, error)
            return False
        return True


def _whose(hole: Hole) -> str:
    if hole.header is None:
        return "of unknown organisations"
    return f"({hole.header.rows} records of organisation {hole.header.organisation_id})"


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)
