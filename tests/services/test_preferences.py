"""Preferences: defaults, changes, and what is refused."""

import pytest

from services.database import Database
from services.documents.sql import SqlDocumentStore
from services.errors import InvalidInput
from services.preferences import Preferences, UserPreferences
from services.principal import Principal, Role, Scope

ME = Principal("u1", "me", "o1", Role.VIEWER, frozenset({Scope.READ}))


@pytest.fixture
def preferences(sqlite: Database) -> Preferences:
    return Preferences(SqlDocumentStore(sqlite))


def test_defaults_hold_until_something_is_chosen(preferences: Preferences) -> None:
    assert preferences.get(ME) == UserPreferences(theme="system", timezone="UTC")


def test_a_change_leaves_the_rest(preferences: Preferences) -> None:
    preferences.put(ME, theme="dark")
    assert preferences.put(ME, timezone="America/Argentina/Ushuaia") == preferences.get(ME)
    assert preferences.get(ME) == UserPreferences(theme="dark", timezone="America/Argentina/Ushuaia")


@pytest.mark.parametrize("theme", ["", "DARK", "red", "\0"])
def test_an_unknown_theme_is_refused(preferences: Preferences, theme: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        preferences.put(ME, theme=theme)
    assert caught.value.field == "theme"


@pytest.mark.parametrize(
    "zone", ["", "Mars/Base", "../../etc/passwd", "/etc/passwd", "America", "a\0b", "\ud800", "x" * 5000, "+02:00", "."]
)
def test_an_unknown_time_zone_is_refused(preferences: Preferences, zone: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        preferences.put(ME, timezone=zone)
    assert caught.value.field == "timezone"
