"""How records leave one store and come into another with the ids that they have.

Records are handed over in the order of seq, so a seq is a position: everything up to it is done. Idempotency keys, the
progress of uploads and patterns stay behind; patterns are made anew from the records.
"""

from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa

from services.model import LOG_SCHEMA

MOVED_SCHEMA = LOG_SCHEMA.append(pa.field("seq", pa.int64(), nullable=False))
"""Records on their way. `shape` is not exported (NULL); `restore` needs it, as `append` does."""

BEFORE_ALL = -1
"""The position before every record."""


class MovableLogs(Protocol):
    """What a store offers for moving. Everything raises the errors of the store."""

    def organisations(self) -> list[str]:
        """Ids of the organisations that have records."""
        ...

    def last_seq(self, organisation_id: str) -> int | None:
        """The highest seq of the organisation's records; None where it has none."""
        ...

    def export(self, organisation_id: str, after: int, up_to: int) -> Iterator[pa.Table]:
        """The records with `after` < seq <= `up_to` in the order of seq, some MB at a time (`MOVED_SCHEMA`)."""
        ...

    def restore(self, organisation_id: str, records: pa.Table) -> int:
        """Store those of the records (`MOVED_SCHEMA`) whose id is not there yet, durably; says how many those were."""
        ...
