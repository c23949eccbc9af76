"""Lines without a header: which record they belong to, and the partial lines of container runtimes."""

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.ingest.levels import level_sql

MOST_LINES = 1_000
MOST_BYTES = 1_000_000
"""A record takes at most so many continuation lines; what follows becomes records of its own, with a problem."""

CONTINUATION = (
    r"^(?:\s|at [\w.$<>/]+[(\[]|Caused by: |Suppressed: |\.\.\. \d+ (?:more|common)|Traceback \(most recent call|"
    r"During handling of the above|The above exception was|[\w.$]+(?:Exception|Error|Throwable)(?:: |$)|--- End of |"
    r"[})\]]|goroutine \d+ \[|created by |Stack ?trace:|#\d+ |-----+$|=====+$)"
)
"""Lines that are never records of their own where there are headers: what Java, Python, Go, .NET and PHP print after an error."""

_JOIN = f"""
WITH owned AS (
    SELECT tails.line_no, line, heads.line_no AS owner, regexp_matches(line, '{CONTINUATION}') AS goes_on
    FROM tails ASOF LEFT JOIN heads ON tails.line_no >= heads.line_no
), grouped AS (
    SELECT *, CASE WHEN owner IS NULL THEN sum(CASE WHEN goes_on THEN 0 ELSE 1 END) OVER (ORDER BY line_no) END AS orphan
    FROM owned
), numbered AS (
    SELECT *, row_number() OVER w AS position, sum(strlen(line) + 1) OVER w AS size
    FROM grouped WINDOW w AS (PARTITION BY owner, orphan ORDER BY line_no)
)
SELECT owner, min(line_no) AS line_no, string_agg(line, chr(10) ORDER BY line_no) AS text,
    greatest((position - 1) // {MOST_LINES}, size // {MOST_BYTES}) AS part
FROM numbered GROUP BY owner, orphan, part ORDER BY 2
"""

TOO_LONG = f"more than {MOST_LINES:,} lines or {MOST_BYTES:,} bytes without a header: cut into several records"


def join_tails(cursor: duckdb.DuckDBPyConnection, heads: pa.Table, tails: pa.Table) -> tuple[pa.Table, pa.Table]:
    """(heads with their continuation lines in the message, leftover texts that are records of their own).

    heads has line_no and message; tails line_no and line. The leftovers have line_no, line and problem: lines before
    any head, continuations joined, and what is beyond the limits.
    """
    cursor.register("heads", heads)
    cursor.register("tails", tails)
    cursor.register("joined", cursor.sql(_JOIN).to_arrow_table())
    whole = cursor.sql(
        "SELECT heads.* REPLACE (CASE WHEN text IS NULL THEN message ELSE ltrim(message || chr(10) || text, chr(10)) END"
        " AS message) FROM heads LEFT JOIN (FROM joined WHERE part = 0) j ON heads.line_no = j.owner"
    ).to_arrow_table()
    apart = cursor.sql(
        "SELECT line_no, text AS line, CASE WHEN part > 0 THEN $problem END AS problem FROM joined"
        " WHERE owner IS NULL OR part > 0",
        params={"problem": TOO_LONG},
    ).to_arrow_table()
    return whole, apart


_JOIN_PARTIALS = """
WITH numbered AS (
    SELECT *, coalesce(sum(CASE WHEN partial THEN 0 ELSE 1 END) OVER (
        PARTITION BY stream ORDER BY line_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS record
    FROM fragments
)
SELECT min(line_no) AS line_no, string_agg(message, '' ORDER BY line_no) AS message
FROM numbered GROUP BY stream, record
"""


def join_partials(cursor: duckdb.DuckDBPyConnection, records: pa.Table, fragments: pa.Table) -> pa.Table:
    """`records` with the fragments of each stream put together: a record ends with its first line that is not partial.

    fragments has one row per record: line_no, stream, partial, message
    (https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md).
    """
    cursor.register("fragments", fragments)
    cursor.register("records", records)
    cursor.register("wholes", cursor.sql(_JOIN_PARTIALS).to_arrow_table())
    return cursor.sql(
        "SELECT records.* REPLACE (wholes.message AS message) FROM records JOIN wholes USING (line_no)"
    ).to_arrow_table()


def level_of_second_line(cursor: duckdb.DuckDBPyConnection, records: pa.Table, pattern: str) -> pa.Table:
    """`records` with the level that their message begins with taken out of it, where they have none."""
    cursor.register("records", records)
    found = f"level IS NULL AND regexp_matches(message, '{pattern}')"
    level = level_sql(f"regexp_extract(message, '{pattern}', 1)")
    return cursor.sql(
        f"SELECT * REPLACE (CASE WHEN {found} THEN {level} ELSE level END AS level,"
        f" CASE WHEN {found} THEN regexp_replace(message, '{pattern}', '') ELSE message END AS message) FROM records"
    ).to_arrow_table()


def with_forced_starts(starts: pa.BooleanArray, lines: pa.Table) -> pa.BooleanArray:
    """`starts` with further ones inside records that are over the limits, so that none grows without bound."""
    size = pc.cast(pc.binary_length(lines.column("line").combine_chunks()), pa.int64())
    ends = pc.cumulative_sum(pc.fill_null(size, 0))
    first = pc.cast(pc.indices_nonzero(starts), pa.int64())
    edges = pa.concat_arrays([pa.array([0]), first, pa.array([len(starts) - 1])])
    before, after = edges.slice(0, len(edges) - 1), edges.slice(1)
    long = pc.or_(
        pc.greater(pc.subtract(after, before), MOST_LINES),
        pc.greater(pc.subtract(ends.take(after), ends.take(before)), MOST_BYTES),
    )
    forced: set[int] = set()
    for start, end in zip(before.filter(long).to_pylist(), after.filter(long).to_pylist(), strict=True):
        last = start
        for position in range(start + 1, end + 1):
            if position - last >= MOST_LINES or ends[position].as_py() - ends[last].as_py() > MOST_BYTES:
                forced.add(position)
                last = position
    if not forced:
        return starts
    return pa.array([start or position in forced for position, start in enumerate(starts.to_pylist())])
