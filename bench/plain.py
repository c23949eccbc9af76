"""What the store is measured against: one DuckDB table in one file with the same records, nothing around it."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa


class Plain:
    """A table `logs` with the columns of a record, and DuckDB's own settings, but for a limit of memory beyond any need."""

    def __init__(self, folder: Path):
        self.path = folder / "plain.duckdb"
        self._connection = duckdb.connect(str(self.path), config={"memory_limit": "4GB"})
        self._connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        self._made = False

    def append(self, batch: pa.Table) -> None:
        """Insert records."""
        self._connection.register("incoming", batch.drop_columns(["shape"]))
        verb = "INSERT INTO logs" if self._made else "CREATE TABLE logs AS"
        self._connection.execute(f"{verb} SELECT * REPLACE (level::VARCHAR AS level, source::VARCHAR AS source, "
                                 "upload_id::VARCHAR AS upload_id) FROM incoming")  # fmt: skip
        self._made = True

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer of a statement. Several threads may ask."""
        with self._connection.cursor() as cursor:
            return cursor.execute(sql).fetchall()

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
