"""One bulk request, and what its answer says about each document in it.

Nothing counts as stored that the server did not say of this very document: an answer that is cut short, in another order,
about other ids or not readable leaves documents *unknown*. They are sent again by somebody who looks first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from elasticsearch import Elasticsearch

ANSWER_PATH = ",".join(
    f"items.create.{name}" for name in ("_id", "status", "error.type", "error.reason", "error.index")
)
"""What is read of the answer: 60 bytes for a document that was stored."""

_REASON_CHARACTERS = 1_000
_JSON = {"accept": "application/json", "content-type": "application/json"}


class Sendable(Protocol):
    """What a bulk needs of a document: `body` is one JSON line without its end."""

    @property
    def id(self) -> str: ...
    @property
    def body(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why a document was not created, in the server's words. `index` is the one that has the id already (409)."""

    status: int
    type: str
    reason: str
    index: str = ""

    @property
    def is_block(self) -> bool:
        """Whether the index takes no writes: its disk is full, or somebody closed it to them."""
        return self.type == "cluster_block_exception"

    @property
    def is_missing_stream(self) -> bool:
        """Whether there is nothing to write to."""
        return self.status == 404


@dataclass
class Outcome:
    """What a bulk did, as positions of its documents; each position is in exactly one of the lists.

    stored    created now
    existing  the id was there before: with which content is to be looked up (`errors[position].index` has it)
    retry     certainly not stored, and may be later: the server is busy, the index blocked or missing
    unfit     certainly not stored: one field more than the index may have
    rejected  certainly not stored, and will not be as it is
    unknown   stored or not: nobody knows
    errors    of all that have one
    """

    stored: list[int] = field(default_factory=list)
    existing: list[int] = field(default_factory=list)
    retry: list[int] = field(default_factory=list)
    unfit: list[int] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    errors: dict[int, ItemError] = field(default_factory=dict)


def body_of(documents: Sequence[Sendable]) -> bytes:
    """The lines of a bulk that creates these documents, each under its own id."""
    return b"".join(
        part
        for document in documents
        for part in (b'{"create":{"_id":"', document.id.encode(), b'"}}\n', document.body, b"\n")
    )


def send(es: Elasticsearch, stream: str, body: bytes, timeout_s: float) -> Any:
    """Send one bulk, once; gives the `items` of the answer, which may be anything. Raises what the client raises.

    The server gives up waiting for a shard before we give up waiting for the server, so that it tells us.
    """
    params = {"require_data_stream": "true", "filter_path": ANSWER_PATH, "timeout": f"{max(1, int(timeout_s / 3))}s"}
    client = es.options(request_timeout=timeout_s, max_retries=0, retry_on_status=(), retry_on_timeout=False)
    answer = client.perform_request("POST", f"/{stream}/_bulk", params=params, headers=_JSON, body=body).body
    return answer.get("items") if isinstance(answer, dict) else None


def account(items: object, ids: Sequence[str]) -> Outcome:
    """What the answer says of each id that was sent. The order of an answer is that of the request (bulk API)."""
    outcome = Outcome()
    answers: list[Any] = items if isinstance(items, list) and len(items) <= len(ids) else []
    for position, identity in enumerate(ids):
        item = answers[position] if position < len(answers) else None
        if item == {"create": {"_id": identity, "status": 201}}:
            outcome.stored.append(position)
        else:
            _account_other(outcome, position, identity, item)
    return outcome


def _account_other(outcome: Outcome, position: int, identity: str, item: object) -> None:
    create = item.get("create") if isinstance(item, dict) else None
    status = create.get("status") if isinstance(create, dict) else None
    if not isinstance(create, dict) or create.get("_id") != identity or not isinstance(status, int):
        outcome.unknown.append(position)
        return
    if status == 201:
        outcome.stored.append(position)
        return
    error = _error(status, create.get("error"))
    outcome.errors[position] = error
    _list_for(outcome, error).append(position)


def _error(status: int, error: object) -> ItemError:
    told = error if isinstance(error, dict) else {}
    reason = str(told.get("reason", ""))[:_REASON_CHARACTERS]
    return ItemError(status, str(told.get("type", "")), reason, str(told.get("index", "")))


def _list_for(outcome: Outcome, error: ItemError) -> list[int]:
    """The list an error belongs to. A 5xx of one item may come after its primary shard has it."""
    if error.status == 409:
        return outcome.existing
    if error.is_block or error.status in (401, 403, 404, 429):
        return outcome.retry
    if error.status == 400 and "Limit of total fields" in error.reason:
        return outcome.unfit
    return outcome.rejected if 400 <= error.status < 500 else outcome.unknown
