"""Delivery for the people who run an installation: what is on its way, and what the server would not take.

An admin sees and decides for their own organisation; a superadmin for all of them, or for the one that is named.
"""

import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from typing import Any

from services.clock import Clock
from services.errors import BackendUnavailable, InvalidInput, NotFound
from services.health import Condition
from services.log_store.delivery import DeadLetter, Delivery, DeliveryState
from services.principal import Principal, Right, Scope, allows, require

log = logging.getLogger(__name__)

IN_PROCESS = "Records are stored in this process; nothing is on its way."
LATE_S = 60.0
"""Health says that delivery needs a look where records wait longer."""
OVERDUE_S = 10.0
"""Records that wait longer are missed by whoever searches for them."""
MAX_LETTERS = 10_000
"""Pages of dead letters end here."""
PREVIEW = 4_000
PREVIEW_VALUE = 1_000
"""Characters that are shown of a refused record, and of one value of it."""


@dataclass(frozen=True)
class Letter:
    """A dead letter and whose it is; `organisation` is its name for people."""

    organisation_id: str
    organisation: str
    letter: DeadLetter

    @property
    def preview(self) -> str:
        """The record as JSON text, long values cut. Nobody checked it: it is to be shown as text only."""
        return preview_of(self.letter.record)


@dataclass(frozen=True)
class Overview:
    """What somebody may see of delivery.

    is_whole      of the whole installation, else of the caller's organisation
    state         None where records are stored in this process
    lag_s         how long the oldest record waits; 0 where none does
    dead_letters  how many there are
    held_up       organisation's name -> (why it waits by itself, since when)
    """

    is_whole: bool
    state: DeliveryState | None
    lag_s: float = 0.0
    dead_letters: int = 0
    held_up: Mapping[str, tuple[str, datetime]] = field(default_factory=dict)


class Deliveries:
    """Every question about delivery. All calls raise `Forbidden`.

    `names` gives the names of organisations by their ids; what it does not know is told by its id.
    """

    def __init__(
        self, delivery: Delivery | None, clock: Clock, names: Callable[[Collection[str]], Mapping[str, str]]
    ) -> None:
        self._delivery = delivery
        self._clock = clock
        self._names = names

    @property
    def is_active(self) -> bool:
        """Whether records are delivered to a server at all."""
        return self._delivery is not None

    def may_see(self, principal: Principal) -> bool:
        """Whether `overview` answers them."""
        return sees_all(principal) or allows(principal, Right.MANAGE_ORGANISATION)

    def overview(self, principal: Principal) -> Overview:
        """The state of this moment. Addresses and the server's own words are told to superadmins only."""
        scope = self._scope(principal)
        if self._delivery is None:
            return Overview(is_whole=scope is None, state=None)
        state = self._delivery.state(scope)
        counts = self._delivery.dead_letters.counts()
        names = self._names(state.held_up)
        return Overview(
            is_whole=scope is None,
            state=state if scope is None else _without_the_others(state),
            lag_s=_lag_s(state, self._clock.now()),
            dead_letters=sum(counts.values()) if scope is None else counts.get(scope, 0),
            held_up={names.get(each, each): (why.reason, why.since) for each, why in state.held_up.items()},
        )

    def overdue(self, principal: Principal) -> int:
        """How many accepted records of the caller's organisation wait, where they do for so long that searches miss them."""
        require(principal, Right.READ_LOGS)
        if self._delivery is None:
            return 0
        state = self._delivery.state(principal.organisation_id)
        return state.records if _lag_s(state, self._clock.now()) > OVERDUE_S else 0

    def letters(
        self, principal: Principal, *, organisation_id: str = "", limit: int = 50, offset: int = 0
    ) -> tuple[list[Letter], int]:
        """(dead letters, the newest first; how many there are in all). Raises `NotFound` for another's organisation."""
        scope = self._scope(principal, organisation_id)
        if self._delivery is None:
            return [], 0
        if offset + limit > MAX_LETTERS:
            raise InvalidInput(f"Pages of dead letters end at {MAX_LETTERS:,}: decide about these first.", field="page")
        counts = self._counts(scope)
        names = self._names(counts)
        kept = self._delivery.dead_letters
        found = [
            Letter(each, names.get(each, each), letter)
            for each in counts
            for letter in kept.list(each, limit if scope else offset + limit, offset=offset if scope else 0)
        ]
        if scope is None:
            found = nlargest(offset + limit, found, key=lambda each: (each.letter.at, each.letter.id))[offset:]
        return found, sum(counts.values())

    def redrive(self, principal: Principal, ids: Collection[str] | None, *, organisation_id: str = "") -> int:
        """Put dead letters on their way again (None: all); says how many.

        Raises `NotFound` where one of them is not there, `InvalidInput` where ids come without their organisation.
        """
        return self._decide(principal, ids, organisation_id, is_redrive=True)

    def discard(self, principal: Principal, ids: Collection[str] | None, *, organisation_id: str = "") -> int:
        """Remove dead letters for good (None: all); says how many. Raises like `redrive`."""
        return self._decide(principal, ids, organisation_id, is_redrive=False)

    def health(self) -> Condition:
        """For the health page: a warning where something needs a look, and figures. Asks no server.

        Raises `BackendUnavailable` where the spool is full: then nothing more is accepted.
        """
        if self._delivery is None:
            return Condition()
        state, dead = self._delivery.state(None), sum(self._delivery.dead_letters.counts().values())
        if state.max_bytes is not None and state.size_bytes >= state.max_bytes:
            raise BackendUnavailable("The spool is full: no more records are accepted until some are delivered.")
        lag_s = _lag_s(state, self._clock.now())
        figures = {"records": state.records, "size_bytes": state.size_bytes, "lag_s": lag_s, "dead_letters": dead}
        return Condition(_warning(state, lag_s, dead), figures)

    def measures(self) -> tuple[DeliveryState, float, int] | None:
        """(state of the whole installation, lag in seconds, dead letters) for metrics; None where nothing is delivered."""
        if self._delivery is None:
            return None
        state = self._delivery.state(None)
        return state, _lag_s(state, self._clock.now()), sum(self._delivery.dead_letters.counts().values())

    def _decide(
        self, principal: Principal, ids: Collection[str] | None, organisation_id: str, *, is_redrive: bool
    ) -> int:
        scope = self._scope(principal, organisation_id)
        if ids is not None and scope is None:
            raise InvalidInput("Say whose dead letters these are.", field="organisation_id")
        if self._delivery is None:
            if ids:
                raise NotFound("There is no such dead letter.")
            return 0
        kept = self._delivery.dead_letters
        act, word = (kept.redrive, "sent again") if is_redrive else (kept.discard, "discarded")
        number = sum(act(each, ids) for each in ([scope] if ids is not None and scope else self._counts(scope)))
        log.warning("%d dead letters of %s were %s by %s", number, scope or "all", word, principal.username)
        return number

    def _counts(self, scope: str | None) -> dict[str, int]:
        counts = {} if self._delivery is None else self._delivery.dead_letters.counts()
        return {each: number for each, number in counts.items() if scope in (None, each)}

    def _scope(self, principal: Principal, organisation_id: str = "") -> str | None:
        """The organisation that is meant; None: all. Another one than one's own is not found."""
        if sees_all(principal):
            return organisation_id or None
        require(principal, Right.MANAGE_ORGANISATION)
        if organisation_id not in ("", principal.organisation_id):
            raise NotFound("No such organisation.")
        return principal.organisation_id


