"""One transaction of an organisation's writer: everything that a group of writes adds, or nothing.

In the order of the work: idempotency keys looked up, seq, shapes and blocks assigned, records inserted, keys and
upload progress inserted, commit. State in memory (`OrganisationState`) moves on only after the commit.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from services.errors import Conflict, ElkVisionError
from services.log_store.coded import encoded
from services.log_store.duckdb.blocks import Blocks
from services.log_store.duckdb.long_texts import take_out
from services.log_store.duckdb.promoted import filling_sql, promoted_paths
from services.log_store.duckdb.rows import one_value
from services.log_store.duckdb.schema import COLUMNS
from services.log_store.duckdb.shapes import Shapes
from services.log_store.interface import Appended, Idempotency, UploadProgress
from services.log_store.sequence import RecordIds, seq_column, seq_of, tick_of, tick_of_seq
from services.model import LEVELS, LOG_SCHEMA, LogBatch, record_id

KEY_LIFETIME = timedelta(hours=24)
_SMALL_BYTES = 1 << 20
_LEVEL_WORDS = pa.array(LEVELS)


@dataclass
class Write:
    """One call of `append`, waiting for its answer."""

    batch: LogBatch
    idempotency: Idempotency | None
    upload: UploadProgress | None
    answer: "Future[Appended]" = field(default_factory=Future)
    size_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        held = self.batch.get_total_buffer_size()  # counts the whole buffers of a slice, in 1 µs
        self.size_bytes = held if held < _SMALL_BYTES else self.batch.nbytes

    @property
    def rows(self) -> int:
        return int(self.batch.num_rows)


class OrganisationState:
    """What the writer keeps in memory of one organisation's file, read from it once at its first write."""

    def __init__(self, database: str, cursor: duckdb.DuckDBPyConnection):
        self.database = database
        highest = one_value(
            cursor,
            f"SELECT greatest((SELECT max(seq) FROM {database}.logs), (SELECT max(high_water) FROM {database}.sequence))",
        )
        self.last_tick = tick_of_seq(highest) if highest is not None else -1
        self.shapes = Shapes(database, cursor)
        self.blocks = Blocks(database, cursor)
        self.promoted = promoted_paths(cursor, database, filled_only=False)
        self.keys_pruned_at: datetime | None = None


@dataclass
class Outcome:
    """What one write of a group got: an answer or an error of its own."""

    write: Write
    answer: Appended | None = None
    error: ElkVisionError | None = None
    first_tick: int | None = None


@dataclass
class Group:
    """A prepared transaction. `first_tick` to `first_tick + rows - 1` are the seq ticks that it takes."""

    outcomes: list[Outcome]
    first_tick: int
    rows: int


def prepare_group(
    cursor: duckdb.DuckDBPyConnection, state: OrganisationState, writes: Sequence[Write], now: datetime
) -> Group:
    """Begin a transaction that stores `writes`, and say what each will get once `finish` has committed it."""
    cursor.execute("BEGIN")
    group = plan_group(cursor, state, writes, now)
    fresh = [outcome for outcome in group.outcomes if outcome.first_tick is not None]
    if group.rows:
        _insert_records(cursor, state, group, fresh)
    for outcome in fresh:
        _insert_bookkeeping(cursor, state.database, outcome, now)
    state.last_tick = max(state.last_tick, group.first_tick + group.rows - 1)  # never reused, even after a failure
    return group


def finish(cursor: duckdb.DuckDBPyConnection, state: OrganisationState) -> None:
    """Commit what `prepare_group` began: durable when this returns.

    Where it raises, the transaction may still be durable (a checkpoint after it failed): ask `is_stored`.
    """
    cursor.execute("COMMIT")
    settle(state)


def settle(state: OrganisationState) -> None:
    """The transaction is durable: what it planned holds from now on."""
    state.shapes.settle()
    state.blocks.settle()


def plan_group(
    cursor: duckdb.DuckDBPyConnection, state: OrganisationState, writes: Sequence[Write], now: datetime
) -> Group:
    """Who of the group is stored, who repeats an earlier write, who contradicts one."""
    seen = _stored_keys(cursor, state.database, writes, now)
    first_tick = tick = max(state.last_tick + 1, tick_of(now))
    outcomes: list[Outcome] = []
    firsts: dict[str, Outcome] = {}
    for write in writes:
        outcome = _judge(cursor, state.database, write, seen, firsts)
        if outcome.answer is None and outcome.error is None:
            outcome.first_tick = tick
            outcome.answer = Appended(write.rows, seq_of(tick), RecordIds(write.batch.column("timestamp"), tick))
            tick += write.rows
            if write.idempotency is not None:
                firsts[write.idempotency.key] = outcome
        outcomes.append(outcome)
    return Group(outcomes, first_tick, tick - first_tick)


@dataclass(frozen=True)
class _StoredKey:
    payload_hash: str
    first_seq: int
    last_seq: int
    records: int


def _stored_keys(
    cursor: duckdb.DuckDBPyConnection, database: str, writes: Sequence[Write], now: datetime
) -> dict[str, _StoredKey]:
    keys = [write.idempotency.key for write in writes if write.idempotency is not None]
    if not keys:
        return {}
    rows = cursor.execute(
        f"""SELECT key, payload_hash, first_seq, last_seq, records FROM {database}.idempotency
            WHERE stored_at > ? AND key IN (SELECT unnest(?::VARCHAR[]))""",
        [_naive(now - KEY_LIFETIME), keys],
    ).fetchall()
    return {row[0]: _StoredKey(*row[1:]) for row in rows}


