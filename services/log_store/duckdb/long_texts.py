"""Texts too long for the table of records: kept in pieces beside it.

DuckDB reads 2,048 rows at a time and holds their texts in memory: 500 messages of 1 MB made every checkpoint fail at a
memory limit of 512 MB. So a cell of `logs` has at most `LONG` characters, all that is searched; the whole text lies in
`long_texts`, cut in pieces, and is put back when the record is read. A JSON text cannot be cut: it moves as a whole.
"""

from collections.abc import Iterable
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.log_store.duckdb.rows import one_value
from services.log_store.interface import LogRecord
from services.model import parse_record_id
from services.query.sql import TEXT_LIMIT

LONG = TEXT_LIMIT
CUT = ("message", "raw")
MOVED = ("attributes",)

_PIECES = pa.schema([("seq", pa.int64()), ("field", pa.string()), ("part", pa.int32()), ("text", pa.string())])


def take_out(columns: dict[str, Any]) -> pa.Table | None:
    """Shorten the long texts in `columns` (which hold `seq`) in place; their pieces as a table, or None without any."""
    pieces: list[dict[str, Any]] = []
    for name in (*CUT, *MOVED):
        if (pc.max(pc.binary_length(columns[name])).as_py() or 0) <= LONG:  # bytes: never fewer than characters
            continue
        column, seqs_of_all = _whole(columns[name]), _whole(columns["seq"])
        mask = pc.fill_null(pc.greater(pc.utf8_length(column), LONG), False)
        texts, seqs = column.filter(mask), seqs_of_all.filter(mask)
        if not len(texts):
            continue
        for seq, text in zip(seqs.to_pylist(), texts.to_pylist(), strict=True):
            pieces += _pieces_of(seq, name, text)
        heads = pc.utf8_slice_codeunits(texts, 0, LONG) if name in CUT else pa.nulls(len(texts), pa.string())
        columns[name] = pc.replace_with_mask(column, mask, heads)
    return pa.Table.from_pylist(pieces, schema=_PIECES) if pieces else None


def _pieces_of(seq: int, name: str, text: str) -> Iterable[dict[str, Any]]:
    starts = range(0, len(text), LONG)
    return [
        {"seq": seq, "field": name, "part": part, "text": text[start : start + LONG]}
        for part, start in enumerate(starts)
    ]


def _whole(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def put_back(cursor: duckdb.DuckDBPyConnection, database: str, records: list[LogRecord]) -> None:
    """Give `records` their long texts, where they have any."""
    if not records or not one_value(cursor, f"SELECT count(*) FROM {database}.long_texts"):
        return
    by_seq = {parts[1]: record for record in records if (parts := parse_record_id(record["id"])) is not None}
    sql = f"""SELECT seq, field, text FROM {database}.long_texts
              WHERE seq IN (SELECT unnest(?::BIGINT[])) ORDER BY seq, field, part"""
    texts: dict[tuple[int, str], list[str]] = {}
    for seq, name, text in cursor.execute(sql, [list(by_seq)]).fetchall():
        texts.setdefault((seq, name), []).append(text)
    for (seq, name), pieces in texts.items():
        by_seq[seq][name] = "".join(pieces)


def delete_where(cursor: duckdb.DuckDBPyConnection, database: str, condition: str, values: list[Any]) -> None:
    """Remove the long texts of the records that are about to be deleted."""
    if one_value(cursor, f"SELECT count(*) FROM {database}.long_texts"):
        matching = f"SELECT seq FROM {database}.logs WHERE {condition}"
        cursor.execute(f"DELETE FROM {database}.long_texts WHERE seq IN ({matching})", values)
