"""One row of `logs` as the record that leaves the store."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.log_store.interface import LogRecord
from services.model import LEVELS, record_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = 253_402_300_799_999_999
_FIELDS = (
    "message",
    "source",
    "service",
    "environment",
    "host",
    "trace_id",
    "span_id",
    "tags",
    "attributes",
    "raw",
    "problem",
    "upload_id",
)

SELECTED = "epoch_us(timestamp) AS us, seq, level, " + ", ".join(_FIELDS)
"""What is selected of a record, to be given to `record_of`."""


def record_of(row: tuple[Any, ...]) -> LogRecord:
    """The record of a row that begins with the columns of `SELECTED`."""
    timestamp_us, seq, level = row[:3]
    record: LogRecord = {
        "id": record_id(timestamp_us, seq),
        "timestamp": _EPOCH + timedelta(microseconds=timestamp_us),
        "level": LEVELS[level],
    }
    record.update(zip(_FIELDS, row[3 : 3 + len(_FIELDS)], strict=True))
    record["tags"] = record["tags"] or []
    return record


def moment(timestamp_us: int) -> datetime:
    """Naive UTC, as the column holds it; far values are brought into what a datetime can say."""
    return (_EPOCH + timedelta(microseconds=max(0, min(timestamp_us, _LAST_US)))).replace(tzinfo=None)
