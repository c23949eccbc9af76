"""Moves the logs of organisations from one store to another, ids and all, and proves that they are there.

Portions go over in the order of seq. After each of them its last seq is written to a small file, so that a move that ended
in the middle goes on there; that file only saves time, as a store leaves out what it has already. At the end both stores
are read, record by record. The source is not changed.

Records keep timestamp and seq, so links and cursors stay good. What stays behind: idempotency keys (24 hours), how far
uploads are, and patterns, which the target makes anew.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from services.errors import ConfigError
from services.ingest.normalise import shapes
from services.log_store.moving import BEFORE_ALL, MovableLogs
from services.moving_comparison import Comparison, compare

Report = Callable[[str], None]
"""Takes a line that tells people how far it is."""


@dataclass(frozen=True)
class Moved:
    """What a move of one organisation did. `stored` counts the records that the target did not have before."""

    organisation_id: str
    stored: int
    comparison: Comparison


class Place:
    """How far the move of one organisation is: written after each portion, gone at the end."""

    def __init__(self, path: Path):
        self._path = path

    def read(self) -> int:
        """The seq up to which everything went over; `BEFORE_ALL` where nothing is known."""
        try:
            found = json.loads(self._path.read_text())["seq"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return BEFORE_ALL
        return found if isinstance(found, int) else BEFORE_ALL

    def write(self, seq: int) -> None:
        """Everything up to `seq` is durable in the target."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        with new.open("w") as file:
            json.dump({"seq": seq}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)

    def clear(self) -> None:
        """The move is done."""
        self._path.unlink(missing_ok=True)


def move_all(source: MovableLogs, target: MovableLogs, folder: Path, report: Report, only: str = "") -> list[Moved]:
    """Move the organisation `only`, or all of them; tells what the comparison of each found.

    `folder` keeps how far each organisation is. Raises `ConfigError` where the source has no such organisation, and the
    errors of both stores: what went over before stays, and another call goes on.
    """
    present = source.organisations()
    if only and only not in present:
        raise ConfigError(f"There are no logs of an organisation {only!r} to move.")
    chosen = [only] if only else present
    return [move(source, target, each, Place(folder / f"{each}.json"), report) for each in chosen]


def move(source: MovableLogs, target: MovableLogs, organisation_id: str, place: Place, report: Report) -> Moved:
    """Move the records of one organisation that are in the source now."""
    last = source.last_seq(organisation_id)
    up_to = BEFORE_ALL if last is None else last
    after = place.read()
    stored = _copy(source, target, organisation_id, place, up_to, report)
    comparison = _compared(source, target, organisation_id, up_to, report)
    if not comparison.is_equal and after != BEFORE_ALL:
        report(f"{organisation_id}: an earlier move left gaps; from the beginning again")
        place.clear()
        stored += _copy(source, target, organisation_id, place, up_to, report)
        comparison = _compared(source, target, organisation_id, up_to, report)
    place.clear()
    return Moved(organisation_id, stored, comparison)


def _copy(
    source: MovableLogs, target: MovableLogs, organisation_id: str, place: Place, up_to: int, report: Report
) -> int:
    """Bring over what lies behind `place`; says how many records the target did not have."""
    stored = seen = 0
    for records in source.export(organisation_id, place.read(), up_to):
        stored += target.restore(organisation_id, _with_shapes(records))
        seen += records.num_rows
        place.write(records["seq"][-1].as_py())
        report(f"{organisation_id}: {seen:,} records read, {stored:,} stored")
    return stored


def _with_shapes(records: pa.Table) -> pa.Table:
    """The shapes of messages, by the rule that gave them their shapes at first."""
    messages = records["message"].combine_chunks()
    masked = shapes(messages)
    if pa.types.is_dictionary(masked.type):
        masked = masked.cast(pa.string())
    return records.set_column(records.schema.get_field_index("shape"), records.schema.field("shape"), masked)


def _compared(source: MovableLogs, target: MovableLogs, organisation_id: str, up_to: int, report: Report) -> Comparison:
    report(f"{organisation_id}: comparing")
    return compare(source, target, organisation_id, up_to)
