"""Which filters of the live tail match the records of a frame: one boolean column per filter over an Arrow batch.

The meaning is `services.query.language`'s, by the same compiler as the store's (`tests/services/live` holds it against the
same reference). Filters without a regex are answered by one statement. Each with a regex has its own, with a limit of
time: DuckDB looks for an interrupt only between records of 2,048, so a frame is cut by its bytes as well.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.errors import BackendUnavailable, InvalidQuery
from services.live.compiler import Derived, LiveCompiler
from services.model import LEVELS, LogBatch
from services.query.sql import TEXT_LIMIT, Condition
from services.query.sql_engine import match_regex, tokens
from services.query.tree import Query

PatternsOf = Callable[[list[str]], Sequence[int | None]]
"""The pattern of each shape, None where it has none."""

SLICE_BYTES = 256 << 10
"""Bytes of messages that a regex is matched against before its time is looked at: 0.3 s at worst."""

WALL_TO_CPU = 4
"""A statement is interrupted after this many times its limit of processor time: a busy machine is not the filter's fault."""

_LEVEL = f"list_position({list(LEVELS)!r}, level) - 1 AS level"
_ATTRIBUTES = f"CASE WHEN length(attributes) <= {TEXT_LIMIT} THEN attributes END AS attributes"
_FRAME = f"SELECT * REPLACE ({_LEVEL}, {_ATTRIBUTES}) FROM frame"


@dataclass(frozen=True)
class Filter:
    """A compiled query. Two filters that ask the same are equal."""

    sql: str
    values: tuple[Any, ...]
    derived: tuple[tuple[str, Derived], ...] = field(repr=False, compare=False)
    is_slow: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class FrameMatches:
    """Of each filter a column of true and false, as long as the batch; `evicted` are the filters that took too long.

    An evicted filter has no column: its answer is not known, and it should not be asked again.
    """

    columns: dict[Filter, pa.BooleanArray]
    evicted: tuple[Filter, ...] = ()


class LiveFilter:
    """Compiles queries and matches them against frames, with a DuckDB of its own that reaches nothing outside.

    patterns_of the pattern of each shape (see `PatternsOf`), called once per frame for its distinct shapes when a filter
                asks `pattern:<id>`; without it such queries are refused
    limit_s     processor time that a filter with a regex may take for one frame
    For one thread at a time.
    """

    def __init__(self, *, patterns_of: PatternsOf | None = None, limit_s: float = 0.25, memory_limit: str = "256MB"):
        self._patterns_of = patterns_of
        self._limit_s = limit_s
        self._cursor = _connected(memory_limit)
        self._slow_cursor = self._cursor.cursor()
        self._slow_cursor.execute(f"SET max_execution_time = {max(1, int(limit_s * 1000 * WALL_TO_CPU))}")
        self._names: dict[Derived, str] = {}

    def close(self) -> None:
        """Give back memory."""
        self._slow_cursor.close()
        self._cursor.close()

    def compile(self, query: Query) -> Filter:
        """The filter of a query. Raises `InvalidQuery` for what cannot be matched."""
        compiler = _Refusing(
            lambda text: tokens(self._cursor, text),
            lambda pattern, texts: match_regex(self._cursor, pattern, texts),
            self._names,
            knows_patterns=self._patterns_of is not None,
        )
        found = compiler.compile(query)
        values = tuple(tuple(value) if isinstance(value, list) else value for value in found.values)
        return Filter(found.sql, values, tuple(compiler.derived.items()), compiler.is_slow)

    def match(self, batch: LogBatch, filters: Iterable[Filter]) -> FrameMatches:
        """Which records of `batch` (LOG_SCHEMA and `seq`) each of the distinct filters matches."""
        distinct = list(dict.fromkeys(filters))
        if not distinct or not len(batch):
            return FrameMatches({each: pa.array([False] * len(batch), pa.bool_()) for each in distinct})
        try:
            frame = self._with_derived(batch, distinct)
            quick = [each for each in distinct if not each.is_slow]
            columns = self._ask(self._cursor, frame, quick) if quick else {}
            slow = {each: self._within_limit(frame, each) for each in distinct if each.is_slow}
        except duckdb.Error as error:
            raise BackendUnavailable(f"The live filter failed: {str(error).splitlines()[0][:300]}") from error
        columns.update({each: found for each, found in slow.items() if found is not None})
        return FrameMatches(columns, tuple(each for each, found in slow.items() if found is None))

    def _with_derived(self, batch: LogBatch, filters: list[Filter]) -> pa.Table:
        """The frame as the conditions see it: level as a number, time as naive UTC, derived columns beside it."""
        table = _naive_times(batch)
        if self._patterns_of is not None:
            table = table.append_column("pattern_id", _patterns(table["shape"], self._patterns_of))
        derived = {name: column for each in filters for name, column in each.derived}
        columns = ", ".join(["*", *(f"{column.sql} AS {name}" for name, column in derived.items())])
        values = [value for column in derived.values() for value in column.values]
        return _answer(self._cursor, table, f"SELECT {columns} FROM ({_FRAME})", values)

    def _ask(
        self, cursor: duckdb.DuckDBPyConnection, frame: pa.Table, filters: list[Filter]
    ) -> dict[Filter, pa.BooleanArray]:
        columns = ", ".join(f"{each.sql} AS f{number}" for number, each in enumerate(filters))
        values = [value for each in filters for value in each.values]
        answer = _answer(cursor, frame, f"SELECT {columns} FROM frame", values)
        return {each: _one(column) for each, column in zip(filters, answer.columns, strict=True)}

    def _within_limit(self, frame: pa.Table, slow: Filter) -> pa.BooleanArray | None:
        """The column of a filter with a regex, or None where it took longer than it may."""
        began = time.thread_time()  # DuckDB's one thread is the caller's
        parts: list[pa.BooleanArray] = []
        for piece in _slices(frame):
            if time.thread_time() - began > self._limit_s:
                return None
            try:
                parts.append(self._ask(self._slow_cursor, piece, [slow])[slow])
            except duckdb.InterruptException:
                return None
        return pa.concat_arrays(parts)


