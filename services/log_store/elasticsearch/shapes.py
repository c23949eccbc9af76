"""The dictionary of shapes of each organisation, in the relational database.

Documents carry `elkvision.shape`, a number. What shape that is and which pattern it belongs to stands here, so that a
pattern that takes in another one changes no document. Shapes of records that were deleted remain; the limits of
`services.log_store.shape_rules` bound them.
"""

import pyarrow as pa

from services.database import Database
from services.log_store.elasticsearch.shapes_numbers import ShapeNumbers


class ShapeDictionary:
    """Shapes and patterns of all organisations. Safe for several threads, and for several processes on one database.

    Everything raises what `services.database.Database` raises.
    """

    def __init__(self, database: Database):
        self._numbers = ShapeNumbers(database, lambda organisation_id: None)

    def assign(self, organisation_id: str, sources: pa.ChunkedArray, shapes: pa.ChunkedArray) -> pa.Array:
        """The number of every record's shape (int32, NULL without one), in the order of the records.

        A shape keeps its number. New ones are durable when this returns; a batch without new ones costs no transaction.
        """
        return self._numbers.assign(organisation_id, sources, shapes)
