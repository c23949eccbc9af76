"""Sealing: a full block gets its token filter, once and for all.

A block is full when a later one of its kind has begun. From then on nothing is added to it; what is deleted from it leaves
a filter that admits a little too much, which is still exact.
The keys (see `filters`) are collected a slice of records at a time, so that no statement holds the engine for long.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from services.log_store.duckdb.filters import MAX_KEYS, PROBE_TEXT, WINDOW, TokenFilter
from services.model import MASKABLE
from services.query.sql import INSIDE, NOT_INSIDE, TEXT_LIMIT

SLICE_BYTES = 16 << 20
"""Text of one statement: about a tenth of a second."""
MAX_BLOCK_BYTES = 512 << 20
"""A block with more text gets a filter that admits everything."""

Keys = npt.NDArray[np.uint64]
Pause = Callable[[], None]

_RUNS = f"{MASKABLE}(?:{NOT_INSIDE}+{MASKABLE})*"
_WINDOWS = (
    f"list_transform(range(1, len(tokens) - {WINDOW - 2}), lambda i: array_to_string(tokens[i:i + {WINDOW - 1}], ' '))"
)
_KEYS = rf"""
    WITH texts AS MATERIALIZED (
        SELECT lower(left(message, {TEXT_LIMIT})) AS text, trace_id FROM {{logs}} WHERE block = ? AND seq BETWEEN ? AND ?),
    runs AS (SELECT DISTINCT unnest(regexp_extract_all(text, '{_RUNS}')) AS run FROM texts),
    split AS (SELECT regexp_extract_all(run, '{INSIDE}+') AS tokens FROM runs),
    keys AS (
        SELECT unnest({{tokens}}) AS key FROM {{source}}
        UNION ALL SELECT unnest({_WINDOWS}) FROM split WHERE len(tokens) >= {WINDOW}
        UNION ALL SELECT 't:' || trace_id FROM texts WHERE trace_id IS NOT NULL)
    SELECT DISTINCT hash(key) AS key FROM keys"""
_OF_SHAPED = {"tokens": "tokens", "source": "split"}
_OF_PLAIN = {"tokens": f"regexp_extract_all(text, '{INSIDE}+')", "source": "texts"}


@dataclass(frozen=True)
class FullBlock:
    """A block that is full and has no filter yet."""

    number: int
    has_shapes: bool


def unsealed(cursor: duckdb.DuckDBPyConnection, database: str, mask_version: int) -> list[FullBlock]:
    """The full blocks without a filter that this engine can ask, oldest first."""
    sql = f"""SELECT block, has_shapes FROM {database}.blocks AS each
              WHERE block < (SELECT max(block) FROM {database}.blocks AS last WHERE last.has_shapes = each.has_shapes)
                AND (mask_version = ? OR NOT has_shapes)
                AND block NOT IN (SELECT block FROM {database}.filters WHERE engine_hash = hash(?))
              ORDER BY block"""
    return [FullBlock(*row) for row in cursor.execute(sql, [mask_version, PROBE_TEXT]).fetchall()]


def collect(cursor: duckdb.DuckDBPyConnection, database: str, block: FullBlock, pause: Pause) -> TokenFilter:
    """The filter of the block as it is now; `pause` is called between two statements."""
    logs = f"{database}.logs"
    slices = list(_slices(cursor, logs, block.number))
    keys = np.empty(0, np.uint64)
    statement = _KEYS.format(logs=logs, **(_OF_SHAPED if block.has_shapes else _OF_PLAIN))
    for first, last in slices:
        found: Keys = cursor.execute(statement, [block.number, first, last]).fetchnumpy()["key"]
        keys = np.union1d(keys, np.asarray(found, np.uint64))
        if len(keys) > MAX_KEYS:
            break
        pause()
    return TokenFilter.of(keys) if slices else TokenFilter(b"")


def _slices(cursor: duckdb.DuckDBPyConnection, logs: str, block: int) -> Iterator[tuple[int, int]]:
    """(first seq, last seq) of slices of about `SLICE_BYTES`; none where the block holds too much text."""
    measured = f"SELECT sum(least(strlen(message), {TEXT_LIMIT}))::BIGINT, count(*) FROM {logs} WHERE block = ?"
    text_bytes, records = cursor.execute(measured, [block]).fetchall()[0]
    if not records or text_bytes > MAX_BLOCK_BYTES:
        return
    count = max(1, -(-text_bytes // SLICE_BYTES))
    bounds = f"""SELECT min(seq), max(seq) FROM
                 (SELECT seq, ntile({count:d}) OVER (ORDER BY seq) AS slice FROM {logs} WHERE block = ?) GROUP BY slice"""
    yield from cursor.execute(bounds, [block]).fetchall()


def store_filter(cursor: duckdb.DuckDBPyConnection, database: str, block: FullBlock, made: TokenFilter) -> None:
    """Put the filter into the file, in the transaction that `cursor` has open; an older one of the block goes."""
    cursor.execute(f"DELETE FROM {database}.filters WHERE block = ?", [block.number])
    cursor.execute(
        f"INSERT INTO {database}.filters VALUES (?, ?, hash(?), ?)",
        [block.number, secrets.randbits(62), PROBE_TEXT, made.bits],
    )
