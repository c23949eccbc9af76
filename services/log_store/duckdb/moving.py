"""Records leave a file and come into one with the seq that they have: how logs move between stores."""

from itertools import accumulate

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.log_store.duckdb.commit import OrganisationState, insert_records
from services.log_store.duckdb.page_budget import SIZE_SQL
from services.log_store.duckdb.rows import one_value
from services.log_store.moving import MOVED_SCHEMA
from services.log_store.sequence import tick_of_seq
from services.model import LEVELS, LOG_SCHEMA

CHUNK_ROWS = 10_000
"""Records at once: DuckDB finds them by their seq alone and reads the wide columns of these only."""
CHUNK_BYTES = 32 << 20
"""Texts at once; one record may be more."""

_STORED = [name for name in LOG_SCHEMA.names if name not in ("timestamp", "level", "shape")]


def last_seq(cursor: duckdb.DuckDBPyConnection, database: str) -> int | None:
    """The highest seq of the file's records; None without any."""
    found: int | None = one_value(cursor, f"SELECT max(seq) FROM {database}.logs")
    return found


def chunk_after(cursor: duckdb.DuckDBPyConnection, database: str, after: int, up_to: int) -> pa.Table | None:
    """The next records with `after` < seq <= `up_to`, by seq, as `MOVED_SCHEMA`; None where there are no more."""
    end = _end_of_chunk(cursor, database, after, up_to)
    if end is None:
        return None
    columns = ", ".join(_STORED)
    sql = f"SELECT seq, timestamp, level, {columns} FROM {database}.logs WHERE seq > ? AND seq <= ? ORDER BY seq"
    found = cursor.sql(sql, params=[after, end]).to_arrow_table()
    whole = _with_long_texts(cursor, database, after, end, found)
    whole["level"] = pa.array(LEVELS).take(found["level"])
    whole["shape"] = pa.nulls(len(found), pa.string())
    return pa.table([whole[name].cast(MOVED_SCHEMA.field(name).type) for name in MOVED_SCHEMA.names], MOVED_SCHEMA)


def _end_of_chunk(cursor: duckdb.DuckDBPyConnection, database: str, after: int, up_to: int) -> int | None:
    """The seq of the chunk's last record: as many as are allowed, at least one."""
    narrow = f"SELECT seq FROM {database}.logs WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT {CHUNK_ROWS}"
    last = one_value(cursor, f"SELECT max(seq) FROM ({narrow})", [after, up_to])
    if last is None:
        return None
    sql = f"""SELECT seq, {SIZE_SQL} + coalesce(beside, 0) FROM {database}.logs
              LEFT JOIN (SELECT seq, sum(strlen(text))::BIGINT AS beside FROM {database}.long_texts
                         WHERE seq > ? AND seq <= ? GROUP BY seq) USING (seq)
              WHERE seq > ? AND seq <= ? ORDER BY seq"""
    rows = cursor.execute(sql, [after, last, after, last]).fetchall()
    spent = accumulate(size for _, size in rows)
    within = [seq for (seq, _), so_far in zip(rows, spent, strict=True) if so_far <= CHUNK_BYTES]
    return int(within[-1] if within else rows[0][0])


def _with_long_texts(
    cursor: duckdb.DuckDBPyConnection, database: str, after: int, end: int, found: pa.Table
) -> dict[str, pa.ChunkedArray | pa.Array]:
    """The columns by name, each text as long as it came."""
    columns = {name: found[name] for name in found.column_names}
    sql = f"""SELECT field, seq, string_agg(text, '' ORDER BY part) FROM {database}.long_texts
              WHERE seq > ? AND seq <= ? GROUP BY field, seq"""
    texts: dict[str, dict[int, str]] = {}
    for name, seq, text in cursor.execute(sql, [after, end]).fetchall():
        texts.setdefault(name, {})[seq] = text
    seqs = found["seq"].to_pylist()
    for name, by_seq in texts.items():
        whole = [by_seq.get(seq, text) for seq, text in zip(seqs, columns[name].to_pylist(), strict=True)]
        columns[name] = pa.array(whole, pa.string())
    return columns


def restore_records(writing: duckdb.DuckDBPyConnection, state: OrganisationState, records: pa.Table) -> int:
    """Store what the file does not have of `records` (`MOVED_SCHEMA`, with shapes), in the open transaction; says how many.

    Later records get higher seqs than any of these.
    """
    records = _each_once(records)
    fresh = records.filter(pc.invert(pc.is_in(records["seq"], value_set=_present(writing, state.database, records))))
    if fresh.num_rows:
        insert_records(writing, state, fresh.select(LOG_SCHEMA.names), fresh["seq"])
    state.last_tick = max(state.last_tick, tick_of_seq(pc.max(records["seq"]).as_py()))
    return int(fresh.num_rows)


def _each_once(records: pa.Table) -> pa.Table:
    """A server that was sent a record twice may have it twice."""
    seqs = records["seq"].combine_chunks()
    if pc.count_distinct(seqs).as_py() == len(seqs):
        return records
    encoded = seqs.dictionary_encode()
    return records.take(pc.index_in(encoded.dictionary, value_set=seqs))


def _present(writing: duckdb.DuckDBPyConnection, database: str, records: pa.Table) -> pa.ChunkedArray:
    """seq of those of the records that are in the file."""
    wanted = {"seq": records["seq"], "timestamp": records["timestamp"].cast(pa.timestamp("us"))}
    bounds = pc.min_max(records["seq"])
    writing.register("wanted", pa.table(wanted))
    sql = f"SELECT seq FROM {database}.logs SEMI JOIN wanted USING (seq, timestamp) WHERE seq BETWEEN ? AND ?"
    found = writing.sql(sql, params=[bounds["min"].as_py(), bounds["max"].as_py()]).to_arrow_table()
    writing.unregister("wanted")
    return found["seq"]