class _Refusing(LiveCompiler):
    """Says that patterns are not known here, where the store would find none."""

    def pattern(self, pattern_id: int) -> Condition:
        self._need_patterns()
        return super().pattern(pattern_id)

    def has_pattern(self) -> Condition:
        self._need_patterns()
        return super().has_pattern()

    def _need_patterns(self) -> None:
        if not self.knows_patterns:
            raise InvalidQuery("Patterns are not known while records arrive.", expected="words or a regex")


def _connected(memory_limit: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory with one thread, without files, extensions, or Python's variables."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        "threads": "1",
        "memory_limit": memory_limit,
        "temp_directory": "",
    }
    connection = duckdb.connect(":memory:", config=config)
    for statement in (
        "TimeZone = 'UTC'",
        "allow_community_extensions = false",
        "allowed_configs = ['max_execution_time', 'enable_progress_bar']",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute("SET GLOBAL " + statement)
    connection.execute("SET enable_progress_bar = false")
    return connection


def _answer(cursor: duckdb.DuckDBPyConnection, frame: pa.Table, sql: str, values: list[Any]) -> pa.Table:
    cursor.register("frame", frame)
    try:
        return cursor.sql(sql, params=values).to_arrow_table()
    finally:
        cursor.unregister("frame")


def _naive_times(batch: LogBatch) -> pa.Table:
    place = batch.schema.get_field_index("timestamp")
    return batch.set_column(place, "timestamp", batch["timestamp"].cast(pa.timestamp("us")))


def _patterns(shapes: pa.ChunkedArray, patterns_of: PatternsOf) -> pa.Array:
    encoded = _one(shapes).dictionary_encode()
    return pa.array(patterns_of(encoded.dictionary.to_pylist()), pa.int64()).take(encoded.indices)


def _slices(frame: pa.Table) -> Iterable[pa.Table]:
    """The frame in pieces of about `SLICE_BYTES` of texts."""
    sizes = pc.add(
        pc.binary_length(frame["message"]), pc.fill_null(pc.binary_length(frame["attributes"]), 0)
    ).to_pylist()
    start = bytes_so_far = 0
    for number, size in enumerate(sizes):
        if bytes_so_far + size > SLICE_BYTES and number > start:
            yield frame.slice(start, number - start)
            start, bytes_so_far = number, 0
        bytes_so_far += min(size, 4 * TEXT_LIMIT)
    yield frame.slice(start)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)
