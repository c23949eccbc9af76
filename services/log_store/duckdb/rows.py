"""One row of an SQL answer, read to its end: a result that is half read blocks its connection."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import duckdb


def first_row(cursor: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """The first row of the answer, or None where it has none. For statements that give a row or a few."""
    rows = cursor.execute(sql, values).fetchall()
    return rows[0] if rows else None


def one_value(cursor: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any] = ()) -> Any:
    """The single value of an answer that always has one row."""
    return cursor.execute(sql, values).fetchall()[0][0]


@contextmanager
def snapshot(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Everything that is read inside is of one moment."""
    cursor.execute("BEGIN")
    try:
        yield
    finally:
        with suppress(duckdb.Error):  # an interrupted transaction is over already
            cursor.execute("ROLLBACK")
