"""Time buckets as aggregations of the server.

Of a fixed width the server makes them itself. Of the calendar we say where each begins: the server's rules for the days
on which clocks change, and its table of zones, are not quite Python's, which every store follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa

from services.log_store.duckdb.time_buckets import bucket_starts
from services.log_store.elasticsearch.aggregation_fields import Clause
from services.log_store.interface import Aggregation
from services.model import LATEST
from services.query.elastic_fields import TIME

_EPOCH = datetime(1970, 1, 1)
_MS = timedelta(milliseconds=1)
_LATEST_MS = (LATEST.replace(tzinfo=None) - _EPOCH) // _MS

Span = tuple[int, int]
"""First and last moment of the records, in ms since 1970."""


class Times(Protocol):
    """Adjacent time buckets."""

    def __len__(self) -> int: ...

    @property
    def is_sparse(self) -> bool:
        """Whether the server leaves out those without a record."""
        ...

    def part(self, first: int, end: int) -> "Times":
        """Those from number `first` to before number `end`."""
        ...

    def clause(self) -> Clause:
        """The server's aggregation."""
        ...

    def window(self) -> Clause:
        """The query for the records in them."""
        ...

    def start_us(self, bucket: Any) -> int:
        """Where a bucket of the answer begins, in µs since 1970."""
        ...


@dataclass(frozen=True)
class FixedTimes:
    """Buckets of a fixed width; `numbers` are the multiples of it at which they begin."""

    width_ms: int
    numbers: range
    is_sparse: bool = True

    def __len__(self) -> int:
        return len(self.numbers)

    def part(self, first: int, end: int) -> "FixedTimes":
        return FixedTimes(self.width_ms, self.numbers[first:end])

    def clause(self) -> Clause:
        interval = f"{self.width_ms // 1_000}s"
        return {"date_histogram": {"field": TIME, "fixed_interval": interval, "min_doc_count": 1}}

    def window(self) -> Clause:
        return _window(self.numbers.start * self.width_ms, self.numbers.stop * self.width_ms)

    def start_us(self, bucket: Any) -> int:
        return int(bucket["key"]) * 1_000


@dataclass(frozen=True)
class CalendarTimes:
    """Buckets between moments (ms since 1970), of which the last only ends one."""

    moments: Sequence[int]
    is_sparse: bool = False

    def __len__(self) -> int:
        return len(self.moments) - 1

    def part(self, first: int, end: int) -> "CalendarTimes":
        return CalendarTimes(self.moments[first : end + 1])

    def clause(self) -> Clause:
        ends = [min(moment, _LATEST_MS) for moment in self.moments[1:]]
        ranges = [{"from": start, "to": end} for start, end in zip(self.moments, ends, strict=False) if start < end]
        return {"date_range": {"field": TIME, "format": "epoch_millis", "ranges": ranges}}

    def window(self) -> Clause:
        return _window(self.moments[0], self.moments[-1])

    def start_us(self, bucket: Any) -> int:
        return int(bucket["from"]) * 1_000


def times_of(aggregation: Aggregation, span: Span) -> Times:
    """The buckets that hold every moment of `span`."""
    if aggregation.calendar is not None:
        return CalendarTimes(_moments(aggregation, span))
    width_ms = (aggregation.interval_s or 1) * 1_000
    return FixedTimes(width_ms, range(span[0] // width_ms, span[1] // width_ms + 1))


def _window(start_ms: int, end_ms: int) -> Clause:
    ends = {"gte": start_ms, "lt": min(end_ms, _LATEST_MS), "format": "epoch_millis"}
    return {"range": {TIME: ends}}


def _moments(aggregation: Aggregation, span: Span) -> list[int]:
    """Where the buckets begin, the end of the last one too.

    Where clocks are set back over midnight a local day ends twice (St. John's until 2011): it ends here the first time.
    """
    zone = ZoneInfo(aggregation.zone)
    first, last = (_local(moment, zone) for moment in span)
    calendar = aggregation.calendar or "day"
    locals_ = [_floor(first, calendar)]
    while locals_[-1] <= last:
        locals_.append(_following(locals_[-1], calendar))
    locals_.append(_following(locals_[-1], calendar))  # where a day ended twice, the last record may be in the next one
    values = pa.chunked_array([[(each - _EPOCH) // timedelta(microseconds=1) for each in locals_]])
    return [start // 1_000 for start in bucket_starts(values, aggregation).cast(pa.int64()).to_pylist()]


def _local(moment_ms: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + moment_ms * _MS).replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)


def _floor(local: datetime, calendar: str) -> datetime:
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if calendar == "week":
        return day - timedelta(days=day.weekday())
    months = {"month": 1, "quarter": 3, "year": 12}.get(calendar)
    return day if months is None else day.replace(day=1, month=(day.month - 1) // months * months + 1)


def _following(start: datetime, calendar: str) -> datetime:
    days = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[calendar]
    return _floor(start + timedelta(days=days), calendar)
