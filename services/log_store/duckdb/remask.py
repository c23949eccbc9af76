"""When the mask changes: the records of older blocks get shapes of the present mask, block by block in the background.

Until then their messages are read (`BlockIndex.stale`). Each block is done in one transaction of the writer: its records move
to the blocks that are open now, as if they had just come.
"""

import duckdb
import pyarrow as pa

from services.log_store.duckdb.commit import OrganisationState
from services.model import MASKABLE, MAX_SHAPED_BYTES

_SHAPES = f"""SELECT seq, source, CASE WHEN strlen(message) <= {MAX_SHAPED_BYTES}
    THEN regexp_replace(message, '{MASKABLE}', chr(26), 'g') END AS shape"""


def stale_blocks(cursor: duckdb.DuckDBPyConnection, database: str, mask_version: int) -> list[int]:
    """Blocks with shapes of another mask, oldest first."""
    sql = f"SELECT block FROM {database}.blocks WHERE has_shapes AND mask_version <> ? ORDER BY block"
    return [row[0] for row in cursor.execute(sql, [mask_version]).fetchall()]


def remask(writing: duckdb.DuckDBPyConnection, state: OrganisationState, block: int) -> int:
    """Give the records of a block new shapes and a new block, in the open transaction; says how many records."""
    database = state.database
    select = f"{_SHAPES} FROM {database}.logs WHERE block = {block:d} ORDER BY seq"
    found = writing.sql(select).to_arrow_table()
    shape_ids = state.shapes.assign(writing, found.column("source"), found.column("shape"))
    columns = {"seq": found.column("seq"), "shape_id": shape_ids, "block": state.blocks.assign(writing, shape_ids)}
    writing.register("remasked", pa.table(columns))
    writing.execute(
        f"""UPDATE {database}.logs AS target SET shape_id = remasked.shape_id, block = remasked.block
            FROM remasked WHERE target.block = {block:d} AND target.seq = remasked.seq"""
    )
    writing.unregister("remasked")
    for table in ("blocks", "filters"):
        writing.execute(f"DELETE FROM {database}.{table} WHERE block = ?", [block])
    return int(found.num_rows)


def forget_older_shapes(writing: duckdb.DuckDBPyConnection, database: str, mask_version: int) -> int:
    """Remove the shapes of other masks, once no block has them; says how many."""
    left = writing.execute(f"DELETE FROM {database}.shapes WHERE mask_version <> ?", [mask_version])
    return int(left.fetchall()[0][0])
