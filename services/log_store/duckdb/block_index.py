"""The blocks of an organisation's file and their token filters, as one snapshot has them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import duckdb

from services.log_store.duckdb.filters import PROBE_TEXT, FilterCache, TokenFilter
from services.model import MASK_VERSION


@dataclass(frozen=True)
class BlockIndex:
    """Which blocks there are, and which of them can hold given keys.

    shaped   blocks whose records all have a shape of the present mask
    plain    blocks whose records have none
    stale    blocks with shapes of an older mask: their messages are read
    filters  of the sealed blocks among them
    """

    shaped: frozenset[int]
    plain: frozenset[int]
    stale: frozenset[int]
    filters: dict[int, TokenFilter] = field(default_factory=dict)

    def admitting(self, blocks: Iterable[int], hashes: Sequence[int]) -> frozenset[int]:
        """Those of `blocks` that may hold all of the keys: the others surely do not."""
        filters = self.filters
        return frozenset(block for block in blocks if block not in filters or filters[block].admits(hashes))


def read_blocks(
    cursor: duckdb.DuckDBPyConnection,
    database: str,
    organisation_id: str,
    cache: FilterCache,
    mask_version: int = MASK_VERSION,
) -> BlockIndex:
    """The index of the snapshot that `cursor` has open."""
    rows = cursor.execute(
        f"""SELECT block, has_shapes, mask_version, filter_id FROM {database}.blocks
            LEFT JOIN (SELECT block, filter_id FROM {database}.filters WHERE engine_hash = hash(?)) USING (block)""",
        [PROBE_TEXT],
    ).fetchall()
    shaped = frozenset(block for block, has_shapes, version, _ in rows if has_shapes and version == mask_version)
    stale = frozenset(block for block, has_shapes, version, _ in rows if has_shapes and version != mask_version)
    plain = frozenset(block for block, has_shapes, _, _ in rows if not has_shapes)
    sealed = {filter_id: block for block, _, _, filter_id in rows if filter_id is not None and block not in stale}
    known = cache.get(organisation_id, sealed)
    missing = [filter_id for filter_id in sealed if filter_id not in known]
    if missing:
        read = _read_filters(cursor, database, missing)
        cache.put(organisation_id, read)
        known |= read
    return BlockIndex(shaped, plain, stale, {sealed[filter_id]: each for filter_id, each in known.items()})


def _read_filters(cursor: duckdb.DuckDBPyConnection, database: str, filter_ids: list[int]) -> dict[int, TokenFilter]:
    sql = f"SELECT filter_id, bits FROM {database}.filters WHERE filter_id IN (SELECT unnest(?::BIGINT[]))"
    return {row[0]: TokenFilter(row[1]) for row in cursor.execute(sql, [filter_ids]).fetchall()}
