"""The dictionary of shapes: what a message looks like without its numbers, stored once.

Records carry `shape_id`. Only the organisation's writer uses this; what a transaction changes counts once `settle` is
called.
"""

import duckdb
import pyarrow as pa

from services.log_store.duckdb.dictionary import NORM_SQL
from services.log_store.duckdb.rows import first_row
from services.log_store.shape_rules import Filling, Plan, ShapeAssigner
from services.model import MASK_VERSION


class Shapes:
    """The dictionary of one organisation: all of it in its file, the recently used part in memory."""

    def __init__(self, database: str, cursor: duckdb.DuckDBPyConnection):
        self._database = database
        rows = cursor.execute(f"SELECT source FROM {database}.shapeless_sources").fetchall()
        counted = f"""SELECT count(*), coalesce(max(shape_id), -1) + 1, coalesce(sum(strlen(shape)), 0)::BIGINT
                      FROM {database}.shapes"""
        filling = Filling(*(first_row(cursor, counted) or ()))
        self._assigner = ShapeAssigner(filling, {row[0] for row in rows})

    def assign(self, cursor: duckdb.DuckDBPyConnection, sources: pa.ChunkedArray, shapes: pa.ChunkedArray) -> pa.Array:
        """shape_id of every record (int32, NULL without one); new shapes are inserted with `cursor`."""
        found = self._assigner.assign(sources, shapes, lambda texts: self._read(cursor, texts))
        self._insert(cursor, self._assigner.plan)
        return found

    def settle(self) -> None:
        """The transaction of the last `assign` is durable."""
        self._assigner.settle()

    def _read(self, cursor: duckdb.DuckDBPyConnection, texts: list[str]) -> dict[str, int]:
        cursor.register("wanted_shapes", pa.table({"shape": pa.array(texts, pa.string())}))
        sql = f"SELECT shape, shape_id FROM {self._database}.shapes SEMI JOIN wanted_shapes USING (shape) WHERE mask_version = ?"
        rows = cursor.execute(sql, [MASK_VERSION]).fetchall()
        cursor.unregister("wanted_shapes")
        return dict(rows)

    def _insert(self, cursor: duckdb.DuckDBPyConnection, plan: Plan) -> None:
        for source in plan.shapeless:
            cursor.execute(f"INSERT INTO {self._database}.shapeless_sources VALUES (?)", [source])
        if not plan.shapes:
            return
        names = ("shape_id", "shape")
        columns = (pa.array(plan.shapes.values(), pa.int32()), pa.array(plan.shapes.keys(), pa.string()))
        cursor.register("new_shapes", pa.table(dict(zip(names, columns, strict=True))))
        sql = f"INSERT INTO {self._database}.shapes SELECT shape_id, shape, ?, {NORM_SQL}, NULL FROM new_shapes"
        cursor.execute(sql, [MASK_VERSION])
        cursor.unregister("new_shapes")
