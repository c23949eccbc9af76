"""Queries that are being answered."""

from typing import Annotated

from pydantic import Field

from app.api.models.base import Input, Output

QUERY_ID = r"^[A-Za-z0-9_-]{1,64}$"


class QueryPath(Input):
    """The id that a query was given by its asker."""

    id: Annotated[str, Field(pattern=QUERY_ID)]


class QueryProgress(Output):
    """How far a query is."""

    id: str
    progress: Annotated[
        float | None, Field(ge=0, le=1, description="Share of its present step that is done; null where not known.")
    ]


class QueryCancelled(Output):
    """Whether there was something to cancel."""

    id: str
    cancelled: Annotated[bool, Field(description="false where no query of yours runs under the id (any more).")]
