"""Search history."""

from typing import Annotated, Any

from pydantic import Field

from app.api.models.base import Input, Listing, LongText, Output, Time


class HistoryEntry(Input):
    """A search to remember."""

    query: LongText
    filters: Annotated[dict[str, Any], Field(max_length=50, description="Whatever else the search consisted of.")] = (
        Field(default_factory=dict)
    )
    total: Annotated[int | None, Field(ge=0, le=2**53, description="How many records it found.")] = None


class RememberedSearch(Output):
    """A search that this user made."""

    id: str
    query: str
    filters: dict[str, Any]
    total: int | None
    created: Time


class HistoryList(Listing):
    """Your searches, newest first."""

    results: list[RememberedSearch]


class Deleted(Output):
    """How many were deleted."""

    deleted: Annotated[int, Field(ge=0)]
