"""Patterns of an organisation: shapes grouped by `services.patterns`, kept with the dictionary of shapes.

The dictionary says which pattern each shape belongs to, so that counts are exact and a pattern that takes in another one
costs a change of the dictionary alone. Trees are kept in memory for the organisations that were last worked on; the file
holds all that is needed to have them back.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from services.log_store.duckdb.matching import Matching
from services.log_store.duckdb.rows import one_value
from services.log_store.interface import PatternCount
from services.model import LEVELS
from services.patterns import PatternRow, PatternTree
from services.patterns.tree import VERSION

KEPT_TREES = 2
SHAPES_AT_ONCE = 500
"""Shapes that are grouped before others may run: about 0.1 s of Python."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Transaction = Callable[[Callable[[duckdb.DuckDBPyConnection], int]], int]
"""Makes a change in the organisation's file, in one transaction, and waits for it."""


class PatternTrees:
    """The trees in memory. Safe to use from several threads, which take turns after `SHAPES_AT_ONCE` shapes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._trees: OrderedDict[str, PatternTree] = OrderedDict()

    def assign(
        self, cursor: duckdb.DuckDBPyConnection, database: str, change: Transaction, pause: Callable[[], None]
    ) -> int:
        """Give every shape of the file that has none its pattern; says how many those were."""
        is_older = _is_older(cursor, database)
        pending = _pending(cursor, database, is_older)
        step = len(pending) if is_older else SHAPES_AT_ONCE  # grouped anew all together or not at all
        for start in range(0, len(pending), step or 1):
            with self._lock:
                self._assign_some(cursor, database, pending[start : start + step], change)
            pause()
        return len(pending)

    def forget(self, database: str) -> None:
        """Read the tree from the file when it is needed next."""
        self._trees.pop(database, None)

    def _assign_some(
        self, cursor: duckdb.DuckDBPyConnection, database: str, pending: list[tuple[int, str]], change: Transaction
    ) -> None:
        tree = self._tree(cursor, database)
        numbers = tree.assign([shape for _, shape in pending])
        ids = [shape_id for shape_id, _ in pending]
        changed = tree.changed()
        try:
            change(lambda writing: _write(writing, database, ids, numbers, changed))
        except BaseException:
            self.forget(database)
            raise

    def _tree(self, cursor: duckdb.DuckDBPyConnection, database: str) -> PatternTree:
        tree = self._trees.pop(database, None) or _restored(cursor, database)
        self._trees[database] = tree
        while len(self._trees) > KEPT_TREES:
            self._trees.popitem(last=False)
        return tree


def _is_older(cursor: duckdb.DuckDBPyConnection, database: str) -> bool:
    """Whether the file was grouped by the tree of another release."""
    return bool(one_value(cursor, f"SELECT count(*) FROM {database}.pattern_tree WHERE version <> ?", [VERSION]))


def _pending(cursor: duckdb.DuckDBPyConnection, database: str, is_older: bool) -> list[tuple[int, str]]:
    condition = "true" if is_older else "pattern_id IS NULL"
    return cursor.execute(
        f"SELECT shape_id, shape FROM {database}.shapes WHERE {condition} ORDER BY shape_id"
    ).fetchall()


def _restored(cursor: duckdb.DuckDBPyConnection, database: str) -> PatternTree:
    rows = cursor.execute(f"SELECT pattern_id, template, merged_into FROM {database}.patterns").fetchall()
    known = f"SELECT shape, pattern_id FROM {database}.shapes WHERE pattern_id IS NOT NULL"
    shapes = cursor.execute(known).fetchall()
    return PatternTree.restore([PatternRow(*row) for row in rows], shapes, together=not _is_older(cursor, database))


def _write(
    writing: duckdb.DuckDBPyConnection,
    database: str,
    shape_ids: Sequence[int],
    numbers: Sequence[int],
    changed: Sequence[PatternRow],
) -> int:
    given = {"shape_id": pa.array(shape_ids, pa.int32()), "pattern_id": pa.array(numbers, pa.int32())}
    _with_table(writing, "given", pa.table(given), [
        f"UPDATE {database}.shapes SET pattern_id = given.pattern_id FROM given WHERE shapes.shape_id = given.shape_id",
    ])  # fmt: skip
    columns = {
        "pattern_id": pa.array([row.id for row in changed], pa.int32()),
        "template": pa.array([row.template for row in changed], pa.string()),
        "merged_into": pa.array([row.merged_into for row in changed], pa.int32()),
    }
    _with_table(writing, "changed", pa.table(columns), [
        f"DELETE FROM {database}.patterns WHERE pattern_id IN (SELECT pattern_id FROM changed)",
        f"INSERT INTO {database}.patterns SELECT * FROM changed",
        f"""UPDATE {database}.shapes SET pattern_id = changed.merged_into FROM changed
            WHERE shapes.pattern_id = changed.pattern_id AND changed.merged_into IS NOT NULL""",
        f"""UPDATE {database}.patterns SET merged_into = changed.merged_into FROM changed
            WHERE patterns.merged_into = changed.pattern_id AND changed.merged_into IS NOT NULL""",
        f"DELETE FROM {database}.pattern_tree",
        f"INSERT INTO {database}.pattern_tree VALUES ({VERSION:d})",
    ])  # fmt: skip
    return len(shape_ids)


def _with_table(writing: duckdb.DuckDBPyConnection, name: str, table: pa.Table, statements: Sequence[str]) -> None:
    writing.register(name, table)
    try:
        for statement in statements:
            writing.execute(statement)
    finally:
        writing.unregister(name)


def count_patterns(
    cursor: duckdb.DuckDBPyConnection, database: str, matching: Matching, limit: int
) -> tuple[list[PatternCount], int, int]:
    """(the most frequent patterns among the matches, how many patterns there are, records of all matches)."""
    matches, values = matching.select("shape_id, level, timestamp", f"{database}.logs")
    sql = f"""WITH by_shape AS (
            SELECT shape_id, level, count(*) AS records, min(timestamp) AS first, max(timestamp) AS last
            FROM ({matches}) GROUP BY shape_id, level),
        by_pattern AS (
            SELECT pattern_id, level, sum(records)::BIGINT AS records, min(first) AS first, max(last) AS last
            FROM by_shape LEFT JOIN {database}.shapes USING (shape_id) GROUP BY pattern_id, level)
        SELECT pattern_id, any_value(template), sum(records)::BIGINT AS records,
            list((level, by_pattern.records) ORDER BY level DESC), epoch_us(min(first)), epoch_us(max(last))
        FROM by_pattern LEFT JOIN {database}.patterns USING (pattern_id)
        GROUP BY pattern_id ORDER BY records DESC, pattern_id"""
    rows = cursor.execute(sql, values).fetchall()
    return [_pattern(row) for row in rows[:limit]], len(rows), sum(row[2] for row in rows)


def _pattern(row: tuple[Any, ...]) -> PatternCount:
    number, template, records, levels, first, last = row
    words = tuple((LEVELS[level], count) for level, count in levels)
    moments = [_EPOCH + timedelta(microseconds=moment) for moment in (first, last)]
    return PatternCount(number, template or "", records, words, *moments)
