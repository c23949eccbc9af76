"""JSON lines as columns, where they are alike; the exact way takes what is left."""

from datetime import datetime

import duckdb
import pyarrow as pa

from services.ingest.formats import json_exact
from services.ingest.options import ParseOptions


def parse(con: duckdb.DuckDBPyConnection, lines: pa.Table, options: ParseOptions, now: datetime) -> pa.Table:
    """One record of `PARSED` per line of (line_no, line), in their order."""
    return json_exact.parse(con, lines, options, now)
