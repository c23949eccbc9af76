"""Attributes that make a control act in the Explorer; `assets/js/explorer.js` holds what each does."""

import json
from typing import Any


def act(name: str, **data: str) -> dict[str, str]:
    """The action `name` with its arguments, e.g. `act("facet", field="service", value="api")`."""
    return {"data-act": name} | {f"data-{key}": value for key, value in data.items()}


def patch(**changes: Any) -> dict[str, str]:
    """Change parts of the search and run it."""
    return act("patch", patch=json.dumps(changes))