def preview_of(record: Mapping[str, Any]) -> str:
    """The columns of a record that hold something, as indented JSON; long texts and the whole are cut, marked by `…`."""
    shown = {name: _cut(value, PREVIEW_VALUE) for name, value in record.items() if value not in (None, [], "{}")}
    if isinstance(record.get("timestamp"), int):
        moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=record["timestamp"])
        shown["timestamp"] = moment.isoformat().replace("+00:00", "Z")
    return str(_cut(json.dumps(shown, ensure_ascii=False, indent=1, default=str), PREVIEW))


def _cut(value: Any, most: int) -> Any:
    return value[:most] + "…" if isinstance(value, str) and len(value) > most else value


def sees_all(principal: Principal) -> bool:
    """Superadmins, with a credential that administers."""
    return principal.is_superadmin and Scope.ADMIN in principal.scopes


def _lag_s(state: DeliveryState, now: datetime) -> float:
    return 0.0 if state.oldest_at is None else max(0.0, (now - state.oldest_at).total_seconds())


def _without_the_others(state: DeliveryState) -> DeliveryState:
    """What an organisation is told of the rest: whether the server is reachable, and since when not."""
    return replace(
        state, last_error="", last_error_at=None, concurrency=None, bulk_bytes=None, max_bytes=None, counters={}
    )


def _warning(state: DeliveryState, lag_s: float, dead_letters: int) -> str | None:
    said = []
    if not state.is_reachable:
        since = "" if state.failing_since is None else f" since {state.failing_since:%Y-%m-%d %H:%M:%S} UTC"
        said.append(f"The server does not take records{since}: {state.last_error or 'no answer'}")
    if lag_s > LATE_S:
        said.append(f"The oldest record on the spool waits for {lag_s:.0f} s")
    if state.held_up:
        said.append(f"{len(state.held_up)} organisation(s) wait by themselves")
    if state.lost_records:
        said.append(f"{state.lost_records:,} acknowledged record(s) lay in damaged stretches of the spool")
    if dead_letters:
        said.append(f"{dead_letters:,} record(s) were refused and wait for a decision")
    return ". ".join(said) + "." if said else None
