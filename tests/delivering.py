"""What a store on a server tells of its delivery, in memory: the state is set by the test, dead letters are kept."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.errors import NotFound
from services.log_store.delivery import DeadLetter, DeliveryState


@dataclass(frozen=True)
class Refused:
    """A record that was refused."""

    id: str
    at: datetime
    record: Mapping[str, Any]
    type: str = "mapper_parsing_exception"
    reason: str = "failed to parse field [labels.source]"
    status: int = 400
    attempts: int = 1


@dataclass
class RefusedRecords:
    """Dead letters by organisation, the newest last; `redriven` are those that were sent again."""

    kept: dict[str, dict[str, Refused]] = field(default_factory=dict)
    redriven: list[str] = field(default_factory=list)

    def add(self, organisation_id: str, *letters: Refused) -> None:
        self.kept.setdefault(organisation_id, {}).update({each.id: each for each in letters})

    def counts(self) -> Mapping[str, int]:
        return {name: len(letters) for name, letters in self.kept.items() if letters}

    def list(self, organisation_id: str, limit: int = 50, *, offset: int = 0) -> Sequence[DeadLetter]:
        return list(reversed(self.kept.get(organisation_id, {}).values()))[offset : offset + limit]

    def redrive(self, organisation_id: str, ids: Collection[str] | None = None) -> int:
        chosen = self._take(organisation_id, ids)
        self.redriven += chosen
        return len(chosen)

    def discard(self, organisation_id: str, ids: Collection[str] | None = None) -> int:
        return len(self._take(organisation_id, ids))

    def _take(self, organisation_id: str, ids: Collection[str] | None) -> Sequence[str]:
        letters = self.kept.get(organisation_id, {})
        chosen = [*letters] if ids is None else [*dict.fromkeys(ids)]
        if any(each not in letters for each in chosen):
            raise NotFound("There is no such refused record.")
        for each in chosen:
            del letters[each]
        return chosen


class Delivering:
    """A `Delivery`. `whole` is the state of the installation, `parts` those of organisations."""

    def __init__(self, whole: DeliveryState) -> None:
        self.whole = whole
        self.parts: dict[str, DeliveryState] = {}
        self.dead_letters = RefusedRecords()

    def state(self, organisation_id: str | None) -> DeliveryState:
        if organisation_id is None:
            return self.whole
        nothing = replace(
            self.whole, records=0, size_bytes=0, oldest_at=None, held_up={}, rate_per_s=None, in_doubt=None
        )
        return self.parts.get(organisation_id, nothing)
