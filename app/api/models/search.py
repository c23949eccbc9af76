"""Search parameters, as query string and as JSON body, and what searches answer."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from app.api.models.base import RECORD_ID, Input, Integral, Listing, LongText, Output, RecordId, Text, Time

Level = Annotated[
    Text,
    Field(
        description="unknown, trace, debug, info, warning, error, critical, or a word that means one (WARN, Fatal, …).",
        examples=["error"],
    ),
]


def _written_plus(value: Any) -> Any:
    """A plus sign in a query string means a space unless it is written %2B."""
    return "+timestamp" if value == " timestamp" else value


Sort = Annotated[Literal["-timestamp", "timestamp", "+timestamp"], BeforeValidator(_written_plus)]

_QUERY = 'Words, "phrases", field:value, AND, OR, NOT and parentheses. Empty finds everything.'
_START = "Begin of the time range, inclusive: RFC 3339, `now-15m`, or a date, which begins at 00:00. None: all time."
_END = "End of the time range: RFC 3339 or `now-1h`, exclusive, or a date, whose whole day is included."


class SearchFields(Input):
    """What every kind of search takes except its lists."""

    query: Annotated[LongText, Field(description=_QUERY)] = ""
    q: Annotated[LongText, Field(description="Short for `query`; used where `query` is empty.")] = ""
    start_date: Annotated[Text, Field(description=_START)] = ""
    from_: Annotated[Text, Field(alias="from", description="Short for `start_date`.")] = ""
    end_date: Annotated[Text, Field(description=_END)] = ""
    to: Annotated[Text, Field(description="Short for `end_date`.")] = ""
    tz: Annotated[Text, Field(description="IANA time zone of dates and of times without an offset.")] = "UTC"
    upload_id: Annotated[Text, Field(description="Only the records that this upload brought.")] = ""


class _Paged(Input):
    page: Annotated[
        int, Field(ge=1, le=2**31 - 1, description="Up to 10,000 hits; beyond them use `cursor`."), Integral
    ] = 1
    page_size: Annotated[int, Field(ge=1, le=1000), Integral] = 50
    cursor: Annotated[str, Field(pattern=f"^$|{RECORD_ID}", description="`next_cursor` of the page before.")] = ""
    sort: Annotated[Sort, Field(description="-timestamp: newest first.")] = "-timestamp"


class _QueryLists(Input):
    level: Annotated[list[Level], Field(description="May be given several times: any of them.")] = Field(
        default_factory=list
    )
    source: list[Text] = Field(default_factory=list)
    service: list[Text] = Field(default_factory=list)
    environment: list[Text] = Field(default_factory=list)
    host: list[Text] = Field(default_factory=list)


class SearchFilters(SearchFields, _QueryLists):
    """Which records, without paging: query string of statistics."""


class SearchQuery(SearchFilters, _Paged):
    """Which records, and which page of them: query string of searches."""


class SearchBody(SearchFields, _Paged):
    """The same as a JSON body; a list of one may be written as its member."""

    level: list[Level] | Level = Field(default_factory=list)
    source: list[Text] | Text = Field(default_factory=list)
    service: list[Text] | Text = Field(default_factory=list)
    environment: list[Text] | Text = Field(default_factory=list)
    host: list[Text] | Text = Field(default_factory=list)


class LogRecord(Output):
    """One log record."""

    id: RecordId
    timestamp: Annotated[Time, Field(description="When it happened: RFC 3339, UTC, microseconds.")]
    level: Literal["unknown", "trace", "debug", "info", "warning", "error", "critical"]
    message: str
    source: str | None
    service: str | None
    environment: str | None
    host: str | None
    trace_id: str | None
    span_id: str | None
    tags: list[str]
    attributes: Annotated[dict[str, Any], Field(description="Everything else, digits and order as they came.")]
    raw: Annotated[str | None, Field(description="The original line, where it says more than the fields.")]
    problem: Annotated[str | None, Field(description="Why it could not be understood fully.")]
    upload_id: str | None


class LogList(Listing):
    """One page of records."""

    results: list[LogRecord]


class ValueCount(Output):
    """How many records have a value; null stands for those without one."""

    value: str | None
    count: Annotated[int, Field(ge=0)]


class TimeCount(Output):
    """How many records of one level lie in one time bucket."""

    start: Time
    level: str
    count: Annotated[int, Field(ge=0)]


class Statistics(Output):
    """Counts of the records that match."""

    total: Annotated[int, Field(ge=0)]
    by_level: list[ValueCount]
    by_source: list[ValueCount]
    by_service: list[ValueCount]
    by_environment: list[ValueCount]
    by_host: list[ValueCount]
    over_time: Annotated[list[TimeCount], Field(description="Oldest first; empty buckets are left out.")]
    interval_s: Annotated[int, Field(ge=1, description="Width of a time bucket, in seconds.")]
    took_ms: Annotated[float, Field(ge=0)]


class RecordPath(Input):
    """The id of a record in the address."""

    id: RecordId
