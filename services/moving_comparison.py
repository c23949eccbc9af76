"""Whether two stores hold the same records under the same ids: both are read from beginning to end.

The checksum of a record is 64 bits of BLAKE2b over its id and content; that of many is their sum, whatever their order. A
record that one store can search less of than it keeps says so in `problem`; such a note is not content.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

import orjson
import pyarrow as pa

from services.log_store.elasticsearch.documents import LONG_VALUE, LONG_WORD
from services.log_store.moving import BEFORE_ALL, MovableLogs
from services.model import LOG_SCHEMA, record_id

_SHOWN = 5
MODULUS = 1 << 64
_CONTENT = [name for name in LOG_SCHEMA.names if name not in ("timestamp", "shape", "tags", "problem")]
_NOTES = (LONG_VALUE, LONG_WORD)

Checksums = dict[str, int]
"""Id → checksum."""


@dataclass
class Comparison:
    """What is in the source, and what the target has of it. `others` are records that only the target has.

    missing, different  how many records; `examples` are ids of some of them
    """

    records: int = 0
    checksum: int = 0
    found: int = 0
    found_checksum: int = 0
    missing: int = 0
    different: int = 0
    others: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """Every record of the source is in the target, as it is in the source."""
        return self.missing == self.different == 0

    def show(self, identity: str) -> None:
        """Keep one of those that are missing or different as an example."""
        if len(self.examples) < _SHOWN:
            self.examples.append(identity)


def compare(source: MovableLogs, target: MovableLogs, organisation_id: str, up_to: int) -> Comparison:
    """Read both stores up to a seq and say where they differ."""
    result = Comparison()
    after = BEFORE_ALL
    for records in source.export(organisation_id, after, up_to):
        end = records["seq"][-1].as_py()
        _compare_stretch(result, checksums_of(records), target.export(organisation_id, after, end))
        after = end
    return result


def _compare_stretch(result: Comparison, wanted: Checksums, present: Iterable[pa.Table]) -> None:
    """Take in one stretch of seq: what the source has in it, and all that the target has."""
    result.records += len(wanted)
    result.checksum = (result.checksum + sum(wanted.values())) % MODULUS
    for records in present:
        for identity, checksum in checksums_of(records).items():
            expected = wanted.pop(identity, None)
            if expected is None:
                result.others += 1
                continue
            result.found += 1
            result.found_checksum = (result.found_checksum + checksum) % MODULUS
            if checksum != expected:
                result.different += 1
                result.show(identity)
    result.missing += len(wanted)
    for identity in wanted:
        result.show(identity)


def checksums_of(records: pa.Table) -> Checksums:
    """The checksum of each record (`MOVED_SCHEMA`)."""
    microseconds = records["timestamp"].cast(pa.int64()).to_pylist()
    seqs, tags, problems = (records[name].to_pylist() for name in ("seq", "tags", "problem"))
    rows = zip(*(records[name].to_pylist() for name in _CONTENT), strict=True)
    return {
        record_id(at, seq): _checksum((at, seq, tags or [], _without_notes(problem), *row))
        for at, seq, tags, problem, row in zip(microseconds, seqs, tags, problems, rows, strict=True)
    }


def _checksum(content: tuple[object, ...]) -> int:
    return int.from_bytes(blake2b(orjson.dumps(content), digest_size=8).digest(), "big")


def _without_notes(problem: str | None) -> str | None:
    parts = problem.split("; ") if problem else []
    while parts and parts[-1] in _NOTES:
        parts.pop()
    return "; ".join(parts) or None
