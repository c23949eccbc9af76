"""Which fields the records that match have, of what types, and how many of them.

Of each record only the form of its attributes is read (DuckDB's `json_structure`: keys and types, no values); 20,000 wide
events have a few hundred forms, and only those are walked. Beyond `READ_RECORDS` matches, or `READ_BYTES`, a sample is read: records are
taken in runs of `_RUN` neighbours by seq, the runs with the lowest hash first, until the next one would exceed the
bound. Every run has the same chance, the same question reads the same records, and DuckDB leaves out most of the file.
"""

import time
from collections.abc import Collection

import duckdb

from services.log_store.duckdb.matching import Matching
from services.log_store.duckdb.rows import first_row
from services.log_store.interface import FieldInfo, FieldsResult, FieldType
from services.query.printing import to_text
from services.query.tree import Exists

READ_RECORDS = 20_000
READ_BYTES = 16 << 20
"""Of attributes: 8,000 records with 1,500 keys of their own took all the memory that there was."""
MAX_PATHS = 1_000
MAX_DEPTH = 20
"""Keys of a path; an object below is reported as one."""

_RUN = 32
_HASH = f"hash(seq // {_RUN})"
_TYPES: dict[str, FieldType] = {
    "timestamp": "time",
    "level": "level",
    "message": "text",
    "source": "keyword",
    "service": "keyword",
    "environment": "keyword",
    "host": "keyword",
    "trace_id": "keyword",
    "span_id": "keyword",
    "tags": "list",
    "raw": "text",
    "problem": "text",
    "upload_id": "keyword",
}
_IS_OBJECT = "starts_with(value, '{')"
_KIND = f"""CASE WHEN {_IS_OBJECT} OR value = '"JSON"' THEN 'object' WHEN starts_with(value, '[') THEN 'list'
    WHEN value = '"VARCHAR"' THEN 'keyword' WHEN value = '"BOOLEAN"' THEN 'boolean' ELSE 'number' END"""
_HAS_COLUMN = {name: f"{name} IS NOT NULL" for name in _TYPES} | {"tags": "coalesce(len(tags) > 0, false)"}


def fields(cursor: duckdb.DuckDBPyConnection, logs: str, matching: Matching, promoted: Collection[str]) -> FieldsResult:
    """The fields of the records that match: of all, or a sample of at most `READ_RECORDS`; `promoted` paths have columns."""
    began = time.perf_counter()
    total, sampled = _sampled(cursor, logs, matching)
    sampled = _within_bytes(cursor, logs, sampled)
    has = ", ".join(f"{condition} AS {name}" for name, condition in _HAS_COLUMN.items())
    records, values = sampled.select(f"{has}, TRY(json_structure(attributes))::VARCHAR AS form", logs)
    cursor.execute(f"CREATE TEMP TABLE forms AS {records}", values)
    read_records, columns = _columns(cursor)
    paths = _paths(cursor, promoted)
    found = [*columns, *paths[:MAX_PATHS]]
    took_ms = (time.perf_counter() - began) * 1000
    return FieldsResult(found, total, read_records, len(paths) > MAX_PATHS, took_ms)


def _sampled(cursor: duckdb.DuckDBPyConnection, logs: str, matching: Matching) -> tuple[int, Matching]:
    """The exact number of matches, and those of them to read."""
    matches, values = matching.select(f"{_HASH} AS run", logs)
    sql = f"""WITH runs AS MATERIALIZED (SELECT run, count(*) AS n FROM ({matches}) GROUP BY run),
        total AS (SELECT coalesce(sum(n), 0)::BIGINT AS n FROM runs),
        near AS (SELECT run, n FROM runs WHERE run <= 18446744073709551615 * least(1.0, 2.0 * {READ_RECORDS} /
            greatest(1, (FROM total)))),
        summed AS (SELECT run, sum(n) OVER (ORDER BY run) AS upto FROM near)
        SELECT (FROM total), (SELECT max(run) FROM summed WHERE upto <= {READ_RECORDS})"""
    total, last_run = first_row(cursor, sql, values) or (0, None)
    if total <= READ_RECORDS:
        return total, matching
    return total, matching.narrowed(f"{_HASH} <= ?", [last_run])


