"""Blocks: about 30,000 records each, as many as a row group, the unit that the word index seals and filters.

A block holds either only records with a shape or only records without one, so two blocks are open at a time.
Only the organisation's writer uses this; what a transaction changes counts once `settle` is called.
"""

from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.log_store.duckdb.rows import one_value
from services.model import MASK_VERSION

BLOCK_ROWS = 30_720


@dataclass
class OpenBlock:
    """A block that still takes records."""

    number: int
    rows: int


class Blocks:
    """The open blocks of one organisation."""

    def __init__(self, database: str, cursor: duckdb.DuckDBPyConnection):
        self._database = database
        self._last = int(one_value(cursor, f"SELECT coalesce(max(block), -1) FROM {database}.blocks"))
        self._open = {kind: self._newest(cursor, kind) for kind in (True, False)}
        self._planned = dict(self._open)

    def _newest(self, cursor: duckdb.DuckDBPyConnection, has_shapes: bool) -> OpenBlock | None:
        newest = f"""SELECT max(block) FROM {self._database}.blocks
                     WHERE has_shapes = ? AND (mask_version = ? OR NOT has_shapes)
                       AND block NOT IN (SELECT block FROM {self._database}.filters)"""
        number = one_value(cursor, newest, [has_shapes, MASK_VERSION])
        if number is None:
            return None
        counted = f"SELECT count(*) FROM {self._database}.logs WHERE block = ?"
        return OpenBlock(number, one_value(cursor, counted, [number]))

    def assign(self, cursor: duckdb.DuckDBPyConnection, shape_ids: pa.Array) -> pa.Array:
        """The block of every record (int32), by whether it has a shape; new blocks are inserted with `cursor`."""
        self._planned = dict(self._open)
        without = shape_ids.null_count
        if without == 0:
            return self._take(cursor, True, len(shape_ids))
        if without == len(shape_ids):
            return self._take(cursor, False, len(shape_ids))
        is_null = shape_ids.is_null()
        shaped = self._take(cursor, True, len(shape_ids) - without)
        shapeless = self._take(cursor, False, without)
        return pc.replace_with_mask(
            pc.replace_with_mask(_zeros(len(shape_ids)), is_null, shapeless), pc.invert(is_null), shaped
        )

    def _take(self, cursor: duckdb.DuckDBPyConnection, has_shapes: bool, rows: int) -> pa.Array:
        parts: list[pa.Array] = []
        while rows:
            block = self._planned[has_shapes]
            if block is None or block.rows >= BLOCK_ROWS:
                block = self._begin(cursor, has_shapes)
            # A row group of 122,880 stays whole: a fresh block takes up to a quarter more than its target.
            fits = rows if block.rows + rows <= BLOCK_ROWS * 5 // 4 else max(BLOCK_ROWS - block.rows, 0)
            self._planned[has_shapes] = OpenBlock(block.number, block.rows + fits)
            parts.append(pa.repeat(pa.scalar(block.number, pa.int32()), fits))
            rows -= fits
        return pa.concat_arrays(parts)

    def _begin(self, cursor: duckdb.DuckDBPyConnection, has_shapes: bool) -> OpenBlock:
        numbers = [block.number for block in self._planned.values() if block is not None]
        number = max([self._last, *numbers]) + 1
        cursor.execute(f"INSERT INTO {self._database}.blocks VALUES (?, ?, ?)", [number, has_shapes, MASK_VERSION])
        return OpenBlock(number, 0)

    def settle(self) -> None:
        """The transaction of the last `assign` is durable."""
        self._open = self._planned
        self._last = max([self._last, *(block.number for block in self._open.values() if block is not None)])


def _zeros(rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(0, pa.int32()), rows)
