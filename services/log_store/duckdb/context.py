"""The records around one: looked for in its near time first, farther away only as long as too few are found."""

import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import duckdb

from services.errors import NotFound
from services.log_store.duckdb.long_texts import put_back
from services.log_store.duckdb.page_budget import affordable, within_budget
from services.log_store.duckdb.records import SELECTED, moment, record_of
from services.log_store.duckdb.rows import first_row
from services.log_store.interface import LogContext
from services.model import parse_record_id
from services.query.sql import Condition

_FIRST_WIDTH_US = 1_000_000
_WIDER = 8
"""Each further look goes this many times as far: an hour after five, a year after ten."""

Position = tuple[int, int]
"""(timestamp_us, seq) of a record."""


def context(
    cursor: duckdb.DuckDBPyConnection, database: str, record_id: str, before: int, after: int, same: Collection[str]
) -> LogContext:
    """The neighbours of a record that agree with it in the columns `same`. Raises `NotFound`.

    Very large records leave out the farthest neighbours on both sides: the budget of a page holds for all together.
    """
    began = time.perf_counter()
    at = parse_record_id(record_id)
    alike = None if at is None else _alike(cursor, database, at, sorted(same))
    if at is None or alike is None:
        raise NotFound("There is no log record with this id.")
    earlier = _nearest(cursor, database, at, alike, before + 1, is_before=True)
    later = _nearest(cursor, database, at, alike, after + 1, is_before=False)
    ranks = {at: 0}
    ranks |= {position: 2 * rank - 1 for rank, position in enumerate(earlier[:before], 1)}
    ranks |= {position: 2 * rank for rank, position in enumerate(later[:after], 1)}
    rows = _affordable_rows(cursor, database, ranks)
    records = [record_of(row) for row in sorted(rows)]
    put_back(cursor, database, records)
    here = next(number for number, record in enumerate(records) if record["id"] == record_id)
    return LogContext(
        before=records[:here],
        record=records[here],
        after=records[here + 1 :],
        has_more_before=len(earlier) > here,
        has_more_after=len(later) > len(records) - here - 1,
        took_ms=(time.perf_counter() - began) * 1000,
    )


def _alike(cursor: duckdb.DuckDBPyConnection, database: str, at: Position, columns: Sequence[str]) -> Condition | None:
    """What holds for the records that agree with the one at that position, NULL like NULL; None where there is none."""
    selected = ", ".join(["seq", *columns])
    sql = f"SELECT {selected} FROM {database}.logs WHERE timestamp = ? AND seq = ?"
    row = first_row(cursor, sql, [moment(at[0]), at[1]])
    if row is None:
        return None
    found = dict(zip(columns, row[1:], strict=True))
    parts = [f"{name} IS NULL" if value is None else f"{name} = ?" for name, value in found.items()]
    return Condition(" AND ".join(parts) or "true", [value for value in found.values() if value is not None])


def _nearest(
    cursor: duckdb.DuckDBPyConnection, database: str, at: Position, alike: Condition, count: int, *, is_before: bool
) -> list[Position]:
    """Positions of the `count` nearest records on one side, nearest first."""
    span = first_row(cursor, f"SELECT epoch_us(min(timestamp)), epoch_us(max(timestamp)) FROM {database}.logs")
    reach = abs(at[0] - span[0 if is_before else 1]) if span else 0
    direction, beyond = ("DESC", "<") if is_before else ("ASC", ">")
    sql = f"""SELECT epoch_us(timestamp), seq FROM {database}.logs
              WHERE timestamp BETWEEN ? AND ? AND (timestamp <> ? OR seq {beyond} ?) AND {alike.sql}
              ORDER BY timestamp {direction}, seq {direction} LIMIT """
    found: list[Position] = []
    for nearer, farther in _rings(reach):
        ends = sorted(at[0] + (-distance if is_before else distance) for distance in (nearer, farther))
        values = [moment(ends[0]), moment(ends[1]), moment(at[0]), at[1], *alike.values]
        found += cursor.execute(f"{sql} {count - len(found):d}", values).fetchall()
        if len(found) >= count:
            break
    return found


def _rings(reach_us: int) -> Iterator[tuple[int, int]]:
    """(nearest, farthest) distances in µs, both inside, one behind the other up to `reach_us`."""
    nearer, width = 0, _FIRST_WIDTH_US
    while nearer <= reach_us:
        farther = min(width, reach_us)
        yield nearer, farther
        nearer, width = farther + 1, width * _WIDER


def _affordable_rows(
    cursor: duckdb.DuckDBPyConnection, database: str, ranks: dict[Position, int]
) -> list[tuple[Any, ...]]:
    """The rows at these positions, in the order of their ranks as far as the budget of a page goes."""
    times = [position[0] for position in ranks]
    sql = f"""SELECT {SELECTED}, rank FROM {database}.logs
              JOIN (SELECT unnest(?::BIGINT[]) AS seq, unnest(?::BIGINT[]) AS rank) AS wanted USING (seq)
              WHERE timestamp BETWEEN ? AND ?"""
    seqs = [position[1] for position in ranks]
    values = [seqs, list(ranks.values()), moment(min(times)), moment(max(times))]
    rows = cursor.execute(within_budget(sql, "rank"), values).fetchall()
    return rows[: affordable(cursor, database, rows)]
