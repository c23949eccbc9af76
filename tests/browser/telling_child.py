"""`python -m tests.browser.telling_child`: a real server over a store that tells what one on a server may have to tell.

The file `telling.json` in DATA_DIR says what; it is read at every question:
    store     attributes of `TellingStore`
    delivery  the state of the whole installation; *_s are ages in seconds
    letters   organisation id -> refused records ({id, minutes, record, type, reason}), each taken in once
"""

import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app import serving
from app.asgi import Front
from app.config import Config
from app.flask_app import create_app
from app.wiring import Application, build
from services.delivery import Deliveries
from services.log_store.delivery import DeliveryState, HeldUp
from services.search import Analytics, Search
from tests.delivering import Delivering, Refused
from tests.telling_store import TellingStore

QUIET = DeliveryState(records=0, size_bytes=0, oldest_at=None, is_reachable=True)


class Told:
    """What the file says now."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "telling.json"
        self.taken: set[str] = set()

    def read(self) -> dict[str, Any]:
        return json.loads(self.path.read_text()) if self.path.exists() else {}


class ToldStore(TellingStore):
    """Its attributes are those of the file."""

    def __init__(self, inner: Any, told: Told) -> None:
        self.told = told
        super().__init__(inner)

    def __getattr__(self, name: str) -> Any:
        self._read()
        return super().__getattr__(name)

    def _told(self, answer: Any) -> Any:
        self._read()
        return super()._told(answer)

    def _read(self) -> None:
        vars(self).update({"is_partial": False, "is_down": False} | vars(self)["told"].read().get("store", {}))


class ToldDelivery(Delivering):
    """Its state and its dead letters are those of the file."""

    def __init__(self, told: Told) -> None:
        super().__init__(QUIET)
        self.told = told

    def state(self, organisation_id: str | None) -> DeliveryState:
        said = self.told.read()
        for whose, letters in said.get("letters", {}).items():
            self._take_in(whose, letters)
        if "delivery" in said:
            self.whole = state_of(said["delivery"])
        return super().state(organisation_id)

    def _take_in(self, whose: str, letters: list[dict[str, Any]]) -> None:
        for each in (each for each in letters if each["id"] not in self.told.taken):
            self.told.taken.add(each["id"])
            at = datetime.now(UTC) - timedelta(minutes=each.pop("minutes", 0))
            self.dead_letters.add(whose, Refused(at=at, **each))


def state_of(said: dict[str, Any]) -> DeliveryState:
    """The state that JSON describes."""
    now = datetime.now(UTC)
    names = {"oldest_s": "oldest_at", "failing_s": "failing_since", "error_s": "last_error_at"}
    times = {name: now - timedelta(seconds=said[key]) for key, name in names.items() if key in said}
    held = {name: HeldUp(reason, now - timedelta(minutes=4)) for name, reason in said.get("held_up", {}).items()}
    plain = {key: value for key, value in said.items() if key not in names and key != "held_up"}
    return replace(QUIET, **plain, **times, held_up=held)


def telling(config: Config) -> Application:
    """The application of `config` with its store and delivery replaced."""
    made, told = build(config), Told(config.DATA_DIR)
    store: Any = ToldStore(made.services.store, told)
    clock = made.services.clock
    services = replace(
        made.services,
        search=Search(store, clock),
        analytics=Analytics(store, clock),
        deliveries=Deliveries(ToldDelivery(told), clock, made.services.accounts.organisation_names),
    )
    return replace(made, services=services, front=Front(create_app(config, services), config))


if __name__ == "__main__":
    serving.build = telling
    sys.exit(serving.run(Config.from_env(os.environ)))
