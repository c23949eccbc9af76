"""Reading an organisation's file: pages, single records, counts.

A page with a total is read in steps inside one snapshot. The positions of a rare text come from one pass, and the page
is fetched by position. Other matches are counted by hour: one pass over the columns of the condition gives the exact
total and tells which hours hold the page; the page is then read from those hours alone, where DuckDB skips every row
group outside them.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from services.errors import NotFound
from services.log_store.duckdb import schema
from services.log_store.duckdb.aggregate import aggregate, attribute_paths
from services.log_store.duckdb.context import context
from services.log_store.duckdb.fields import fields
from services.log_store.duckdb.long_texts import put_back
from services.log_store.duckdb.matching import Matching
from services.log_store.duckdb.page_budget import affordable, within_budget
from services.log_store.duckdb.patterns import count_patterns
from services.log_store.duckdb.promoted import Promoted, column_of, promoted_paths
from services.log_store.duckdb.records import SELECTED, moment, record_of
from services.log_store.duckdb.rows import first_row, one_value
from services.log_store.duckdb.searching import Index, matching
from services.log_store.duckdb.verifying import Verifier
from services.log_store.interface import (
    AggregateResult,
    Aggregation,
    FieldsResult,
    Handle,
    LogContext,
    LogPage,
    LogQuery,
    LogRecord,
    PatternsResult,
    UploadProgress,
    Usage,
)
from services.model import parse_record_id
from services.query.tree import Query

FEW = 3_000
"""Up to this many matches of a text, their positions are fetched instead of counted."""
_HOUR_US = 3_600_000_000
_POSITION = "epoch_us(timestamp), seq, rowid"

Position = tuple[int, int, int]
"""(timestamp_us, seq, rowid) of a record. A rowid holds for one snapshot."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Reader:
    """Reads one organisation's file with a cursor of its own, in the one snapshot that the store opened for the question."""

    cursor: duckdb.DuckDBPyConnection
    organisation_id: str
    index: Index
    verifier: Verifier | None = None
    handle: Handle | None = None

    @property
    def _logs(self) -> str:
        return schema.database(self.organisation_id) + ".logs"

    def matching(self, query: Query, start: datetime | None, end: datetime | None) -> Matching:
        """The records that match the query and lie in the time range. Raises `InvalidQuery`."""
        found = matching(self.cursor, self.organisation_id, self.index, query, start, end)
        if self.verifier is not None:
            return self.verifier.checked(self.cursor, self.organisation_id, found, query, start, end)
        return found

    def search(self, query: LogQuery, matching: Matching) -> LogPage:
        """One page."""
        began = time.perf_counter()
        stored = self._stored_rows()
        total, rows = self._total_and_rows(query, matching, stored)
        database = schema.database(self.organisation_id)
        shown = rows[: affordable(self.cursor, database, rows[: query.limit])]
        records = [record_of(row) for row in shown]
        put_back(self.cursor, database, records)
        more = bool(rows) and rows[0][-1] > len(shown)
        next_cursor = records[-1]["id"] if more and records else None
        return LogPage(
            records, total if query.with_total else None, next_cursor, _ms_since(began), min(stored, matching.read_rows)
        )

    def _total_and_rows(
        self, query: LogQuery, matching: Matching, stored: int
    ) -> tuple[int | None, list[tuple[Any, ...]]]:
        """The total and the rows of the page as `within_budget` gives them; of a page that is not the last, one more."""
        cursor_at = _cursor_position(query)
        if not query.with_total:
            return None, self._page_rows(query, matching, cursor_at)
        if matching.is_everything:
            return stored, self._page_rows(query, matching, cursor_at)
        few = self._few_positions(matching) if matching.reads_texts else None
        if few is not None:
            return len(few), self._rows_at(_page_of(few, query, cursor_at), query.newest_first)
        total, narrowed = self._count_by_hour(query, matching, cursor_at)
        return total, self._page_rows(query, narrowed, cursor_at) if total else []

    def _few_positions(self, matching: Matching) -> list[Position] | None:
        """Every match where they are at most `FEW`; then one pass over the texts is all it takes."""
        self.go_on()
        matches, values = matching.select(_POSITION, self._logs)
        rows = self.cursor.execute(f"SELECT * FROM ({matches}) LIMIT {FEW + 1}", values).fetchall()
        return None if len(rows) > FEW else rows

    def _rows_at(self, positions: list[Position], newest_first: bool) -> list[tuple[Any, ...]]:
        """The rows, read by their places in the table: by seq, DuckDB would read whole columns (410 ms instead of 110)."""
        if not positions:
            return []
        direction = "DESC" if newest_first else "ASC"
        sql = f"SELECT {SELECTED} FROM {self._logs} WHERE rowid IN (SELECT unnest(?::BIGINT[]))"
        places = [position[2] for position in positions]
        return self.cursor.execute(within_budget(sql, f"us {direction}, seq {direction}"), [places]).fetchall()

    def _count_by_hour(
        self, query: LogQuery, matching: Matching, cursor_at: tuple[int, int] | None
    ) -> tuple[int, Matching]:
        """The total, and the matches narrowed to the hours that hold the page."""
        self.go_on()
        matches, values = matching.select("timestamp", self._logs)
        by_hour = f"SELECT epoch_us(timestamp) // {_HOUR_US} AS hour, count(*) FROM ({matches}) GROUP BY 1"
        rows = self.cursor.execute(by_hour, values).fetchall()
        rows.sort(reverse=query.newest_first)
        total = sum(row[1] for row in rows)
        needed = query.offset + query.limit + 1
        at_hour = None if cursor_at is None else cursor_at[0] // _HOUR_US
        for hour, count in rows:
            if at_hour is not None and (hour >= at_hour if query.newest_first else hour <= at_hour):
                continue  # before the cursor, or the cursor's own hour: how much of it is left is not known
            needed -= count
            if needed <= 0:
                return total, _narrowed(matching, hour, query.newest_first)
        return total, matching

    def _page_rows(
        self, query: LogQuery, matching: Matching, cursor_at: tuple[int, int] | None
    ) -> list[tuple[Any, ...]]:
        direction, beyond = ("DESC", "<") if query.newest_first else ("ASC", ">")
        if cursor_at is not None:
            last = moment(cursor_at[0])
            # the first comparison is implied by the rest; it is what DuckDB can prune row groups with
            after = f"timestamp {beyond}= ? AND (timestamp {beyond} ? OR seq {beyond} ?)"
            matching = matching.narrowed(after, [last, last, cursor_at[1]])
        self.go_on()
        # Positions first: to sort 10,000 wide records by their time would take their texts along. By `timestamp` itself,
        # not by an expression of it: DuckDB leaves out row groups that lie behind what it has found so far.
        matches, values = matching.select("timestamp, seq, rowid", self._logs)
        sql = f"""SELECT epoch_us(timestamp), seq, rowid FROM ({matches})
                  ORDER BY timestamp {direction}, seq {direction} LIMIT {query.limit + 1:d} OFFSET {query.offset:d}"""
        return self._rows_at(self.cursor.execute(sql, values).fetchall(), query.newest_first)

    def go_on(self) -> None:
        """Between two statements there is nothing that could be interrupted. Raises `Cancelled`."""
        if self.handle is not None:
            self.handle.go_on()

    def get(self, wanted: str) -> LogRecord:
        """The record with that id. Raises `NotFound`."""
        parts = parse_record_id(wanted)
        if parts is None:
            raise NotFound("There is no log record with this id.")
        sql = f"SELECT {SELECTED} FROM {self._logs} WHERE timestamp = ? AND seq = ?"
        row = first_row(self.cursor, sql, [moment(parts[0]), parts[1]])
        if row is None:
            raise NotFound("There is no log record with this id.")
        record = record_of(row)
        put_back(self.cursor, schema.database(self.organisation_id), [record])
        return record

    def promoted(self, aggregations: Sequence[Aggregation]) -> dict[str, Promoted]:
        """The attributes with columns, where any are asked for; the others are counted, and may get some."""
        paths = attribute_paths(aggregations)
        if not paths:
            return {}
        database = schema.database(self.organisation_id)
        columns = {path: column_of(self.cursor, database, path) for path in paths}
        found = {path: column for path, column in columns.items() if column is not None}
        if self.index.path_uses.count(self.organisation_id, paths - found.keys()):
            self.index.on_wanted(self.organisation_id)
        return found

    def aggregate(
        self, aggregations: Sequence[Aggregation], matching: Matching, promoted: Mapping[str, Promoted]
    ) -> list[AggregateResult]:
        """Numbers by time and fields. Long texts and JSON are read once, however many are asked."""
        scanned = min(self._stored_rows(), matching.read_rows)
        return aggregate(self.cursor, self._logs, aggregations, matching, scanned, promoted)

    def context(self, record_id: str, before: int, after: int, same: Collection[str]) -> LogContext:
        """The record's neighbours. Raises `NotFound`."""
        return context(self.cursor, schema.database(self.organisation_id), record_id, before, after, same)

    def fields(self, matching: Matching) -> FieldsResult:
        """The fields of the matches."""
        promoted = promoted_paths(self.cursor, schema.database(self.organisation_id), filled_only=True)
        return fields(self.cursor, self._logs, matching, {each.path for each in promoted})

    def patterns(self, matching: Matching, limit: int) -> PatternsResult:
        """The most frequent patterns among the matches."""
        began = time.perf_counter()
        found, number, total = count_patterns(self.cursor, schema.database(self.organisation_id), matching, limit)
        return PatternsResult(found, total, number, total - sum(each.count for each in found), _ms_since(began))

    def has_ungrouped(self) -> bool:
        """Whether there are shapes without a pattern."""
        shapes = f"{schema.database(self.organisation_id)}.shapes"
        return bool(one_value(self.cursor, f"SELECT count(*) FROM {shapes} WHERE pattern_id IS NULL"))

    def usage(self, size_bytes: int) -> Usage:
        """Counts and span; `size_bytes` is what the caller measured on disk."""
        sql = f"SELECT count(*), epoch_us(min(timestamp)), epoch_us(max(timestamp)) FROM {self._logs}"
        row = first_row(self.cursor, sql)
        records, oldest, newest = row if row else (0, None, None)
        return Usage(records, size_bytes, _aware(oldest), _aware(newest))

    def upload_progress(self, upload_id: str) -> UploadProgress | None:
        """The last progress that a batch of that upload brought."""
        database = schema.database(self.organisation_id)
        sql = f"SELECT position, records, problems FROM {database}.uploads WHERE upload_id = ?"
        row = first_row(self.cursor, sql, [upload_id])
        return None if row is None else UploadProgress(upload_id, *row)

    def _stored_rows(self) -> int:
        return int(one_value(self.cursor, f"SELECT count(*) FROM {self._logs}"))


def _page_of(positions: list[Position], query: LogQuery, cursor_at: tuple[int, int] | None) -> list[Position]:
    """The positions of the page, with one more where it is not the last."""
    ordered = sorted(positions, reverse=query.newest_first)
    if cursor_at is not None:
        ordered = [at for at in ordered if (at[:2] < cursor_at if query.newest_first else at[:2] > cursor_at)]
    return ordered[query.offset : query.offset + query.limit + 1]


def _cursor_position(query: LogQuery) -> tuple[int, int] | None:
    return None if query.cursor is None else parse_record_id(query.cursor)


def _narrowed(matching: Matching, hour: int, newest_first: bool) -> Matching:
    """The matches without what lies beyond `hour`, in the order of the page."""
    operator, bound = (">=", hour * _HOUR_US) if newest_first else ("<", (hour + 1) * _HOUR_US)
    return matching.narrowed(f"timestamp {operator} ?", [moment(bound)])


def _aware(timestamp_us: int | None) -> datetime | None:
    return None if timestamp_us is None else _EPOCH + timedelta(microseconds=timestamp_us)


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
