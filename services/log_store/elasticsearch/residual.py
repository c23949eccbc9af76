"""What no index of the server answers exactly, checked here: candidates in a table in memory, the embedded store's readers on it.

A compiled query is an upper bound where it has a `residual`: its candidates are read in order and checked with the same
SQL that the embedded store runs. Candidates are bounded by number, memory and time; beyond, the answer is partial.

For aggregations and patterns:

    with engine.table(question, organisation_id, scope, compiled.residual, columns, shapes) as found:
        aggregate(found.cursor, found.table, aggregations, found.matching, found.looked_at, {})

where `compiled` is `engine.compile(query, shapes)`, `scope` is `filtered(compiled, …)` and `columns` what is read besides the columns
of the residual itself: `columns_of_names(["service", "attributes.a"])`. `found.table` holds the matches alone (`shape_id` and
`level` always), `found.is_partial` goes into the answer.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from services.log_store.duckdb.engine import translated
from services.log_store.duckdb.gate import HeavyGate
from services.log_store.duckdb.matching import Matching
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.candidates import PATHS, SCHEMA, Candidates, Chunk
from services.log_store.elasticsearch.paging import Hit
from services.log_store.elasticsearch.totals import Totals
from services.query.elastic import Compiled, ElasticCompiler, compile_query
from services.query.fields import Kind, resolve
from services.query.sql import Compiler
from services.query.sql_condition import TRUE, Condition
from services.query.sql_engine import match_regex, tokens
from services.query.tree import And, Exists, Field, Network, Not, Or, Phrase, Query, Range, Regex, Wildcard, Word

TABLE = "temp.candidates"

ALWAYS = frozenset({"level", "shape_id"})
"""Columns that a table has, whoever asks."""

MAX_CANDIDATES = 100_000
MAX_KEPT_BYTES = 128 << 20


@dataclass(frozen=True)
class PatternShapes:
    """What knows an organisation's patterns: ids of the shapes of one pattern; of all that belong to any, None for all."""

    of: Callable[[int], Sequence[int]]
    grouped: Callable[[], Sequence[int] | None]


NO_SHAPES = PatternShapes(lambda pattern_id: (), tuple)


@dataclass(frozen=True)
class ResidualTable:
    """The candidates that match, in `table` (columns of `logs`), which `cursor` alone sees.

    matching   all of them, for the embedded store's readers
    rows       how many match; looked_at: how many candidates were checked
    is_partial there were more candidates than were checked
    """

    cursor: duckdb.DuckDBPyConnection
    table: str
    matching: Matching
    rows: int
    looked_at: int
    is_partial: bool


class ResidualEngine:
    """Checks candidates in a DuckDB in memory, which all questions of a store share. Safe to use from several threads.

    max_records  candidates of one question; max_bytes: texts of the matches that are kept for one question
    slots        how many questions may do this at once, over all organisations; others wait `wait_s`: `QuotaExceeded`
    """

    def __init__(
        self,
        *,
        max_records: int = MAX_CANDIDATES,
        max_bytes: int = MAX_KEPT_BYTES,
        memory_limit: str = "512MB",
        threads: int | None = None,
        slots: int = 2,
        wait_s: float = 5.0,
    ):
        self.max_records = max_records
        self.totals = Totals()
        self._max_bytes = max_bytes
        self._gate = HeavyGate(slots, wait_s=wait_s)
        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "memory_limit": memory_limit,
        }
        self._root = duckdb.connect(":memory:", config=config | ({"threads": threads} if threads else {}))
        for statement in ("TimeZone = 'UTC'", "temp_directory = ''", "enable_external_access = false"):
            self._root.execute("SET GLOBAL " + statement)

    def close(self) -> None:
        """Release the memory. Questions under way fail."""
        self._root.close()

    def compile(self, query: Query, shapes: PatternShapes = NO_SHAPES) -> Compiled:
        """What the server is asked. Raises `InvalidQuery`."""
        with translated(), self._root.cursor() as cursor:
            compiler = ElasticCompiler(
                lambda text: tokens(cursor, text),
                lambda pattern, texts: match_regex(cursor, pattern, texts),
                shapes.of,
                shapes.grouped,
            )
            return compile_query(query, compiler)

    @contextmanager
    def table(
        self,
        question: Question,
        organisation_id: str,
        scope: Mapping[str, Any],
        residual: Query | None,
        columns: Collection[str],
        shapes: PatternShapes = NO_SHAPES,
        *,
        most: int | None = None,
    ) -> Iterator[ResidualTable]:
        """The newest candidates in `scope` that match `residual` (None: all), for as long as the work inside goes on.

        columns  what is read besides those that the residual looks at
        most     candidates, where others than `max_records`
        Raises like `Question.search`, and `QuotaExceeded`; errors of DuckDB inside are turned into ours.
        """
        with self.checking(question, organisation_id, residual, shapes) as check:
            wanted = columns_of(residual) | frozenset(columns) | ALWAYS
            candidates = Candidates(question, scope, wanted, most=most or self.max_records)
            rows, kept_bytes, is_full = 0, 0, False
            _create(check.cursor)
            for chunk in candidates:
                kept = chunk.table.take(check.rows(chunk))
                _fill(check.cursor, f"INSERT INTO {TABLE} FROM incoming", kept)
                rows, kept_bytes = rows + kept.num_rows, kept_bytes + kept.nbytes
                is_full = kept_bytes > self._max_bytes
                if is_full:
                    break
            question.progress = None
            yield ResidualTable(
                check.cursor,
                TABLE,
                Matching((TRUE,), rows),
                rows,
                candidates.looked_at,
                candidates.is_partial or is_full,
            )

    @contextmanager
    def checking(
        self, question: Question, organisation_id: str, residual: Query | None, shapes: PatternShapes = NO_SHAPES
    ) -> Iterator["Check"]:
        """What checks candidates, chunk by chunk, with a cursor of its own. Raises as `table` does."""
        with self._gate.slot(organisation_id), translated(), self._root.cursor() as cursor:
            cursor.execute("SET enable_progress_bar = false")
            cursor.execute(f"SET max_execution_time = {max(1, int(question.remaining_s * 1000))}")
            try:
                with question.stopping(cursor.interrupt):
                    yield Check(cursor, residual, shapes)
            except duckdb.InterruptException as error:
                question.go_on()
                raise error


