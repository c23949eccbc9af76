"""seq numbers and record ids, as columns.

seq = (milliseconds since 2024) << 22 | worker << 12 | counter. Take the worker out and what is left is one number
that counts up, the *tick*: milliseconds * 4096 + counter. A batch takes consecutive ticks, so a batch of more than
4,096 rows rolls the milliseconds on by itself, and a clock that steps back changes nothing: the next tick is
never below the last one + 1.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import overload

import pyarrow as pa
import pyarrow.compute as pc

from services.model import record_id

EPOCH_2024 = datetime(2024, 1, 1, tzinfo=UTC)
_COUNTER_BITS = 12
_COUNTER_MASK = (1 << _COUNTER_BITS) - 1
_MILLIS_SHIFT = 22
MAX_WORKER = (1 << _MILLIS_SHIFT - _COUNTER_BITS) - 1


def tick_of(now: datetime) -> int:
    """The first tick of the millisecond that `now` lies in; 0 before 2024."""
    return max(0, int((now - EPOCH_2024).total_seconds() * 1000)) << _COUNTER_BITS


def seq_of(tick: int, worker: int = 0) -> int:
    """The seq of one tick."""
    return (tick >> _COUNTER_BITS) << _MILLIS_SHIFT | worker << _COUNTER_BITS | (tick & _COUNTER_MASK)


def tick_of_seq(seq: int) -> int:
    """The tick that a seq was made from."""
    return (seq >> _MILLIS_SHIFT) << _COUNTER_BITS | (seq & _COUNTER_MASK)


def worker_of_seq(seq: int) -> int:
    """The worker that gave a seq out."""
    return seq >> _COUNTER_BITS & MAX_WORKER


def seq_column(first_tick: int, rows: int, worker: int = 0) -> pa.Array:
    """seq of `rows` consecutive ticks, int64."""
    ticks = pa.arange(first_tick, first_tick + rows)
    millis = pc.shift_left(pc.shift_right(ticks, _COUNTER_BITS), _MILLIS_SHIFT)
    counters = pc.bit_wise_and(ticks, _COUNTER_MASK)
    return pc.bit_wise_or(pc.bit_wise_or(millis, worker << _COUNTER_BITS), counters)


class RecordIds(Sequence[str]):
    """Ids of a stored batch, made when looked at: a batch of 100,000 rows costs nothing until then."""

    def __init__(self, timestamps: pa.ChunkedArray, first_tick: int, worker: int = 0):
        self._timestamps = timestamps
        self._first_tick = first_tick
        self._worker = worker

    def __len__(self) -> int:
        return len(self._timestamps)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        return record_id(self._timestamps[position].value, seq_of(self._first_tick + position, self._worker))

    def __iter__(self) -> Iterator[str]:
        for position, timestamp_us in enumerate(self._timestamps.cast(pa.int64()).to_pylist()):
            yield record_id(timestamp_us, seq_of(self._first_tick + position, self._worker))
