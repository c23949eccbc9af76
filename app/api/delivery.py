"""Delivery: GET delivery/, GET and DELETE delivery/dead-letters/, POST delivery/dead-letters/redrive/."""

from typing import Any

from app.api.answers import paged, rfc3339
from app.api.caller import caller, services
from app.api.models.delivery import (
    DeadLetterList,
    DeadLetterQuery,
    Delivery,
    Discarded,
    DiscardQuery,
    Redrive,
    Redriven,
)
from app.api.problem_docs import responses
from app.api.resource import Resource
from services.delivery import IN_PROCESS, Letter, Overview
from services.errors import InvalidInput
from services.log_store.delivery import DeliveryState

delivery = Resource("delivery", "What is on its way to the server of the log store, and what it would not take.")


@delivery.get("/delivery/", responses={200: Delivery})
def get_delivery() -> dict[str, Any]:
    """What waits, how fast it leaves, whether the server is reachable."""
    return overview_json(services().deliveries.overview(caller()))


@delivery.get("/delivery/dead-letters/", responses={200: DeadLetterList} | responses([404]))
def list_dead_letters(query: DeadLetterQuery) -> dict[str, Any]:
    """Records that the server refused, the newest first."""

    def fetch(limit: int, offset: int) -> tuple[list[Letter], int]:
        return services().deliveries.letters(
            caller(), organisation_id=query.organisation_id, limit=limit, offset=offset
        )

    return paged(query, fetch, letter_json)


@delivery.post("/delivery/dead-letters/redrive/", responses={200: Redriven} | responses([404]))
def redrive_dead_letters(body: Redrive) -> dict[str, Any]:
    """Send refused records again; what is refused once more comes back."""
    chosen = _chosen(body.ids, body.all, "ids")
    return {"redriven": services().deliveries.redrive(caller(), chosen, organisation_id=body.organisation_id)}


@delivery.delete("/delivery/dead-letters/", responses={200: Discarded} | responses([404]))
def discard_dead_letters(query: DiscardQuery) -> dict[str, Any]:
    """Remove refused records for good."""
    chosen = _chosen(query.id, query.all, "id")
    return {"discarded": services().deliveries.discard(caller(), chosen, organisation_id=query.organisation_id)}


def _chosen(ids: list[str], is_all: bool, field: str) -> list[str] | None:
    """None for all. Nobody means all by saying nothing."""
    if is_all == bool(ids):
        raise InvalidInput(f"Name the records by `{field}`, or say `all`: one of the two.", field=field)
    return None if is_all else ids


def overview_json(seen: Overview) -> dict[str, Any]:
    """The state as the API writes it."""
    state = seen.state
    return {
        "active": state is not None,
        "scope": "installation" if seen.is_whole else "organisation",
        "detail": IN_PROCESS if state is None else _detail(state),
        "waiting": None if state is None else _waiting_json(state, seen.lag_s),
        "server": None if state is None else _server_json(state),
        "pace": None if state is None else _pace_json(state),
        "held_up": [
            {"organisation": name, "reason": reason, "since": rfc3339(since)}
            for name, (reason, since) in seen.held_up.items()
        ],
        "dead_letters": seen.dead_letters,
        "counters": {} if state is None else state.counters,
    }


def _detail(state: DeliveryState) -> str:
    if not state.is_reachable:
        return "The server does not take records now. They are safe on the spool, and delivered when it does."
    return "Records are being delivered." if state.records else "Everything that was accepted has been delivered."


def _waiting_json(state: DeliveryState, lag_s: float) -> dict[str, Any]:
    return {
        "records": state.records,
        "size_bytes": state.size_bytes,
        "oldest_at": rfc3339(state.oldest_at),
        "lag_s": round(lag_s, 3),
        "in_doubt": state.in_doubt,
        "max_bytes": state.max_bytes,
    }


def _server_json(state: DeliveryState) -> dict[str, Any]:
    return {
        "reachable": state.is_reachable,
        "failing_since": rfc3339(state.failing_since),
        "last_error": state.last_error or None,
        "last_error_at": rfc3339(state.last_error_at),
    }


def _pace_json(state: DeliveryState) -> dict[str, Any]:
    return {"rate_per_s": state.rate_per_s, "concurrency": state.concurrency, "bulk_bytes": state.bulk_bytes}


def letter_json(found: Letter) -> dict[str, Any]:
    """A dead letter as the API writes it."""
    letter = found.letter
    return {
        "id": letter.id,
        "organisation_id": found.organisation_id,
        "organisation": found.organisation,
        "at": rfc3339(letter.at),
        "status": letter.status,
        "error_type": letter.type,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "preview": found.preview,
    }
