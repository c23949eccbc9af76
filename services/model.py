"""The shape in which log records travel: columns, never single objects.

A `LogBatch` is an Arrow table with `LOG_SCHEMA`. Whoever makes one guarantees: `timestamp` lies in 1970–2261,
`level` is one of `LEVELS`, no text holds NUL or U+001A, `attributes` is a JSON object as text or NULL.
Field names at the edges follow ECS (https://www.elastic.co/docs/reference/ecs); the short names here are ours.
"""

from datetime import UTC, datetime

import pyarrow as pa

LEVELS = ("unknown", "trace", "debug", "info", "warning", "error", "critical")
"""Canonical level words, by rising severity: the position is the number that they compare as."""

LEVEL_NUMBER = {word: number for number, word in enumerate(LEVELS)}

MASK_VERSION = 1
"""Version of the rule that turns a message into its shape; stored with every dictionary."""

MASKABLE = r"[\pL\pN_]*\pN[\pL\pN_]*"
"""The rule, for RE2: a token that holds a digit becomes U+001A in the shape."""

MAX_SHAPED_BYTES = 32 << 10
"""A longer message has no shape: searches look at the first 32 kB of a message on every path."""

LOG_SCHEMA = pa.schema(
    [
        pa.field("timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("level", pa.string(), nullable=False),
        pa.field("message", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("service", pa.string()),
        pa.field("environment", pa.string()),
        pa.field("host", pa.string()),
        pa.field("trace_id", pa.string()),
        pa.field("span_id", pa.string()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("shape", pa.string()),
        pa.field("attributes", pa.string()),
        pa.field("raw", pa.string()),
        pa.field("problem", pa.string()),
        pa.field("upload_id", pa.string()),
    ]
)

CODED = ("level", "source", "shape", "upload_id")

CODED_SCHEMA = pa.schema(
    [each.with_type(pa.dictionary(pa.int32(), each.type)) if each.name in CODED else each for each in LOG_SCHEMA]
)
"""`LOG_SCHEMA` with the columns that hold few different texts as dictionaries: large batches are made so."""

LogBatch = pa.Table
"""An Arrow table with `LOG_SCHEMA` or `CODED_SCHEMA`."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2262, 1, 1, tzinfo=UTC)
"""Times outside [EARLIEST, LATEST) are replaced by the arrival time and noted in `problem`."""


def record_id(timestamp_us: int, seq: int) -> str:
    """The id of a record: timestamp in µs since 1970 and seq, 16 hex digits each; sorts as text like (timestamp, seq)."""
    return f"{timestamp_us:016x}-{seq:016x}"


def parse_record_id(text: str) -> tuple[int, int] | None:
    """(timestamp_us, seq) of an id, or None where `text` is not one."""
    if len(text) != 33 or text[16] != "-":
        return None
    try:
        timestamp_us, seq = int(text[:16], 16), int(text[17:], 16)
    except ValueError:
        return None
    return (timestamp_us, seq) if record_id(timestamp_us, seq) == text and max(timestamp_us, seq) < 1 << 63 else None
