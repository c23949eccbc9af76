"""What all models share: strict input without unknown members, open output, the shape of lists, common texts."""

import math
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

RECORD_ID = r"^[0-7][0-9a-f]{15}-[0-7][0-9a-f]{15}$"
"""Timestamp in µs and sequence, 16 hex digits each; both below 2^63."""


def without_nul(text: str) -> str:
    """`text`, refused where it holds NUL: no store takes that."""
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


def _integral(value: Any) -> Any:
    """13.0 is an integer to JSON Schema (2020-12 §6.1.1), so it is one here."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Integral = BeforeValidator(_integral)
"""The last mark of a whole number (before its bounds it would hide them from the schema)."""

Text = Annotated[str, AfterValidator(without_nul), Field(max_length=1024)]
"""A short text."""

LongText = Annotated[str, AfterValidator(without_nul), Field(max_length=16384)]
"""A query, a pattern."""

MAX_DEPTH = 20


def _shallow(value: Any) -> Any:
    """`value`, refused where it nests deeper than `MAX_DEPTH` or holds a number that JSON cannot say."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        if any(isinstance(each, float) and not math.isfinite(each) for each in level):
            raise ValueError("holds a number that is too large")
        level = [inner for each in level for inner in _inside(each)]
    if level:
        raise ValueError(f"nests deeper than {MAX_DEPTH}")
    return value


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


JsonObject = Annotated[dict[str, Any], AfterValidator(_shallow)]
"""Whatever a caller wants to have kept."""

RecordId = Annotated[str, Field(pattern=RECORD_ID, description="Id of a record; sorts as text like time.")]

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="RFC 3339, UTC, with Z.")]


class Input(BaseModel):
    """What a request holds. Unknown members are refused, so that a misspelt one is not silently without effect."""

    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class Output(BaseModel):
    """What an answer holds; later versions may add members."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)


class Listing(Output):
    """Every list: one page of `results`."""

    results: list[Any]
    total: Annotated[int, Field(ge=0, description="How many there are in all, exactly.")]
    page: Annotated[int, Field(ge=1)]
    page_size: Annotated[int, Field(ge=1, le=1000)]
    next_cursor: Annotated[
        str | None,
        Field(
            description="Send it as `cursor` for the page after; null at the end. A page of very large records is shorter than page_size: this goes on where it ends."
        ),
    ]
    took_ms: Annotated[float, Field(ge=0, description="Time that the answer took, in milliseconds.")]


class Paging(Input):
    """Query parameters of plain lists."""

    page: Annotated[int, Field(ge=1, le=2**31 - 1), Integral] = 1
    page_size: Annotated[int, Field(ge=1, le=1000), Integral] = 50


class IdPath(Input):
    """The id of an object in the address."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Problem(Output):
    """An error, in the shape of RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(description="A stable name for programs: urn:elkvision:problem:…")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Annotated[str, Field(description="What is wrong and what to do, for people.")]
    instance: Annotated[str, Field(description="The address that was asked.")]
    request_id: Annotated[str, Field(description="Finds this request in the server's log.")]
    errors: Annotated[list["Fault"], Field(description="422: each wrong parameter or member.")] = []
    position: Annotated[int, Field(ge=0, description="400 for a query: where it goes wrong, in characters.")] = 0
    length: Annotated[int, Field(ge=0, description="400 for a query: how many characters are meant.")] = 0
    expected: Annotated[str, Field(description="400 for a query: what would fit there.")] = ""
    suggestion: Annotated[str, Field(description="400 for a query: a whole query that would work.")] = ""
    limit: Annotated[str, Field(description="413: name and value of the limit.")] = ""
    retry_after: Annotated[int, Field(ge=1, description="429, 503, 504: seconds to wait.")] = 1


class Fault(Output):
    """One wrong parameter or member."""

    place: Annotated[
        str, Field(alias="in", description="query, path, header, body, form, or request where it may be any")
    ]
    field: str
    detail: str
