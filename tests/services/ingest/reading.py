"""Whole contents through the pipeline, for tests."""

import io
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from services.ingest.options import Defaults, IngestLimits, ParseOptions
from services.ingest.pipeline import Chunk, Reading, parsing_connection, read_file

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
CON = parsing_connection()


def reading(
    name: str = "some.log", *, chunk_rows: int = 122_880, defaults: Defaults | None = None, **options: Any
) -> Reading:
    """How to read, with arrival time NOW."""
    limits = IngestLimits(chunk_rows=chunk_rows)
    return Reading(name, ParseOptions(**options), defaults or Defaults(), NOW, limits)


def chunks(content: bytes, how: Reading, position: int = 0) -> list[Chunk]:
    """Every chunk behind `position`."""
    return list(read_file(CON, io.BytesIO(content), how, position))


def rows(content: bytes, name: str = "some.log", **options: Any) -> list[dict[str, Any]]:
    """Every record."""
    return [row for chunk in chunks(content, reading(name, **options)) for row in chunk.batch.to_pylist()]


def messages(content: bytes, name: str = "some.log", **options: Any) -> list[str]:
    """The message of every record."""
    return [row["message"] for row in rows(content, name, **options)]


def lines(*texts: str) -> pa.Table:
    """Texts as numbered lines."""
    return pa.table({"line_no": pa.array(range(1, len(texts) + 1), pa.int64()), "line": pa.array(texts, pa.string())})