class Check:
    """Tells which candidates match `residual`."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, residual: Query | None, shapes: PatternShapes):
        self.cursor = cursor
        self._condition = TRUE if residual is None else _Compiler(cursor, shapes).compile(residual)

    def rows(self, chunk: Chunk) -> npt.NDArray[np.int64]:
        """Which rows of the chunk match, rising."""
        if self._condition is TRUE:
            return np.arange(len(chunk.hits))
        numbered = chunk.table.append_column("row", pa.arange(0, len(chunk.hits)))
        _fill(self.cursor, "CREATE OR REPLACE TEMP TABLE chunk AS FROM incoming", numbered)
        sql = f"SELECT row FROM temp.chunk WHERE {self._condition.sql} ORDER BY row"
        found = self.cursor.execute(sql, self._condition.values).fetchall()
        return np.fromiter((row[0] for row in found), np.int64, len(found))

    def matches(self, chunk: Chunk) -> list[Hit]:
        """The candidates of the chunk that match, in order."""
        return [chunk.hits[row] for row in self.rows(chunk)]


class _Compiler(Compiler):
    """Over whole records, as any; what a pattern is, `shapes` knows."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, shapes: PatternShapes):
        super().__init__(lambda text: tokens(cursor, text), lambda pattern, texts: match_regex(cursor, pattern, texts))
        self._shapes = shapes

    def pattern(self, pattern_id: int) -> Condition:
        """Records of that pattern."""
        return _one_of(self._shapes.of(pattern_id))

    def has_pattern(self) -> Condition:
        """Records of any pattern."""
        grouped = self._shapes.grouped()
        return Condition("(shape_id IS NOT NULL)") if grouped is None else _one_of(grouped)


def columns_of(query: Query | None) -> frozenset[str]:
    """The columns that a query looks at, but for time and seq."""
    match query:
        case And(children) | Or(children):
            return frozenset().union(*(columns_of(child) for child in children))
        case Not(child):
            return columns_of(child)
        case Word() | Phrase():
            return frozenset({"message"})
        case Field(name) | Wildcard(name) | Regex(name) | Range(name) | Exists(name) | Network(name):
            return columns_of_names([name])
    return frozenset()


def columns_of_names(names: Iterable[str]) -> frozenset[str]:
    """The columns that fields lie in, as a query or an aggregation names them."""
    found = set()
    for name in names:
        ref = resolve(name)
        found.add({Kind.ATTRIBUTE: "attributes", Kind.PATTERN: "shape_id"}.get(ref.kind, ref.name))
    return frozenset(found & PATHS.keys())


def _create(cursor: duckdb.DuckDBPyConnection) -> None:
    _fill(cursor, "CREATE TEMP TABLE candidates AS FROM incoming", SCHEMA.empty_table())


def _fill(cursor: duckdb.DuckDBPyConnection, sql: str, incoming: pa.Table) -> None:
    cursor.register("incoming", incoming)
    cursor.execute(sql)
    cursor.unregister("incoming")


def _one_of(shape_ids: Iterable[int]) -> Condition:
    return Condition("coalesce(list_contains(?::INTEGER[], shape_id), false)", [sorted(shape_ids)])
