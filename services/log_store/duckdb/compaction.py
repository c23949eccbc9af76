"""Compaction: a file written anew, in the order of time, without what was deleted.

DuckDB frees the blocks of deleted records for reuse but never makes a file smaller. The copy is made while records go on
being written: everything up to one seq is copied slice by slice, each slice becoming blocks of its own, sealed at once.
Then the writer stops for a moment, the rest is copied, deletions that came meanwhile are repeated, and the new file takes
the old one's name. Until that rename the old file is complete, afterwards the new one is: a crash loses nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import duckdb

from services.log_store.duckdb import schema
from services.log_store.duckdb.engine import Engine
from services.log_store.duckdb.rows import one_value
from services.log_store.duckdb.sealing import FullBlock, Pause, collect, store_filter

SLICE_ROWS = 30_720
WASTE_SHARE = 0.25
WASTE_RECORDS = 10_000
"""A file is compacted once this many records, and this share of what was there, have been deleted."""

_WHOLE_TABLES = ("idempotency", "uploads", "sequence", "patterns", "pattern_tree", "promoted")
_MINUTE_US = 60_000_000
_END_US = 1 << 60


def is_wasteful(cursor: duckdb.DuckDBPyConnection, database: str, mask_version: int) -> bool:
    """Whether enough has been deleted since the file was written."""
    deleted = one_value(cursor, f"SELECT coalesce(sum(records), 0) FROM {database}.deletions")
    live = one_value(cursor, f"SELECT count(*) FROM {database}.logs")
    if deleted < WASTE_RECORDS or deleted < WASTE_SHARE * (live + deleted):
        return False
    stale = f"SELECT count(*) FROM {database}.blocks WHERE has_shapes AND mask_version <> ?"
    return not one_value(cursor, stale, [mask_version])  # blocks of one copy are of one mask


def living_share(cursor: duckdb.DuckDBPyConnection, database: str) -> float:
    """The share of the records since the file was written that are still there, 0 to 1."""
    deleted = one_value(cursor, f"SELECT coalesce(sum(records), 0) FROM {database}.deletions")
    live = one_value(cursor, f"SELECT count(*) FROM {database}.logs")
    return float(live / (live + deleted)) if live else 0.0


@dataclass
class Copy:
    """A new file beside an organisation's, as far as it was copied: all records with a seq up to `high_seq`."""

    engine: Engine
    organisation_id: str
    cursor: duckdb.DuckDBPyConnection
    mask_version: int
    high_seq: int = -1
    next_block: int = 0

    @property
    def old(self) -> str:
        return schema.database(self.organisation_id)

    @property
    def new(self) -> str:
        return schema.copy_database(self.organisation_id)

    def begin(self) -> None:
        """Make the file, and fix up to where the first part goes.

        Raises `StorageFull` unless the disk can take it: others must go on storing records meanwhile.
        """
        file_bytes = self.engine.path(self.organisation_id).stat().st_size
        self.engine.require_space(int(file_bytes * living_share(self.cursor, self.old)))
        self.engine.attach_copy(self.organisation_id)
        schema.add_missing_columns(self.cursor, self.old, self.new)
        self.high_seq = one_value(self.cursor, f"SELECT coalesce(max(seq), -1) FROM {self.old}.logs")

    def copy_most(self, pause: Pause) -> None:
        """All records up to `high_seq`, in the order of time."""
        for start, end in list(_slices(self.cursor, self.old, self.high_seq)):
            self._insert("seq <= ? AND timestamp >= make_timestamp(?) AND timestamp < make_timestamp(?)", start, end)
            self.engine.require_space(0)
            pause()
        sql = f"INSERT INTO {self.new}.long_texts SELECT * FROM {self.old}.long_texts WHERE seq <= ?"
        self.cursor.execute(sql, [self.high_seq])
        for block in self._unsealed():
            made = collect(self.cursor, self.new, block, pause)
            store_filter(self.cursor, self.new, block, made)

    def copy_rest(self) -> None:
        """What came and what went since. Nobody writes to the old file now.

        Shapes that no record has any more stay behind, and so does which sources had no structure: they may by now.
        """
        self.cursor.execute(
            f"INSERT INTO {self.new}.long_texts SELECT * FROM {self.old}.long_texts WHERE seq > ?", [self.high_seq]
        )
        self._drop_deleted()
        self._insert_after()
        used = f"shape_id IN (SELECT shape_id FROM {self.new}.logs)"  # a full dictionary has room again
        self.cursor.execute(f"INSERT INTO {self.new}.shapes SELECT * FROM {self.old}.shapes WHERE {used}")
        for table in _WHOLE_TABLES:
            self.cursor.execute(f"DELETE FROM {self.new}.{table}")
            self.cursor.execute(f"INSERT INTO {self.new}.{table} SELECT * FROM {self.old}.{table}")

    def _insert(self, where: str, start: int, end: int) -> None:
        """One slice as two blocks: records with a shape, records without."""
        for is_shaped in (True, False):
            self._insert_block(
                f"{where} AND shape_id IS {'NOT' if is_shaped else ''} NULL", [self.high_seq, start, end], is_shaped
            )

    def _insert_after(self) -> None:
        for is_shaped in (True, False):
            self._insert_block(f"seq > ? AND shape_id IS {'NOT' if is_shaped else ''} NULL", [self.high_seq], is_shaped)

    def _insert_block(self, where: str, values: list[int], is_shaped: bool) -> None:
        names = [name for name in schema.columns_of(self.cursor, self.old) if name != "block"]
        columns = ", ".join(names)
        inserted = self.cursor.execute(
            f"""INSERT INTO {self.new}.logs ({columns}, block) SELECT {columns}, {self.next_block:d}
                FROM {self.old}.logs WHERE {where} ORDER BY timestamp, seq""",
            values,
        ).fetchall()[0][0]
        if inserted:
            row = [self.next_block, is_shaped, self.mask_version]
            self.cursor.execute(f"INSERT INTO {self.new}.blocks VALUES (?, ?, ?)", row)
            self.next_block += 1

    def _unsealed(self) -> list[FullBlock]:
        rows = self.cursor.execute(f"SELECT block, has_shapes FROM {self.new}.blocks ORDER BY block").fetchall()
        return [FullBlock(*row) for row in rows]

    def _drop_deleted(self) -> None:
        copied = one_value(self.cursor, f"SELECT count(*) FROM {self.new}.logs")
        left = one_value(self.cursor, f"SELECT count(*) FROM {self.old}.logs WHERE seq <= ?", [self.high_seq])
        if copied != left:
            for table in ("logs", "long_texts"):
                gone = f"seq NOT IN (SELECT seq FROM {self.old}.logs)"
                self.cursor.execute(f"DELETE FROM {self.new}.{table} WHERE {gone}")


