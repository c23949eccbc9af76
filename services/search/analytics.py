"""Numbers about the records that match: metrics over time and fields, which fields there are, their values, patterns."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.clock import Clock
from services.errors import InvalidInput
from services.log_store.interface import (
    AggregateResult,
    Aggregation,
    FieldsResult,
    Handle,
    LogStore,
    Metric,
    PatternsResult,
)
from services.principal import Principal, Right, require
from services.query.fields import MAX_PATH_PARTS, resolve
from services.search.buckets import MAX_BUCKETS, Interval, interval_of, starts, too_many_buckets
from services.search.requests import Asked, SearchRequest, asked_of
from services.search.values import MAX_VALUES, FieldValues, values_of

MAX_FIELDS = 2
MAX_ROWS = 50_000


@dataclass(frozen=True)
class AggregateRequest:
    """What to compute of the records that match.

    metric      of `field`; count needs none
    interval    `auto` (a round width, about sixty buckets), a fixed width (`30s`, `5m`, `1h`, `1d`; begins at multiples
                since 1970, UTC), or `day`, `week`, `month`, `quarter`, `year` of the request's time zone; None: no time
    by          up to two fields
    limit       the largest groups of each field, by number of records
    with_other  all other groups together as one more
    """

    metric: Metric = "count"
    field: str | None = None
    interval: str | None = None
    by: tuple[str, ...] = ()
    limit: int = 20
    with_other: bool = False


@dataclass(frozen=True)
class AggregateRow:
    """One group. `other` names the fields whose remaining groups it sums up; `by` is None for those, and for no value."""

    time: datetime | None
    by: dict[str, str | None]
    other: tuple[str, ...]
    count: int
    value: float | int | None


@dataclass(frozen=True)
class AggregateAnswer:
    """Oldest first with an interval, else largest first. `value` is the metric, None where a group holds no number.

    With an interval and no field every bucket of the range is told, also the empty ones (an open side of the range ends
    at the first or last match); with fields, those that hold records. `is_partial`: not all records could be looked at.
    """

    rows: list[AggregateRow]
    interval: Interval | None
    took_ms: float
    scanned_rows: int
    is_partial: bool = False


class Analytics:
    """Every question about many records at once. All calls raise `Forbidden`, `InvalidQuery`, the store's errors."""

    def __init__(self, store: LogStore, clock: Clock):
        self._store = store
        self._clock = clock

    def aggregate(
        self, principal: Principal, request: SearchRequest, wanted: AggregateRequest, *, handle: Handle | None = None
    ) -> AggregateAnswer:
        """One number of each group of the records that match. Raises `InvalidInput` for a wish that makes no sense."""
        require(principal, Right.READ_LOGS)
        _check(wanted)
        asked, interval = asked_of(request, self._clock.now()), None
        if wanted.interval is not None:
            interval = interval_of(wanted.interval, asked, self._store, principal.organisation_id, self._clock)
        aggregation = _aggregation(wanted, interval)
        found = self._store.aggregate(
            principal.organisation_id, asked.query, aggregation, start=asked.start, end=asked.end, handle=handle
        )
        return AggregateAnswer(
            _rows(found, wanted, interval, asked), interval, found.took_ms, found.scanned_rows, found.is_partial
        )

    def fields(self, principal: Principal, request: SearchRequest, *, handle: Handle | None = None) -> FieldsResult:
        """The fields of the records that match, most frequent first."""
        require(principal, Right.READ_LOGS)
        asked = asked_of(request, self._clock.now())
        return self._store.fields(
            principal.organisation_id, asked.query, start=asked.start, end=asked.end, handle=handle
        )

    def field_values(
        self,
        principal: Principal,
        request: SearchRequest,
        name: str,
        *,
        limit: int = 20,
        prefix: str = "",
        handle: Handle | None = None,
    ) -> FieldValues:
        """The most frequent values of one field, those that begin with `prefix`; raises `InvalidInput` for texts."""
        require(principal, Right.READ_LOGS)
        _check_field(name, "name")
        _check_limit(limit)
        asked = asked_of(request, self._clock.now())
        return values_of(self._store, principal.organisation_id, asked, name, limit=limit, prefix=prefix, handle=handle)

    def patterns(self, principal: Principal, request: SearchRequest, *, limit: int = 50) -> PatternsResult:
        """The patterns of the messages that match, most frequent first."""
        require(principal, Right.READ_LOGS)
        _check_limit(limit)
        asked = asked_of(request, self._clock.now())
        return self._store.patterns(
            principal.organisation_id, asked.query, start=asked.start, end=asked.end, limit=limit
        )


