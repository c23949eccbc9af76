"""What is delivered: frames of the spool, cut into parcels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from services.log_store.elasticsearch.documents import Document
from services.log_store.elasticsearch.frame import Frame


@dataclass(eq=False)
class Consignment:
    """A frame on its way.

    unsettled  records without a definite answer yet; only `Ledger` changes it
    shape_ids  of its records; None until the dictionary was asked
    """

    frame: Frame
    unsettled: int
    shape_ids: pa.Array | None = None


@dataclass(frozen=True, eq=False)
class Parcel:
    """Some records of a frame.

    rows       their positions in its batch
    documents  as they are sent, once they are made
    attempts   how often they were sent
    in_doubt   they may be stored: sent without an answer, by this process or an earlier one
    is_typed   with fields of their own for numbers and addresses
    """

    consignment: Consignment
    rows: Sequence[int]
    documents: Sequence[Document] | None = None
    attempts: int = 0
    in_doubt: bool = False
    is_typed: bool = True

    @property
    def organisation_id(self) -> str:
        return self.consignment.frame.organisation_id

    @property
    def size_bytes(self) -> int:
        """Of its records in memory, about."""
        frame = self.consignment.frame
        return max(1, frame.size_bytes * len(self.rows) // max(1, frame.rows))

    def batch(self) -> pa.Table:
        """Its records, with `seq`."""
        if isinstance(self.rows, range):
            return self.consignment.frame.batch.slice(self.rows.start, len(self.rows))
        return self.consignment.frame.batch.take(pa.array(self.rows))

    def shape_ids(self, assign: Callable[[pa.Table], pa.Array]) -> pa.Array:
        """Of its records; `assign` numbers the whole frame, where that was not done."""
        consignment = self.consignment
        if consignment.shape_ids is None:
            consignment.shape_ids = assign(consignment.frame.batch)
        if isinstance(self.rows, range):
            return consignment.shape_ids.slice(self.rows.start, len(self.rows))
        return consignment.shape_ids.take(pa.array(self.rows))

    def only(self, positions: Sequence[int]) -> "Parcel":
        """The records at these positions of it, ascending."""
        if len(positions) == len(self.rows):
            return self
        if isinstance(positions, range):
            rows: Sequence[int] = self.rows[positions.start : positions.stop]
        else:
            rows = [self.rows[position] for position in positions]
        made = None if self.documents is None else [self.documents[position] for position in positions]
        return replace(self, rows=rows, documents=made)

    def split(self, count: int) -> tuple["Parcel", "Parcel"]:
        """The first `count` records, and the others."""
        return self.only(range(count)), self.only(range(count, len(self.rows)))

    def untyped(self) -> "Parcel":
        """The same, to be made again without fields of their own."""
        return replace(self, documents=None, is_typed=False)


def pieces(parcels: Sequence[Parcel], positions: Sequence[int]) -> list[Parcel]:
    """The records at ascending positions of all parcels laid end to end, as parts of the parcels they belong to."""
    if len(positions) == sum(len(parcel.rows) for parcel in parcels):
        return list(parcels)
    found = []
    at, first = 0, 0
    for parcel in parcels:
        end = first + len(parcel.rows)
        local = []
        while at < len(positions) and positions[at] < end:
            local.append(positions[at] - first)
            at += 1
        if local:
            found.append(parcel.only(local))
        first = end
    return found


def halves(parcels: Sequence[Parcel]) -> tuple[list[Parcel], list[Parcel]]:
    """The first and the second half of their records; at least two records are needed."""
    total = sum(len(parcel.rows) for parcel in parcels)
    return pieces(parcels, range(total // 2)), pieces(parcels, range(total // 2, total))
