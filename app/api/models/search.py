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

_QUERY = (
    'Words, "phrases", field:value, wild*cards, ranges (level>=warning, size:[1 TO 9]), /patterns/, AND, OR, NOT and'
    " parentheses. Empty finds everything."
)
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


class Watched(Input):
    """A question that may be watched and stopped while it is answered."""

    query_id: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9_-]{0,64}$",
            description="An id of your choice, for `/api/queries/{id}/`: at most 64 letters, digits, - and _. A query of"
            " yours that still runs under it is cancelled.",
        ),
    ] = ""


class Fresh(Input):
    """A question that may wait for what was just acknowledged."""

    fresh: Annotated[
        bool,
        Field(
            description="Wait, at most 10 seconds, until everything that was acknowledged before this request can be found."
            " Where that takes longer the answer says so: `fresh` is false in it, and a notice tells why."
        ),
    ] = False


class _Paged(Input):
    page: Annotated[
        int, Field(ge=1, le=2**31 - 1, description="Up to 10,000 hits; beyond them use `cursor`."), Integral
    ] = 1
    page_size: Annotated[int, Field(ge=1, le=1000), Integral] = 50
    cursor: Annotated[str, Field(pattern=f"^$|{RECORD_ID}", description="`next_cursor` of the page before.")] = ""
    sort: Annotated[Sort, Field(description="-timestamp: newest first.")] = "-timestamp"
    total_bound: Annotated[
        int | None,
        Field(
            ge=1,
            le=10**9,
            description="Counting may end here: where more records match, `total` is this number and `total_relation` gte."
            " Without it the total is exact.",
        ),
        Integral,
    ] = None


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


class StatisticsQuery(SearchFilters, Watched, Fresh):
    """Which records to count."""


class DeleteQuery(SearchFilters):
    """Which records to delete; at least one parameter must say so. `query=*` means all."""

    dry_run: Annotated[bool, Field(description="Count what would be deleted, and delete nothing.")] = False


class SearchQuery(SearchFilters, _Paged, Watched, Fresh):
    """Which records, and which page of them: query string of searches."""


class SearchBody(SearchFields, _Paged, Watched, Fresh):
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


class Notice(Output):
    """A remark about an answer, or about a part of the query."""

    message: str
    position: Annotated[int, Field(ge=0, description="Where in the query, in characters; 0 where it is of the answer.")]
    length: Annotated[int, Field(ge=0)]
    suggestion: Annotated[str | None, Field(description="A whole query that may be what was meant.")]


class Freshness(Output):
    """Whether an answer holds what was just acknowledged."""

    fresh: Annotated[
        bool | None,
        Field(
            description="Where `fresh` was asked for: whether all that was acknowledged before was there to be found."
        ),
    ] = None
    notices: Annotated[
        list[Notice],
        Field(description="What is to be known of the answer, in sentences: what it leaves out, and why."),
    ] = Field(default_factory=list)


class Completeness(Freshness):
    """Whether an answer is of all records that match."""

    partial: Annotated[
        bool,
        Field(
            description="Not all records could be looked at: counts are of those that were, and a notice says which."
            " Absent where the answer is whole."
        ),
    ] = False


class LogList(Listing, Completeness):
    """One page of records."""

    results: list[LogRecord]
    total: Annotated[int, Field(ge=0, description="How many match; where `total_relation` is gte, at least so many.")]
    total_relation: Annotated[
        Literal["eq", "gte"],
        Field(
            description="With `total_bound`, or where the answer is partial. eq: `total` is exact. gte: there may be more."
        ),
    ] = "eq"
    notices: Annotated[
        list[Notice],
        Field(
            description="What is to be known of the answer: what it leaves out, and where nothing was found the fields of"
            " the query that no record has."
        ),
    ]


class Context(Freshness):
    """The records around one, each side oldest first."""

    before: list[LogRecord]
    record: LogRecord
    after: list[LogRecord]
    has_more_before: Annotated[bool, Field(description="Whether there are earlier ones beyond.")]
    has_more_after: bool
    took_ms: Annotated[float, Field(ge=0)]


Same = Literal["source", "service", "environment", "host", "upload_id", "trace_id", "any"]


class ContextQuery(Watched, Fresh):
    """How many records around one, and which."""

    before: Annotated[int, Field(ge=0, le=200), Integral] = 10
    after: Annotated[int, Field(ge=0, le=200), Integral] = 10
    same: Annotated[
        list[Same],
        Field(
            max_length=7,
            description="Only records with the same value there; may be given several times. `any`: all records."
            " Without it: source, service and host.",
        ),
    ] = Field(default_factory=list)


class DeletedLogs(Output):
    """What was deleted."""

    matched: Annotated[int, Field(ge=0, description="Records that match.")]
    deleted: Annotated[int, Field(ge=0, description="As many, or 0 in a dry run.")]
    dry_run: bool
    partial: Annotated[
        bool, Field(description="In a dry run: not all records could be looked at, and there may be more that match.")
    ] = False


class ValueCount(Output):
    """How many records have a value; null stands for those without one."""

    value: str | None
    count: Annotated[int, Field(ge=0)]


class TimeCount(Output):
    """How many records of one level lie in one time bucket."""

    start: Time
    level: str
    count: Annotated[int, Field(ge=0)]


class Statistics(Completeness):
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


class RecordQuery(Fresh):
    """Whether to wait for the record; one that is here is whole, and answered at once."""


class RecordPath(Input):
    """The id of a record in the address."""

    id: RecordId