def _check(wanted: AggregateRequest) -> None:
    _check_limit(wanted.limit)
    if len(wanted.by) > MAX_FIELDS or len({resolve(name) for name in wanted.by}) < len(wanted.by):
        raise InvalidInput(f"Records are grouped by up to {MAX_FIELDS} different fields.", field="by")
    for name in wanted.by:
        _check_field(name, "by")
    if wanted.metric == "count":
        if wanted.field is not None:
            raise InvalidInput("A count is of records, without a field; `distinct` counts values.", field="field")
        return
    if wanted.field is None:
        raise InvalidInput(f"Say of which field the {wanted.metric} is to be computed.", field="field")
    _check_field(wanted.field, "field")


def _check_field(name: str, argument: str) -> None:
    if not name or resolve(name).name.count(".") >= MAX_PATH_PARTS:
        raise InvalidInput(f"A field's name has 1 to {MAX_PATH_PARTS} parts, joined by dots.", field=argument)
    if name == "time":
        raise InvalidInput(
            "To group by time give an interval; an attribute of that name is `attributes.time`.", field=argument
        )


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_VALUES:
        raise InvalidInput(f"The limit is 1 to {MAX_VALUES:,}.", field="limit")


def _aggregation(wanted: AggregateRequest, interval: Interval | None) -> Aggregation:
    times: dict[str, Any] = {}
    if interval is not None:
        times = {"interval_s": interval.seconds, "calendar": interval.calendar, "zone": interval.zone.key}
    return Aggregation(
        by=(*(("time",) if interval is not None else ()), *wanted.by),
        limit=wanted.limit,
        metric=wanted.metric,
        field=wanted.field,
        with_other=wanted.with_other,
        **times,
    )


def _rows(
    found: AggregateResult, wanted: AggregateRequest, interval: Interval | None, asked: Asked
) -> list[AggregateRow]:
    if found.table.num_rows > MAX_ROWS:
        raise InvalidInput(
            f"These are more than {MAX_ROWS:,} groups. Take a longer interval or a lower limit.", field="limit"
        )
    rows = [_row(each, wanted) for each in found.table.to_pylist()]
    if interval is None:
        return rows
    if len({row.time for row in rows}) > MAX_BUCKETS:
        raise too_many_buckets(interval)
    return rows if wanted.by else _with_empty(rows, wanted, interval, asked)


def _row(found: dict[str, Any], wanted: AggregateRequest) -> AggregateRow:
    time = found.get("time")
    return AggregateRow(
        time=None if time is None else time.astimezone(UTC),
        by={name: found[name] for name in wanted.by},
        other=tuple(name for name in wanted.by if found.get(f"{name}.other")),
        count=found["count"],
        value=found["count"] if wanted.metric == "count" else found["value"],
    )


def _with_empty(
    rows: list[AggregateRow], wanted: AggregateRequest, interval: Interval, asked: Asked
) -> list[AggregateRow]:
    known = {row.time: row for row in rows if row.time is not None}
    nothing = 0 if wanted.metric in ("count", "distinct") else None
    empty = {start: AggregateRow(start, {}, (), 0, nothing) for start in starts(interval, asked, list(known))}
    return [row for _, row in sorted((empty | known).items())]
