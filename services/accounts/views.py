"""What accounts tell the outside: plain values without secrets. Times are aware UTC."""

from dataclasses import dataclass
from datetime import datetime

from services.principal import Role


@dataclass(frozen=True)
class UserView:
    """A person, as seen in the organisation that the caller acts for."""

    id: str
    username: str
    email: str
    organisation_id: str
    organisation: str
    role: Role
    is_superadmin: bool
    created: datetime


@dataclass(frozen=True)
class Home:
    """An organisation that a user belongs to, with their role there."""

    organisation_id: str
    organisation: str
    role: Role


@dataclass(frozen=True)
class Member:
    """A user of an organisation, as its admins see them."""

    user_id: str
    username: str
    email: str
    role: Role
    joined: datetime


@dataclass(frozen=True)
class Token:
    """An API token without its secret. `prefix` is the part that may be shown; `expires` None: not by date.

    `idle_s`: seconds without use after which it dies, None for never. `from_sign_in`: made by signing in.
    """

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created: datetime
    last_used: datetime | None
    expires: datetime | None
    idle_s: int | None
    from_sign_in: bool


@dataclass(frozen=True)
class InvitationView:
    """An invitation without its code."""

    id: str
    role: Role
    created: datetime
    expires: datetime
    used: bool
