"""Numbers about the records that match: parameters and answers of aggregate, fields, values and patterns."""

from typing import Annotated, Literal

from pydantic import Field

from app.api.models.base import Input, Integral, Output, Text, Time
from app.api.models.search import Completeness, Fresh, SearchFilters, Watched
from services.log_store.interface import FieldType, Metric
from services.search.buckets import INTERVAL

Share = Annotated[float, Field(ge=0, description="Of the records that match, 0 to 1.")]
Count = Annotated[int, Field(ge=0)]
Took = Annotated[float, Field(ge=0, description="Time that the answer took, in milliseconds.")]


class AggregateQuery(SearchFilters, Watched, Fresh):
    """What to compute, of which records."""

    metric: Annotated[
        Metric,
        Field(
            description="count: records. distinct: different values of `field`. All others look at the values of `field`"
            " that are numbers.",
            json_schema_extra={"example": "p95"},
        ),
    ] = "count"
    field: Annotated[
        Text,
        Field(
            description="A field, or the dotted path of an attribute; every metric but count needs one.",
            json_schema_extra={"example": "duration_ms"},
        ),
    ] = ""
    interval: Annotated[
        str,
        Field(
            pattern=f"^$|{INTERVAL}",
            description="Groups by time: auto (a round width, about sixty buckets), a width like 30s, 5m, 1h, 1d (from"
            " multiples of it since 1970, UTC), or day, week, month, quarter, year in the time zone `tz`.",
            json_schema_extra={"example": "1h"},
        ),
    ] = ""
    by: Annotated[
        list[Text],
        Field(
            max_length=2,
            description="Groups by a field; may be given twice.",
            json_schema_extra={"example": ["service"]},
        ),
    ] = Field(default_factory=list)
    limit: Annotated[int, Field(ge=1, le=1000, description="The largest groups of each field."), Integral] = 20
    other: Annotated[bool, Field(description="Whether all other groups follow together as one more.")] = False


class AggregateRow(Output):
    """One group."""

    time: Annotated[Time | None, Field(description="Begin of the time bucket; null without an interval.")]
    by: Annotated[
        dict[str, str | None],
        Field(description="The value of each field of `by`; null for records without one, and for the rest."),
    ]
    other: Annotated[list[str], Field(description="Fields of which this row sums up all other groups.")]
    count: Annotated[int, Field(ge=0, description="Records.")]
    value: Annotated[float | None, Field(description="The metric; null where a group holds no number.")]


class Aggregated(Completeness):
    """Rows, oldest first where they are grouped by time, else largest first."""

    rows: Annotated[
        list[AggregateRow],
        Field(
            description="Grouped by time alone there is one for every bucket of the time range, also the empty ones; an"
            " open side of the range ends at the first or last record."
        ),
    ]
    interval: Annotated[str | None, Field(description="The width of a bucket: 5m, 1h, week, …")]
    interval_s: Annotated[int | None, Field(ge=1, description="The same in seconds; null for parts of the calendar.")]
    took_ms: Took


class FieldsQuery(SearchFilters, Watched, Fresh):
    """Of which records."""


class FieldPresence(Output):
    """A field of the records that match."""

    name: Annotated[str, Field(description="As a query writes it.")]
    types: Annotated[list[FieldType], Field(description="What its values are, most frequent first.")]
    count: Annotated[int, Field(ge=0, description="Records among those read that have it.")]
    coverage: Annotated[float, Field(ge=0, le=1, description="Share of the records read that have it.")]
    promoted: Annotated[bool, Field(description="Whether an attribute has a column of its own, and is fast to count.")]


class Fields(Completeness):
    """Fields, columns before attributes, most frequent first."""

    fields: list[FieldPresence]
    total: Annotated[int, Field(ge=0, description="Records that match.")]
    read_records: Annotated[int, Field(ge=0, description="How many of them were read; spread evenly where not all.")]
    has_more: Annotated[bool, Field(description="Whether there are more fields than are told.")]
    took_ms: Took


class FieldPath(Input):
    """The name of a field in the address, percent-encoded."""

    name: Annotated[Text, Field(min_length=1, description="A field, or the dotted path of an attribute.")]


class ValuesQuery(SearchFilters, Watched, Fresh):
    """Which values, of which records."""

    limit: Annotated[int, Field(ge=1, le=1000, description="The most frequent values."), Integral] = 20
    prefix: Annotated[Text, Field(description="Only values that begin with this, case and all.")] = ""


class ValueShare(Output):
    """One value of a field."""

    value: str
    count: Count
    share: Share


class Numbers(Output):
    """What the values that are numbers are like."""

    count: Annotated[int, Field(ge=0, description="Records that have a number there.")]
    min: float
    avg: float
    p50: float
    p95: float
    max: float


class FieldValues(Completeness):
    """The values of a field, most frequent first. A record whose field is a list counts for each value of it."""

    name: str
    values: list[ValueShare]
    other: Annotated[int, Field(ge=0, description="Records with values that are not told.")]
    present: Annotated[int, Field(ge=0, description="Records that have the field.")]
    total: Annotated[int, Field(ge=0, description="Records that match.")]
    numbers: Annotated[Numbers | None, Field(description="Of attributes; null where no value is a number.")]
    took_ms: Took


class PatternsQuery(SearchFilters, Fresh):
    """How many patterns, of which records."""

    limit: Annotated[int, Field(ge=1, le=1000, description="The most frequent patterns."), Integral] = 50


class LevelCount(Output):
    """Records of one level."""

    value: Literal["unknown", "trace", "debug", "info", "warning", "error", "critical"]
    count: Count


class Pattern(Output):
    """Messages that differ only in their variable parts."""

    id: Annotated[int | None, Field(description="For the query pattern:<id>; null: messages that have no pattern.")]
    template: str
    count: Count
    share: Share
    levels: Annotated[list[LevelCount], Field(description="Gravest first.")]
    first: Time
    last: Time


class Patterns(Completeness):
    """Patterns, most frequent first."""

    patterns: list[Pattern]
    pattern_count: Annotated[int, Field(ge=0, description="How many patterns there are in all.")]
    other_count: Annotated[int, Field(ge=0, description="Records of patterns that are not told.")]
    total: Annotated[int, Field(ge=0, description="Records that match.")]
    took_ms: Took