def _slices(cursor: duckdb.DuckDBPyConnection, database: str, high_seq: int) -> Iterator[tuple[int, int]]:
    """[start, end) in µs since 1970, together all records up to `high_seq`, about `SLICE_ROWS` each, oldest first.

    Records of one minute stay together unless they are many; those of one moment always.
    """
    bounds = [*_minutes(cursor, database, high_seq)]
    for (start, rows), (end, _) in pairwise([*bounds, (_END_US, 0)]):
        if rows <= 2 * SLICE_ROWS:
            yield start, end
        else:
            yield from pairwise(_finer(cursor, database, high_seq, start, end))


def _minutes(cursor: duckdb.DuckDBPyConnection, database: str, high_seq: int) -> Iterator[tuple[int, int]]:
    """(first µs, records) of stretches of whole minutes with at least `SLICE_ROWS` records, or the last."""
    sql = f"""SELECT epoch_us(timestamp) // {_MINUTE_US} * {_MINUTE_US}, count(*) FROM {database}.logs
              WHERE seq <= ? GROUP BY 1 ORDER BY 1"""
    first, total = None, 0
    for minute, rows in cursor.execute(sql, [high_seq]).fetchall():
        if first is not None and total + rows > SLICE_ROWS:
            yield first, total
            first, total = None, 0
        first, total = minute if first is None else first, total + rows
    if first is not None:
        yield first, total


def _finer(cursor: duckdb.DuckDBPyConnection, database: str, high_seq: int, start: int, end: int) -> list[int]:
    sql = f"""SELECT DISTINCT us FROM (
                SELECT epoch_us(timestamp) AS us, row_number() OVER (ORDER BY timestamp) AS number FROM {database}.logs
                WHERE seq <= ? AND timestamp >= make_timestamp(?) AND timestamp < make_timestamp(?))
              WHERE number % {SLICE_ROWS} = 0 AND us > ? ORDER BY us"""
    rows = cursor.execute(sql, [high_seq, start, end, start]).fetchall()
    return [start, *(row[0] for row in rows), end]