def _within_bytes(cursor: duckdb.DuckDBPyConnection, logs: str, sampled: Matching) -> Matching:
    """Fewer runs, at least one, where the attributes of those to read are many: their forms are held in memory."""
    matches, values = sampled.select(f"{_HASH} AS run, coalesce(strlen(attributes), 0) AS bytes", logs)
    sql = f"""WITH runs AS (SELECT run, sum(bytes) AS bytes FROM ({matches}) GROUP BY run),
        summed AS (SELECT run, sum(bytes) OVER (ORDER BY run) AS upto FROM runs)
        SELECT max(upto)::BIGINT, coalesce(max(run) FILTER (upto <= {READ_BYTES}), min(run)) FROM summed"""
    most, last_run = first_row(cursor, sql, values) or (0, None)
    return sampled if (most or 0) <= READ_BYTES else sampled.narrowed(f"{_HASH} <= ?", [last_run])


def _columns(cursor: duckdb.DuckDBPyConnection) -> tuple[int, list[FieldInfo]]:
    """The records read, and the columns that some of them have."""
    counts = ", ".join(f"count(*) FILTER ({name})" for name in _TYPES)
    read_records, *counted = first_row(cursor, f"SELECT count(*), {counts} FROM temp.forms") or (0,)
    known = zip(_TYPES.items(), counted, strict=True)
    found = [FieldInfo(name, (kind,), count) for (name, kind), count in known if count]
    return read_records, sorted(found, key=lambda info: -info.count)


def _paths(cursor: duckdb.DuckDBPyConnection, promoted: Collection[str]) -> list[FieldInfo]:
    """The paths by falling count, then by name; one more than `MAX_PATHS` where there are more.

    A path that is written alike with other keys (`a.b` in one, `b` in `a`) is the same; a record counts once for it.
    """
    sql = f"""WITH RECURSIVE distinct_forms AS MATERIALIZED (
            SELECT row_number() OVER () AS form, form::JSON AS value, count(*) AS n FROM temp.forms
            WHERE form IS NOT NULL GROUP BY temp.forms.form),
        walked AS (
            SELECT form, n, 0 AS depth, '' AS path, value FROM distinct_forms
            UNION ALL
            SELECT form, n, depth + 1, CASE depth WHEN 0 THEN key ELSE path || '.' || key END, value
            FROM (SELECT form, n, depth, path, unnest(json_keys(value)) AS key, unnest(json_extract(value, '$.*')) AS value
                FROM walked WHERE {_IS_OBJECT} AND depth < {MAX_DEPTH})),
        found AS (SELECT DISTINCT form, n, path, {_KIND} AS kind FROM walked
            WHERE depth > 0 AND path <> '' AND (NOT {_IS_OBJECT} OR depth = {MAX_DEPTH}) AND value <> '"NULL"'),
        counted AS (SELECT path, sum(n) AS n FROM (SELECT DISTINCT form, n, path FROM found) GROUP BY path
            ORDER BY n DESC, path LIMIT {MAX_PATHS + 1}),
        typed AS (SELECT path, list(kind ORDER BY n DESC, kind) AS kinds
            FROM (SELECT path, kind, sum(n) AS n FROM found GROUP BY path, kind) GROUP BY path)
        SELECT path, n::BIGINT, kinds FROM counted JOIN typed USING (path) ORDER BY n DESC, path"""
    rows = cursor.execute(sql).fetchall()
    return [FieldInfo(_as_written(path), tuple(kinds), count, path in promoted) for path, count, kinds in rows]


def _as_written(path: str) -> str:
    """A path as a query writes it: with backslashes where a character would be read as something else."""
    return to_text(Exists(f"attributes.{path}")).removesuffix(":*")
