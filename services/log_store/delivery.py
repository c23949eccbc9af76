"""What is on its way to a store on a server: how much, how fast, and what the server would not take.

A store that keeps records in its own process delivers nothing; it has no `Delivery`. Everywhere `organisation_id` None
means the whole installation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class ServerState:
    """Whether the server answers. `since` is when that began, aware UTC; `last_error` the last thing that went wrong."""

    is_reachable: bool
    since: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None


@dataclass(frozen=True)
class Pace:
    """How records are sent just now: bulks at the same time, and how large one is made."""

    concurrency: int
    bulk_bytes: int


@dataclass(frozen=True)
class Delivered:
    """What was done since this process began.

    records       have a definite place on the server
    retried       sent again, once for each time
    dead_letters  the server would not take them
    conflicts     another record was there under the same id: stored under a new one
    bulks, bulk_s requests, and the seconds that they took in all
    """

    records: int = 0
    retried: int = 0
    dead_letters: int = 0
    conflicts: int = 0
    bulks: int = 0
    bulk_s: float = 0.0


@dataclass(frozen=True)
class DeliveryState:
    """What waits on the spool, and how it leaves.

    records, size_bytes  acknowledged and durable, without a definite answer of the server yet
    oldest_at            when the oldest of them was accepted, aware UTC; None where nothing waits
    in_doubt             of `records`: sent before without an answer that was heard
    max_bytes            the spool takes no more beyond; None where that is not known
    records_per_s        delivered, over about the last minute; None where it is not measured for this scope
    delivered            of the whole process, whatever the scope; as is `pace`
    """

    records: int
    size_bytes: int
    oldest_at: datetime | None
    in_doubt: int
    dead_letters: int
    server: ServerState
    max_bytes: int | None = None
    records_per_s: float | None = None
    pace: Pace | None = None
    delivered: Delivered | None = None


@dataclass(frozen=True)
class DeadLetter:
    """A record that the server refused.

    at          when it did, aware UTC
    error_type  the server's name for it, such as mapper_parsing_exception; `reason` its sentence
    preview     the beginning of the record as JSON text: whatever somebody sent, to be shown as text only
    """

    id: str
    organisation_id: str
    at: datetime
    error_type: str
    reason: str
    preview: str
    size_bytes: int


class DeadLetters(Protocol):
    """Kept until somebody decides. `ids` None means all; an id that is not there (in the organisation): `NotFound`, and
    nothing is done."""

    def count(self, organisation_id: str | None) -> int:
        """How many there are."""

    def list(self, organisation_id: str | None, *, limit: int, offset: int = 0) -> Sequence[DeadLetter]:
        """The newest first."""

    def redrive(self, organisation_id: str | None, ids: Sequence[str] | None) -> int:
        """Put them on their way again; says how many. What is refused once more comes back."""

    def discard(self, organisation_id: str | None, ids: Sequence[str] | None) -> int:
        """Remove them for good; says how many."""


class Delivery(Protocol):
    """What a store on a server tells of its delivery."""

    @property
    def dead_letters(self) -> DeadLetters:
        """What the server would not take."""

    def state(self, organisation_id: str | None) -> DeliveryState:
        """As it is now; asks nobody."""
