"""How much one page of records may hold: it ends early rather than fill the memory of the process that serves everybody.

Forty records of 10 MB on one page made an answer of 391 MB and a process of 2 GB. Lengths decide, inside DuckDB, before
any text is fetched. A page has at least one record, whatever its size.
"""

from collections.abc import Sequence
from typing import Any

import duckdb

from services.log_store.checks import PAGE_BYTES
from services.log_store.duckdb.rows import one_value

_TEXTS = (
    *("message", "raw", "attributes", "problem", "source", "service", "environment", "host", "trace_id", "span_id"),
    "tags::VARCHAR",
)
SIZE_SQL = " + ".join(f"coalesce(strlen({text}), 0)" for text in _TEXTS)


def within_budget(page: str, order: str) -> str:
    """SQL of the first rows of `page` (SQL without an order of its own) in `order`, up to the one that fills the budget.

    Two columns are added: the bytes of the row's texts, and how many rows `page` has.
    """
    measured = f"SELECT *, {SIZE_SQL} AS bytes, count(*) OVER () AS rows_of_page FROM ({page})"
    running = f"sum(bytes) OVER (ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    return f"""SELECT * EXCLUDE (bytes_so_far) FROM (SELECT *, {running} AS bytes_so_far FROM ({measured}))
               WHERE bytes_so_far - bytes < {PAGE_BYTES} ORDER BY {order}"""


def affordable(cursor: duckdb.DuckDBPyConnection, database: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """How many of `rows` (seq second, bytes last but one) the budget allows, with the long texts kept beside them."""
    beside = _long_bytes(cursor, database, [row[1] for row in rows])
    spent = 0
    for number, row in enumerate(rows):
        spent += row[-2] + beside.get(row[1], 0)
        if number and spent > PAGE_BYTES:
            return number
    return len(rows)


def _long_bytes(cursor: duckdb.DuckDBPyConnection, database: str, seqs: list[int]) -> dict[int, int]:
    if not seqs or not one_value(cursor, f"SELECT count(*) FROM {database}.long_texts"):
        return {}
    sql = f"""SELECT seq, sum(strlen(text))::BIGINT FROM {database}.long_texts
              WHERE seq IN (SELECT unnest(?::BIGINT[])) GROUP BY seq"""
    return dict(cursor.execute(sql, [seqs]).fetchall())
