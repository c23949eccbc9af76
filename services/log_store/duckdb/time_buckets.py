"""Time buckets: of a fixed width, or of the calendar of a time zone.

DuckDB's own time zones cost 400 ms on 2 M records, so the offsets that a zone has in the time of the records are looked
up in Python and become a CASE over a few moments (17 ms). A bucket of the calendar is a local day (or week, month, …):
where clocks change, it is an hour longer or shorter.
"""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from services.log_store.interface import Aggregation

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_SHORTEST = timedelta(days=7)
"""No zone has had an offset for a shorter time since 1970."""
_SECOND = timedelta(seconds=1)

Span = tuple[datetime, datetime]
"""First and last moment of the records, naive UTC."""


def bucket_sql(aggregation: Aggregation, span: Span) -> str:
    """SQL over `timestamp`: where its bucket begins, in µs since 1970; in local time for a bucket of the calendar."""
    if aggregation.calendar is None:
        width = (aggregation.interval_s or 1) * 1_000_000
        return f"epoch_us(timestamp) // {width:d} * {width:d}"
    local = f"make_timestamp(epoch_us(timestamp) + {_offset_sql(ZoneInfo(aggregation.zone), span)})"
    return f"epoch_us(date_trunc('{aggregation.calendar}', {local})::TIMESTAMP)"


def bucket_starts(buckets: pa.ChunkedArray, aggregation: Aggregation) -> pa.Array:
    """timestamp[us, UTC] of the values that `bucket_sql` gave."""
    values = buckets.cast(pa.int64()).combine_chunks()
    if aggregation.calendar is not None and len(values):
        zone, encoded = ZoneInfo(aggregation.zone), pc.dictionary_encode(values)
        starts = [_start(value, zone) for value in encoded.dictionary.to_pylist()]
        values = pa.array(starts, pa.int64()).take(encoded.indices)
    return values.cast(pa.timestamp("us", tz="UTC"))


def _start(local_us: int, zone: ZoneInfo) -> int:
    """The moment at which a local time comes (first); of a time that clocks leap over, the moment of the leap."""
    local = _EPOCH + timedelta(microseconds=local_us)
    moment = local.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    return (moment - _EPOCH) // _MICROSECOND


def _offset_sql(zone: ZoneInfo, span: Span) -> str:
    changes = list(_changes(zone, *span))
    return _case([_us(moment) for moment, _ in changes[1:]], [offset // _MICROSECOND for _, offset in changes])


def _case(moments: list[int], offsets: list[int]) -> str:
    """`offsets[n]` from `moments[n - 1]` on, as nested CASEs that halve the choice: a long span has many changes."""
    if not moments:
        return f"{offsets[0]:d}"
    middle = len(moments) // 2
    before = _case(moments[:middle], offsets[: middle + 1])
    after = _case(moments[middle + 1 :], offsets[middle + 1 :])
    return f"CASE WHEN timestamp < make_timestamp({moments[middle]:d}) THEN {before} ELSE {after} END"


def _changes(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[tuple[datetime, timedelta]]:
    """(from when, offset to UTC) of every offset between `first` and `last`."""
    at, offset = first, _offset(zone, first)
    yield at, offset
    while at < last:
        following = min(at + _SHORTEST, last)
        after = _offset(zone, following)
        if after != offset:
            yield _change(zone, at, following), after
        at, offset = following, after


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """When, to the second, the offset that holds `after` (and not `before`) began."""
    offset, seconds = _offset(zone, after), int((after - before) / _SECOND) + 1
    first = before.replace(microsecond=0)
    later = bisect_left(range(seconds), True, key=lambda second: _offset(zone, first + second * _SECOND) == offset)
    return first + later * _SECOND


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta(0)


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
