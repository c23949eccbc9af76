"""The dictionary of shapes and patterns of each organisation, in the relational database.

Documents carry `elkvision.shape`, a number. What shape that is and which pattern it belongs to stands here, so that a
pattern that takes in another one changes no document. Shapes of records that were deleted remain; the limits of
`services.log_store.shape_rules` bound them.
"""

import pyarrow as pa

from services.database import Database
from services.log_store.elasticsearch.shapes_grouping import Grouping
from services.log_store.elasticsearch.shapes_numbers import ShapeNumbers
from services.log_store.elasticsearch.shapes_patterns import PatternGroups, Patterns


class ShapeDictionary:
    """Shapes and patterns of all organisations. Safe for several threads, and for several processes on one database.

    Everything raises what `services.database.Database` raises.
    """

    def __init__(self, database: Database):
        self._groups = PatternGroups(database)
        self._grouping = Grouping(self._groups.group)
        self._numbers = ShapeNumbers(database, self._grouping.notify)

    def start(self) -> None:
        """Begin to group new shapes in the background; without it they are grouped when patterns are asked for."""
        self._grouping.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the work in the background."""
        self._grouping.stop(timeout_s)

    def assign(self, organisation_id: str, sources: pa.ChunkedArray, shapes: pa.ChunkedArray) -> pa.Array:
        """The number of every record's shape (int32, NULL without one), in the order of the records.

        A shape keeps its number. New ones are durable when this returns; a batch without new ones costs no transaction.
        """
        return self._numbers.assign(organisation_id, sources, shapes)

    def group(self, organisation_id: str) -> int:
        """Give every shape its pattern now; says how many had none. About 0.2 ms a shape."""
        return self._groups.group(organisation_id)

    def has_ungrouped(self, organisation_id: str) -> bool:
        """Whether there are shapes without a pattern."""
        return self._groups.has_ungrouped(organisation_id)

    def shape_ids(self, organisation_id: str, pattern_id: int) -> list[int]:
        """Numbers of the shapes that belong to the pattern or to the one that took it in, ascending; [] for one that is
        not known. Shapes that were not grouped yet belong to none: see `group`."""
        return self._groups.shape_ids(organisation_id, pattern_id)

    def shape_ids_with_pattern(self, organisation_id: str) -> list[int]:
        """Numbers of the shapes that belong to any pattern, ascending: at most 50,000 of a mask."""
        return sorted(self._groups.patterns_of(organisation_id))

    def patterns_of(self, organisation_id: str) -> Patterns:
        """shape number → (pattern id, template) of every shape that was grouped. Not to be changed by the caller."""
        return self._groups.patterns_of(organisation_id)
