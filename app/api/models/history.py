"""Search history."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from app.api.models.base import Input, Integral, JsonObject, Listing, Output, Time, without_nul


class HistoryEntry(Input):
    """A search to remember."""

    query: Annotated[str, AfterValidator(without_nul), Field(max_length=10_000)]
    filters: Annotated[JsonObject, Field(max_length=50, description="Whatever else the search consisted of.")] = Field(
        default_factory=dict
    )
    total: Annotated[int | None, Field(ge=0, le=2**53, description="How many records it found."), Integral] = None


class RememberedSearch(Output):
    """A search that this user made."""

    id: str
    query: str
    filters: dict[str, Any]
    total: Annotated[int | None, Field(description="How many records it found the last time.")]
    count: Annotated[int, Field(ge=1, description="How often it ran in a row.")]
    first_at: Time
    last_at: Time


class HistoryList(Listing):
    """Your searches, newest first."""

    results: list[RememberedSearch]


class Deleted(Output):
    """How many were deleted."""

    deleted: Annotated[int, Field(ge=0)]