def _judge(
    cursor: duckdb.DuckDBPyConnection,
    database: str,
    write: Write,
    seen: dict[str, _StoredKey],
    firsts: dict[str, Outcome],
) -> Outcome:
    key = write.idempotency
    if key is None:
        return Outcome(write)
    stored, first = seen.get(key.key), firsts.get(key.key)
    if stored is None and first is None:
        return Outcome(write)
    first_hash = first.write.idempotency.payload_hash if first and first.write.idempotency else ""
    if key.payload_hash != (stored.payload_hash if stored else first_hash):
        return Outcome(write, error=Conflict("This idempotency key was used with another payload."))
    if stored is not None:
        return Outcome(write, answer=_replayed(cursor, database, stored))
    answer = first.answer if first else None
    return Outcome(write, answer=Appended(answer.count, answer.first_seq, answer.ids, True) if answer else None)


def _replayed(cursor: duckdb.DuckDBPyConnection, database: str, stored: _StoredKey) -> Appended:
    rows = cursor.execute(
        f"SELECT epoch_us(timestamp), seq FROM {database}.logs WHERE seq BETWEEN ? AND ? ORDER BY seq",
        [stored.first_seq, stored.last_seq],
    ).fetchall()
    return Appended(stored.records, stored.first_seq, [record_id(*row) for row in rows], replayed=True)


def _insert_records(
    cursor: duckdb.DuckDBPyConnection, state: OrganisationState, group: Group, fresh: list[Outcome]
) -> None:
    batches = [outcome.write.batch for outcome in fresh]
    batch = batches[0] if len(batches) == 1 else pa.concat_tables(map(_plain, batches))
    insert_records(cursor, state, batch, seq_column(group.first_tick, group.rows))


def insert_records(
    cursor: duckdb.DuckDBPyConnection, state: OrganisationState, batch: LogBatch, seqs: pa.Array | pa.ChunkedArray
) -> None:
    """Insert a batch with these seqs, in the open transaction: shapes and blocks are assigned, long texts put aside."""
    shape_ids = state.shapes.assign(cursor, batch.column("source"), batch.column("shape"))
    added = {
        "seq": seqs,
        "timestamp": batch.column("timestamp").cast(pa.timestamp("us")),
        "level": _level_numbers(batch.column("level")),
        "shape_id": shape_ids,
        "block": state.blocks.assign(cursor, shape_ids),
    }
    columns = {name: added[name] if name in added else batch.column(name) for name in COLUMNS}
    pieces = take_out(columns)
    if pieces is not None:
        cursor.register("pieces", pieces)
        cursor.execute(f"INSERT INTO {state.database}.long_texts SELECT * FROM pieces")
        cursor.unregister("pieces")
    cursor.register("incoming", pa.table(columns))
    rows = filling_sql(state.promoted, "incoming") if state.promoted else "SELECT * FROM incoming"
    cursor.execute(f"INSERT INTO {state.database}.logs BY NAME {rows}")
    cursor.unregister("incoming")


def _plain(batch: LogBatch) -> LogBatch:
    return batch if batch.schema.equals(LOG_SCHEMA) else batch.cast(LOG_SCHEMA)


def _level_numbers(levels: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    if pa.types.is_dictionary(levels.type):
        levels = encoded(levels)
        return pc.fill_null(_level_numbers(levels.dictionary).take(levels.indices), 0)
    return pc.fill_null(pc.index_in(levels, value_set=_LEVEL_WORDS), 0).cast(pa.uint8())


def _insert_bookkeeping(cursor: duckdb.DuckDBPyConnection, database: str, outcome: Outcome, now: datetime) -> None:
    write, tick = outcome.write, outcome.first_tick or 0
    if write.idempotency is not None:
        cursor.execute(
            f"INSERT INTO {database}.idempotency VALUES (?, ?, ?, ?, ?, ?)",
            [
                write.idempotency.key,
                write.idempotency.payload_hash,
                seq_of(tick),
                seq_of(tick + max(write.rows, 1) - 1) if write.rows else seq_of(tick) - 1,
                write.rows,
                _naive(now),
            ],
        )
    if write.upload is not None:
        progress = write.upload
        cursor.execute(f"DELETE FROM {database}.uploads WHERE upload_id = ?", [progress.upload_id])
        cursor.execute(
            f"INSERT INTO {database}.uploads VALUES (?, ?, ?, ?)",
            [progress.upload_id, progress.position, progress.rows, progress.problems],
        )


def is_stored(cursor: duckdb.DuckDBPyConnection, database: str, first_tick: int, rows: int) -> bool:
    """Whether the records of a group are in the file: asked after a commit whose outcome is not known."""
    found = one_value(
        cursor,
        f"SELECT count(*) FROM {database}.logs WHERE seq BETWEEN ? AND ?",
        [seq_of(first_tick), seq_of(first_tick + rows - 1)],
    )
    return bool(rows and found == rows)


def prune_keys(cursor: duckdb.DuckDBPyConnection, state: OrganisationState, now: datetime) -> None:
    """Forget expired idempotency keys, at most once an hour."""
    if state.keys_pruned_at is not None and now - state.keys_pruned_at < timedelta(hours=1):
        return
    cursor.execute(f"DELETE FROM {state.database}.idempotency WHERE stored_at <= ?", [_naive(now - KEY_LIFETIME)])
    state.keys_pruned_at = now


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
