"""Uploads: the form, the preview, the upload and its problems; and writing records without a file."""

from typing import Annotated, Any, Literal

from pydantic import Field

from app.api.models.base import Input, JsonObject, Listing, LongText, Output, RecordId, Text, Time

UploadState = Literal["queued", "running", "done", "failed", "deleting"]


class UploadOptions(Input):
    """The form fields that may come with files: defaults for records, and how to read them. All may be left out."""

    source: Annotated[Text | None, Field(description="Where the records come from, if they do not say.")] = None
    service: Text | None = None
    environment: Text | None = None
    host: Text | None = None
    tags: Annotated[list[Text], Field(description="Repeat the field, or separate tags by commas.")] = Field(
        default_factory=list
    )
    metadata: Annotated[
        JsonObject | None, Field(description="A JSON object; its members become attributes of every record.")
    ] = None
    format: Annotated[
        Literal["ndjson", "json", "csv", "tsv", "text", "regex"] | None, Field(description="Default: find out.")
    ] = None
    delimiter: Annotated[str | None, Field(min_length=1, max_length=1, description="For csv.")] = None
    header: Annotated[bool | None, Field(description="Whether the first csv row holds names.")] = None
    pattern: Annotated[
        LongText | None,
        Field(description="For regex: RE2 with named groups (timestamp, level, message, service, host, others)."),
    ] = None
    timestamp_format: Annotated[Text | None, Field(description="strptime notation of the time texts.")] = None
    timezone: Annotated[Text | None, Field(description="IANA name for times without an offset; default UTC.")] = None
    encoding: Literal["utf-8", "utf-16", "latin-1"] | None = None
    multiline: Annotated[bool, Field(description="Join continuation lines to their record.")] = True


class Upload(Output):
    """One uploaded file."""

    id: str
    name: Annotated[str, Field(description="Name of the file.")]
    state: UploadState
    size_bytes: Annotated[int, Field(ge=0)]
    done_bytes: Annotated[int, Field(ge=0, description="How much of the file is read and stored.")]
    rows: Annotated[int, Field(ge=0, description="Records stored so far.")]
    problems: Annotated[int, Field(ge=0, description="Records stored with a problem.")]
    reasons: Annotated[dict[str, int], Field(description="How many problems of each sort, where one upload is asked.")]
    format: Annotated[str | None, Field(description="What the content was found to be.")]
    error: Annotated[str | None, Field(description="Why it failed, or what it waits for.")]
    took_s: Annotated[float | None, Field(description="Time from start to end, in seconds.")]
    rows_per_s: float | None
    created: Time
    started: Time | None
    finished: Time | None
    tags: list[str]
    metadata: dict[str, Any]
    source: str | None
    service: str | None
    environment: str | None
    host: str | None


class AcceptedUpload(Output):
    """One file that was kept and will be read."""

    id: str
    task_id: Annotated[str, Field(description="The same as id.")]
    name: str
    size_bytes: Annotated[int, Field(ge=0)]
    state: UploadState
    estimate_s: Annotated[float, Field(ge=0, description="Roughly how long reading will take, in seconds.")]


class AcceptedUploads(AcceptedUpload):
    """The accepted files; the members of the first stand here too, for callers that send one."""

    uploads: Annotated[list[AcceptedUpload], Field(min_length=1)]


class UploadList(Listing):
    """Uploads, newest first."""

    results: list[Upload]


class UploadChange(Input):
    """What to change of an upload; what is left out stays."""

    tags: list[Text] | None = None
    metadata: JsonObject | None = None


class UploadDeletion(Input):
    """Query parameters of deleting an upload."""

    logs: Annotated[bool, Field(description="Delete its records too.")] = False


class LineProblem(Output):
    """One line that could not be understood fully; it is stored all the same."""

    line: Annotated[int | None, Field(description="Number of the line, from 1.")]
    reason: str
    sample: Annotated[str, Field(description="The beginning of the line.")]


class ProblemList(Listing):
    """What was wrong with an upload's lines, in their order; at most as many as are kept."""

    results: list[LineProblem]


class Preview(Output):
    """How the beginning of a file would be read."""

    format: str
    details: dict[str, Any]
    rows: list[dict[str, Any]]
    problems: list[LineProblem]


class Stored(Output):
    """One record was stored."""

    id: RecordId
    problem: Annotated[str | None, Field(description="What of it could not be understood.")]


class BulkOptions(Input):
    """Query parameters of bulk writes: defaults for records that bring none of their own."""

    ids: Annotated[bool, Field(description="Answer with the id of each record.")] = False
    source: Text | None = None
    service: Text | None = None
    environment: Text | None = None
    host: Text | None = None
    tags: list[Text] = Field(default_factory=list)


IdempotencyKey = Annotated[
    str | None,
    Field(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,255}$",
        description="The same key with the same body is stored once within 24 hours.",
    ),
]


class RecordHeaders(Input):
    """Headers of writing one record."""

    idempotency_key: IdempotencyKey = None


class BulkHeaders(RecordHeaders):
    """Headers of bulk writes."""

    content_encoding: Annotated[
        Literal["identity", "gzip"], Field(alias="Content-Encoding", description="gzip for a compressed body.")
    ] = "identity"


class ItemProblem(Output):
    """One item that was stored with a problem."""

    index: Annotated[int, Field(ge=0, description="Its place in the request, from 0.")]
    reason: str


class BulkStored(Output):
    """What a bulk write stored."""

    count: Annotated[int, Field(ge=0)]
    ids: Annotated[list[RecordId] | None, Field(description="In the order of the request; null unless asked for.")]
    problems: list[ItemProblem]
    replayed: Annotated[bool, Field(description="The idempotency key came before: nothing new was stored.")]


class SampleState(Output):
    """Whether the sample data is there."""

    present: bool
    count: Annotated[int | None, Field(description="Records loaded or removed by this request.")] = None
