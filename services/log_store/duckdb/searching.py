"""From a query to the scans that answer it: the word index asked, in the snapshot of the search."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb

from services.log_store.duckdb import blocks, schema
from services.log_store.duckdb.block_index import BlockIndex, read_blocks
from services.log_store.duckdb.filters import FilterCache
from services.log_store.duckdb.indexed import (
    MAX_NARROWING_SHAPES,
    Engine,
    IndexedCompiler,
    PlainCompiler,
    ScanCompiler,
    ShapedCompiler,
    blocks_of,
    one_of,
)
from services.log_store.duckdb.matching import Matching
from services.log_store.duckdb.promoted import PathUses, Promoted, column_of
from services.log_store.duckdb.rows import one_value
from services.log_store.duckdb.words import Tokeniser, has_digits, hashes
from services.model import MASK_VERSION
from services.query.sql import Condition
from services.query.sql_engine import match_regex
from services.query.tree import Query

FILTER_BYTES = 128 << 20


@dataclass
class Index:
    """What searches of all organisations share: recent tokens and token filters, and which mask shapes are made with.

    `on_wanted` is told of an organisation where an attribute was asked for so often that it should be promoted.
    """

    tokeniser: Tokeniser = field(default_factory=Tokeniser)
    filters: FilterCache = field(default_factory=lambda: FilterCache(FILTER_BYTES))
    path_uses: PathUses = field(default_factory=PathUses)
    mask_version: int = field(default_factory=lambda: MASK_VERSION)
    on_wanted: Callable[[str], None] = lambda organisation_id: None


def matching(
    cursor: duckdb.DuckDBPyConnection,
    organisation_id: str,
    index: Index,
    query: Query,
    start: datetime | None,
    end: datetime | None,
) -> Matching:
    """The records that match the query and lie in the time range. `cursor` has a snapshot open."""
    database = schema.database(organisation_id)
    known = read_blocks(cursor, database, organisation_id, index.filters, index.mask_version)
    engine = _engine(cursor, database, index, known, lambda path: column_of(cursor, database, path))
    shaped = ShapedCompiler(engine, known.shaped)
    plain = PlainCompiler(engine, known.plain | known.stale)
    time = _time_range(start, end)
    found = shaped.compile(query)
    if index.path_uses.count(organisation_id, set(shaped.asked_paths)):
        index.on_wanted(organisation_id)
    if not shaped.asks_index:
        return Matching((_with(time, found),), blocks.BLOCK_ROWS * len(known.shaped | known.plain | known.stale))
    scans: list[tuple[IndexedCompiler, Condition, Condition | None]] = []
    if known.shaped or not plain.all_blocks:
        scans.append((shaped, found, _shaped_rows(known)))
    if plain.all_blocks:
        scans.append((plain, plain.compile(query), _plain_rows(known)))
    conditions = tuple(_with(time, own, compiler.narrowed(found)) for compiler, found, own in scans)
    return Matching(conditions, blocks.BLOCK_ROWS * sum(_read_blocks(compiler, found) for compiler, found, _ in scans))


def scanning(
    cursor: duckdb.DuckDBPyConnection,
    organisation_id: str,
    index: Index,
    query: Query,
    start: datetime | None,
    end: datetime | None,
) -> Matching:
    """The same records as `matching` finds, by reading every text: no filter, no dictionary, no promoted column."""
    database = schema.database(organisation_id)
    nothing_known = BlockIndex(frozenset(), frozenset(), frozenset())
    compiler = ScanCompiler(_engine(cursor, database, index, nothing_known, lambda path: None))
    found = _with(_time_range(start, end), compiler.compile(query))
    return Matching((found,), one_value(cursor, f"SELECT count(*) FROM {database}.logs"))


def _engine(
    cursor: duckdb.DuckDBPyConnection,
    database: str,
    index: Index,
    known: BlockIndex,
    promoted: Callable[[str], Promoted | None],
) -> Engine:
    shapes_table = f"{database}.shapes"
    return Engine(
        tokens=lambda text: index.tokeniser.tokens(cursor, text),
        has_digits=lambda words: has_digits(cursor, words),
        hashes=lambda keys: hashes(cursor, keys),
        shape_ids=lambda condition: _shape_ids(cursor, shapes_table, condition),
        shapes_table=shapes_table,
        patterns_table=f"{database}.patterns",
        index=known,
        promoted=promoted,
        match_regex=lambda pattern, texts: match_regex(cursor, pattern, texts),
    )


def _shape_ids(cursor: duckdb.DuckDBPyConnection, shapes_table: str, condition: Condition) -> frozenset[int] | None:
    sql = f"SELECT shape_id FROM {shapes_table} WHERE {condition.sql} LIMIT {MAX_NARROWING_SHAPES + 1}"
    rows = cursor.execute(sql, condition.values).fetchall()
    return None if len(rows) > MAX_NARROWING_SHAPES else frozenset(row[0] for row in rows)


def _shaped_rows(known: BlockIndex) -> Condition | None:
    """What tells records with a shape of the present mask from all others; None where there are no others."""
    if not known.plain and not known.stale:
        return None
    stale = f" AND NOT {one_of('block', known.stale)}" if known.stale else ""
    return Condition("shape_id IS NOT NULL" + stale)


def _plain_rows(known: BlockIndex) -> Condition | None:
    if not known.shaped:
        return None
    stale = f" OR {one_of('block', known.stale)}" if known.stale else ""
    return Condition(f"(shape_id IS NULL{stale})")


def _read_blocks(compiler: IndexedCompiler, found: Condition) -> int:
    narrowed = blocks_of(found)
    return len(compiler.all_blocks if narrowed is None else narrowed)


def _time_range(start: datetime | None, end: datetime | None) -> Condition | None:
    parts: list[str] = []
    values: list[Any] = []
    for bound, operator in ((start, ">="), (end, "<")):
        if bound is not None:
            parts.append(f"timestamp {operator} ?")
            values.append(bound.astimezone(UTC).replace(tzinfo=None))
    return Condition(" AND ".join(parts), values) if parts else None


def _with(*parts: Condition | None) -> Condition:
    """All of the conditions, in this order."""
    known = [part for part in parts if part is not None and part.sql != "true"]
    values = [value for part in known for value in part.values]
    return Condition(" AND ".join(part.sql for part in known) or "true", values, any(part.is_heavy for part in known))
