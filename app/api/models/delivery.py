"""Delivery: what is on its way to the log store's server, and what it would not take."""

from typing import Annotated

from pydantic import Field

from app.api.models.base import Input, Integral, Listing, Output, Text, Time

Name = Annotated[str, Field(min_length=1, max_length=128)]
Count = Annotated[int, Field(ge=0)]


class HeldUp(Output):
    """An organisation that waits by itself, while others are delivered."""

    organisation: str
    reason: str
    since: Time


class Server(Output):
    """The server of the log store, as delivery sees it."""

    reachable: bool
    failing_since: Annotated[Time | None, Field(description="Since when nothing gets through; null while it does.")]
    last_error: Annotated[str | None, Field(description="What failed last; for superadmins only.")]
    last_error_at: Time | None


class Waiting(Output):
    """What is acknowledged and durable, and not on the server yet."""

    records: Count
    size_bytes: Count
    oldest_at: Annotated[Time | None, Field(description="When the oldest of them was accepted.")]
    lag_s: Annotated[float, Field(ge=0, description="How long that one waits, in seconds.")]
    in_doubt: Annotated[
        int | None, Field(ge=0, description="Sent before without an answer; null: not told for one organisation.")
    ]
    max_bytes: Annotated[int | None, Field(ge=0, description="No more is accepted beyond; for superadmins only.")]


class Pace(Output):
    """How records are sent just now. Null: for superadmins only."""

    rate_per_s: Annotated[float | None, Field(ge=0, description="Records delivered a second, of late.")]
    concurrency: Annotated[int | None, Field(ge=0, description="Requests at the same time.")]
    bulk_bytes: Annotated[int | None, Field(ge=0, description="The size that a request is made.")]


class Delivery(Output):
    """Of the caller's organisation; for superadmins of the whole installation."""

    active: Annotated[bool, Field(description="False: records are stored in this process, and nothing is on its way.")]
    scope: Annotated[str, Field(pattern="^(organisation|installation)$")]
    detail: Annotated[str, Field(description="The same in a sentence.")]
    waiting: Waiting | None
    server: Server | None
    pace: Pace | None
    held_up: list[HeldUp]
    dead_letters: Count
    counters: Annotated[
        dict[str, float], Field(description="Since the start of the process; for superadmins only, else empty.")
    ]


class DeadLetter(Output):
    """A record that the server refused for what it is."""

    id: str
    organisation_id: str
    organisation: str
    at: Time
    status: Annotated[int, Field(description="HTTP status that the server gave for it.")]
    error_type: Annotated[str, Field(description="The server's name for the error.")]
    reason: Annotated[str, Field(description="The server's sentence.")]
    attempts: Count
    preview: Annotated[str, Field(description="The record as JSON text, long values cut. Untrusted: show it as text.")]


class DeadLetterList(Listing):
    """Dead letters, the newest first."""

    results: list[DeadLetter]


class DeadLetterQuery(Input):
    """Which dead letters."""

    page: Annotated[int, Field(ge=1, le=10_000), Integral] = 1
    page_size: Annotated[int, Field(ge=1, le=100), Integral] = 50
    organisation_id: Annotated[Text, Field(description="For superadmins: only this organisation's.")] = ""


class Redrive(Input):
    """Which dead letters are sent again: `ids`, or `all`."""

    ids: Annotated[list[Name], Field(max_length=1000)] = Field(default_factory=list)
    all: bool = False
    organisation_id: Annotated[Text, Field(description="Whose they are; superadmins must say it with `ids`.")] = ""


class DiscardQuery(Input):
    """Which dead letters are removed for good: each `id`, or `all`."""

    id: Annotated[list[Name], Field(max_length=1000, description="May be given several times.")] = Field(
        default_factory=list
    )
    all: bool = False
    organisation_id: Annotated[Text, Field(description="Whose they are; superadmins must say it with `id`.")] = ""


class Redriven(Output):
    """How many are on their way again."""

    redriven: Count


class Discarded(Output):
    """How many were removed."""

    discarded: Count
