"""Records for tests: plain dicts in, a `LogBatch` out."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from services.model import LOG_SCHEMA, LogBatch

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_TOKEN = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")


def record(message: str = "hello", **values: Any) -> dict[str, Any]:
    """One record with every column; `at` is seconds after START."""
    at = values.pop("at", 0.0)
    row: dict[str, Any] = dict.fromkeys(LOG_SCHEMA.names)
    row.update(timestamp=START + timedelta(seconds=at), level="info", message=message, tags=[])
    row.update(values)
    if "shape" not in values:
        row["shape"] = _TOKEN.sub(lambda token: "\x1a" if _DIGIT.search(token[0]) else token[0], message)
    return row


def batch(*rows: dict[str, Any]) -> LogBatch:
    """The records as a batch."""
    return pa.Table.from_pylist(list(rows), schema=LOG_SCHEMA)


def messages(count: int, prefix: str = "message", **values: Any) -> LogBatch:
    """`count` records, one second apart."""
    return batch(*(record(f"{prefix} {number}", at=number, **values) for number in range(count)))
