"""What every format hands on: one row per record, in the order of the lines."""

import pyarrow as pa

PARSED = pa.schema(
    [
        pa.field("line_no", pa.int64()),
        pa.field("timestamp", pa.timestamp("us")),
        pa.field("level", pa.string()),
        pa.field("message", pa.string()),
        pa.field("source", pa.string()),
        pa.field("service", pa.string()),
        pa.field("environment", pa.string()),
        pa.field("host", pa.string()),
        pa.field("trace_id", pa.string()),
        pa.field("span_id", pa.string()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("attributes", pa.string()),
        pa.field("raw", pa.string()),
        pa.field("problem", pa.string()),
    ]
)
"""line_no is that of the record's first line; timestamp is naive UTC, NULL where the record brings none; level is one of
`services.model.LEVELS` or NULL; attributes is a JSON object as text or NULL; raw the original line or lines where the other
columns do not hold all of it; problem says why the record could not be read fully."""

LINES = pa.schema([pa.field("line_no", pa.int64()), pa.field("line", pa.string())])
"""A chunk of text: lines in their order, without their line ends."""


def no_records() -> pa.Table:
    """A table of `PARSED` without rows."""
    return PARSED.empty_table()
