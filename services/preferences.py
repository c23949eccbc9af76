"""How a user wants to see the product: theme and time zone."""

from dataclasses import asdict, dataclass, replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.documents.interface import DocumentStore
from services.errors import InvalidInput, NotFound
from services.principal import Principal, Right, require

COLLECTION = "preferences"
THEMES = ("light", "dark", "system")


@dataclass(frozen=True)
class UserPreferences:
    """`theme` is one of `THEMES`; `timezone` an IANA name, in which pages show times."""

    theme: str = "system"
    timezone: str = "UTC"


class Preferences:
    """Reads and stores the caller's own preferences."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    def get(self, principal: Principal) -> UserPreferences:
        """What the caller chose, defaults for the rest."""
        require(principal, Right.OWN_ACCOUNT)
        try:
            document = self._documents.get(principal.organisation_id, COLLECTION, principal.user_id)
        except NotFound:
            return UserPreferences()
        return UserPreferences(theme=document["theme"], timezone=document["timezone"])

    def put(self, principal: Principal, *, theme: str | None = None, timezone: str | None = None) -> UserPreferences:
        """Change what is given, leave the rest; what holds now. Raises `InvalidInput` naming the field."""
        preferences = self.get(principal)
        if theme is not None:
            preferences = replace(preferences, theme=_theme(theme))
        if timezone is not None:
            preferences = replace(preferences, timezone=_timezone(timezone))
        document = asdict(preferences) | {"owner": principal.user_id}
        self._documents.put(principal.organisation_id, COLLECTION, principal.user_id, document)
        return preferences


def _theme(theme: str) -> str:
    if theme not in THEMES:
        raise InvalidInput(f"theme is one of {', '.join(THEMES)}.", field="theme")
    return theme


def _timezone(name: str) -> str:
    if _is_zone(name):
        return name
    raise InvalidInput("timezone is an IANA name such as Europe/Berlin or UTC.", field="timezone")


def _is_zone(name: str) -> bool:
    """ZoneInfo opens a file of that name: it refuses paths out of its folder, but trips over folders, NUL and length."""
    if not isinstance(name, str) or len(name) > 64:
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
