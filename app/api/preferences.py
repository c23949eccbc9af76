"""Preferences of the caller: GET and PATCH preferences/."""

from typing import Any

from app.api.caller import caller, services
from app.api.models.accounts import Preferences, PreferencesChange
from app.api.resource import Resource
from services.preferences import UserPreferences

preferences = Resource("preferences", "Theme and time zone of the pages.")


@preferences.get("/preferences/", responses={200: Preferences})
def get_preferences() -> dict[str, Any]:
    """Your preferences."""
    return _json(services().preferences.get(caller()))


@preferences.patch("/preferences/", responses={200: Preferences})
def change_preferences(body: PreferencesChange) -> dict[str, Any]:
    """Change some of them."""
    return _json(services().preferences.put(caller(), **body.model_dump(exclude_none=True)))


def _json(found: UserPreferences) -> dict[str, Any]:
    return {"theme": found.theme, "timezone": found.timezone}
