"""Tables of an organisation's file, and how an older file is brought up to date.

`logs` has one row per record: the columns of `LOG_SCHEMA` without `shape`, the level as its number, the time as
naive UTC, and what the writer adds: seq, shape_id, block. No index: DuckDB prunes by the minimum and maximum of
every row group, and an index would cost more at each write than it saves.
"""

import duckdb

from services.log_store.duckdb.dictionary import NORM_SQL
from services.log_store.duckdb.rows import one_value

COLUMNS = (
    "seq",
    "timestamp",
    "level",
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
    "shape_id",
    "block",
)
"""Columns of `logs`, in the order in which the writer inserts them."""

_VERSION_1 = (
    """CREATE TABLE {db}.logs (
        seq BIGINT NOT NULL, timestamp TIMESTAMP NOT NULL, level UTINYINT NOT NULL, message VARCHAR NOT NULL,
        source VARCHAR, service VARCHAR, environment VARCHAR, host VARCHAR, trace_id VARCHAR, span_id VARCHAR,
        tags VARCHAR[], attributes VARCHAR, raw VARCHAR, problem VARCHAR, upload_id VARCHAR,
        shape_id INTEGER, block INTEGER NOT NULL)""",
    "CREATE TABLE {db}.shapes (shape_id INTEGER NOT NULL, shape VARCHAR NOT NULL, mask_version INTEGER NOT NULL)",
    "CREATE TABLE {db}.shapeless_sources (source VARCHAR)",
    "CREATE TABLE {db}.blocks (block INTEGER NOT NULL, has_shapes BOOLEAN NOT NULL, mask_version INTEGER NOT NULL)",
    """CREATE TABLE {db}.idempotency (
        key VARCHAR NOT NULL, payload_hash VARCHAR NOT NULL, first_seq BIGINT NOT NULL, last_seq BIGINT NOT NULL,
        records BIGINT NOT NULL, stored_at TIMESTAMP NOT NULL)""",
    """CREATE TABLE {db}.uploads (
        upload_id VARCHAR NOT NULL, position BIGINT NOT NULL, records BIGINT NOT NULL, problems BIGINT NOT NULL)""",
    "CREATE TABLE {db}.sequence (high_water BIGINT NOT NULL)",
)

_VERSION_2 = (
    "CREATE TABLE {db}.long_texts (seq BIGINT NOT NULL, field VARCHAR NOT NULL, part INTEGER NOT NULL, text VARCHAR)",
)

_VERSION_3 = (
    f"""CREATE TABLE {{db}}.dictionary AS SELECT shape_id, shape, mask_version, {NORM_SQL} AS norm,
        NULL::INTEGER AS pattern_id FROM {{db}}.shapes""",
    "DROP TABLE {db}.shapes",
    "ALTER TABLE {db}.dictionary RENAME TO shapes",
    """CREATE TABLE {db}.filters (
        block INTEGER NOT NULL, filter_id BIGINT NOT NULL, engine_hash UBIGINT NOT NULL, bits BLOB NOT NULL)""",
    "CREATE TABLE {db}.deletions (records BIGINT NOT NULL)",
    "CREATE TABLE {db}.patterns (pattern_id INTEGER NOT NULL, template VARCHAR NOT NULL, merged_into INTEGER)",
    "CREATE TABLE {db}.pattern_tree (version INTEGER NOT NULL)",
    "CREATE TABLE {db}.promoted (slot INTEGER NOT NULL, path VARCHAR NOT NULL, is_filled BOOLEAN NOT NULL)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1, _VERSION_2, _VERSION_3)
"""Statements that lead from version n to n + 1. Never edit one that was released: add the next."""


def database(organisation_id: str) -> str:
    """The quoted SQL name of the organisation's attached file. The id has been checked by `Engine.path`."""
    return f'"org_{organisation_id}"'


def copy_database(organisation_id: str) -> str:
    """The quoted SQL name of the file that is to replace the organisation's."""
    return f'"copy_{organisation_id}"'


def columns_of(cursor: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    """Column and type of everything in `logs`, promoted attributes with it, in the order of the table."""
    sql = """SELECT column_name, data_type FROM duckdb_columns()
             WHERE database_name = ? AND table_name = 'logs' ORDER BY column_index"""
    return dict(cursor.execute(sql, [name.strip('"')]).fetchall())


def add_missing_columns(cursor: duckdb.DuckDBPyConnection, old: str, new: str) -> None:
    """Give `logs` of the file `new` the columns that it lacks of `old`."""
    present = columns_of(cursor, new)
    for column, of_type in columns_of(cursor, old).items():
        if column not in present:
            cursor.execute(f"ALTER TABLE {new}.logs ADD COLUMN {column} {of_type}")


def migrate(cursor: duckdb.DuckDBPyConnection, name: str) -> None:
    """Bring an attached file to the newest version, all steps in one transaction."""
    cursor.execute("BEGIN")
    try:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {name}.schema_version (version INTEGER NOT NULL)")
        version = one_value(cursor, f"SELECT max(version) FROM {name}.schema_version") or 0
        if version > len(MIGRATIONS):
            raise duckdb.InvalidInputException(f"the file was written by a newer release (version {version})")
        for step in MIGRATIONS[version:]:
            for statement in step:
                cursor.execute(statement.format(db=name))
        if version < len(MIGRATIONS):
            cursor.execute(f"DELETE FROM {name}.schema_version")
            cursor.execute(f"INSERT INTO {name}.schema_version VALUES (?)", [len(MIGRATIONS)])
        cursor.execute("COMMIT")
    except duckdb.Error:
        cursor.execute("ROLLBACK")
        raise
