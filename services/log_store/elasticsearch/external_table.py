"""Records of other tools' indices that match, as a table in memory that the embedded store's readers take."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from services.log_store.duckdb.matching import Matching
from services.log_store.elasticsearch.candidates import SCHEMA
from services.log_store.elasticsearch.external_candidates import ExternalCandidates
from services.log_store.elasticsearch.residual import MAX_KEPT_BYTES, TABLE, Check, ResidualTable
from services.query.sql_condition import TRUE


@contextmanager
def external_table(candidates: ExternalCandidates, check: Check) -> Iterator[ResidualTable]:
    """The candidates that match, for as long as the work inside goes on; `is_partial` where not all could be kept."""
    rows, kept_bytes, is_full = 0, 0, False
    _fill(check.cursor, f"CREATE TEMP TABLE {TABLE.removeprefix('temp.')} AS FROM incoming", SCHEMA.empty_table())
    for chunk in candidates:
        kept = chunk.table.take(check.rows(chunk))
        _fill(check.cursor, f"INSERT INTO {TABLE} FROM incoming", kept)
        rows, kept_bytes = rows + kept.num_rows, kept_bytes + kept.nbytes
        is_full = kept_bytes > MAX_KEPT_BYTES
        if is_full:
            break
    is_partial = candidates.is_partial or is_full
    yield ResidualTable(check.cursor, TABLE, Matching((TRUE,), rows), rows, candidates.looked_at, is_partial)


def _fill(cursor: duckdb.DuckDBPyConnection, sql: str, incoming: pa.Table) -> None:
    cursor.register("incoming", incoming)
    cursor.execute(sql)
    cursor.unregister("incoming")
