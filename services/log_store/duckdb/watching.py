"""What a `Handle` needs of a running cursor: stopping it, and how far it is."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from services.errors import Cancelled
from services.log_store.interface import Handle


@contextmanager
def watched(cursor: duckdb.DuckDBPyConnection, handle: Handle | None) -> Iterator[None]:
    """Let `handle` stop and watch what `cursor` does inside. Raises `Cancelled` where it was stopped."""
    if handle is None:
        yield
        return
    cursor.execute("SET enable_progress_bar_print = false")
    cursor.execute("SET enable_progress_bar = true")
    handle.begin(cursor.interrupt, lambda: _progress(cursor))
    try:
        yield
    except duckdb.InterruptException as error:
        if handle.is_cancelled:
            raise Cancelled("The search was cancelled.") from error
        raise
    finally:
        handle.end()


def _progress(cursor: duckdb.DuckDBPyConnection) -> float | None:
    percent = cursor.query_progress()
    return percent / 100 if percent >= 0 else None
