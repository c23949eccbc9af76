"""What is on its way to a store on a server: how much, how fast, and what the server would not take.

A store that keeps records in its own process delivers nothing; it has no `Delivery`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class HeldUp:
    """An organisation whose own stream takes nothing at present, why and since when (aware UTC)."""

    reason: str
    since: datetime


@dataclass(frozen=True)
class DeliveryState:
    """What waits on the spool, and how it leaves: of one organisation, or of the whole installation.

    records, size_bytes  acknowledged and durable, without a definite answer of the server yet
    oldest_at            when the oldest of them was accepted, aware UTC; None where nothing waits
    in_doubt             records that may be stored already: sent before without an answer; None: not told for one alone
    failing_since        since when nothing gets through; None while the server is reachable
    last_error           what failed last, at `last_error_at`; may name addresses
    rate_per_s           records delivered a second of late; None: not told for one organisation alone
    concurrency, bulk_bytes  requests at the same time and the size that one is made, for the whole installation
    max_bytes            the spool takes no more beyond
    held_up              organisation -> why it waits by itself, of those in the scope
    counters             of the whole process since its start, by name
    """

    records: int
    size_bytes: int
    oldest_at: datetime | None
    is_reachable: bool
    failing_since: datetime | None = None
    last_error: str = ""
    last_error_at: datetime | None = None
    in_doubt: int | None = None
    rate_per_s: float | None = None
    concurrency: int | None = None
    bulk_bytes: int | None = None
    max_bytes: int | None = None
    held_up: Mapping[str, HeldUp] = field(default_factory=dict)
    counters: Mapping[str, float] = field(default_factory=dict)

    @property
    def lost_records(self) -> int:
        """Acknowledged records that lay where the spool was damaged; 0 as well where that is not counted."""
        return int(self.counters.get("spool_lost_records", 0))


class DeadLetter(Protocol):
    """A record that the server refused.

    at                    when it did, aware UTC
    status, type, reason  of the server's error
    attempts              how often it had been sent
    record                its columns that hold something, `timestamp` in µs since 1970: whatever somebody sent
    """

    @property
    def id(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def status(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def attempts(self) -> int: ...
    @property
    def record(self) -> Mapping[str, Any]: ...


class DeadLetters(Protocol):
    """Kept by organisation until somebody decides.

    `ids` None means all of an organisation; where one of them is not there, `NotFound` is raised and nothing is done.
    """

    def counts(self) -> Mapping[str, int]:
        """organisation -> how many it has; without those that have none."""

    def list(self, organisation_id: str, limit: int = 50, *, offset: int = 0) -> Sequence[DeadLetter]:
        """The newest first."""

    def redrive(self, organisation_id: str, ids: Collection[str] | None = None) -> int:
        """Put them on their way again; says how many. One that is refused once more comes back."""

    def discard(self, organisation_id: str, ids: Collection[str] | None = None) -> int:
        """Remove them for good; says how many."""


class Delivery(Protocol):
    """What a store on a server tells of its delivery."""

    @property
    def dead_letters(self) -> DeadLetters:
        """What the server would not take."""

    def state(self, organisation_id: str | None) -> DeliveryState:
        """As it is now, of one organisation or (None) of all; asks no server."""
