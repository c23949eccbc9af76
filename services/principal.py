"""Who asks, for which organisation, and what they may do.

Every service call takes a `Principal` first and checks it with `require`: a right is written once, here,
and holds for pages, REST, tasks and the command line alike.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from services.errors import Forbidden


class Role(IntEnum):
    """A member's role in one organisation; each includes the ones below."""

    VIEWER = 1
    EDITOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The role's name as the API writes it."""
        return self.name.lower()


class Scope(StrEnum):
    """What a credential may be used for, whatever its owner's role."""

    READ = "read"
    INGEST = "ingest"
    ADMIN = "admin"


SCOPES_OF_ROLE: dict[Role, frozenset[Scope]] = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.EDITOR: frozenset({Scope.READ, Scope.INGEST}),
    Role.ADMIN: frozenset(Scope),
}


class Right(StrEnum):
    """The things that a service call may require."""

    READ_LOGS = "read logs"
    WRITE_LOGS = "send logs"
    DELETE_LOGS = "delete logs"
    OWN_ACCOUNT = "change your own account"
    MANAGE_ORGANISATION = "manage the organisation"


_NEEDS: dict[Right, tuple[Role, frozenset[Scope]]] = {
    Right.READ_LOGS: (Role.VIEWER, frozenset({Scope.READ})),
    Right.WRITE_LOGS: (Role.EDITOR, frozenset({Scope.INGEST})),
    # A shipper's token can only add: what destroys needs one that may read as well.
    Right.DELETE_LOGS: (Role.EDITOR, frozenset({Scope.INGEST, Scope.READ})),
    Right.OWN_ACCOUNT: (Role.VIEWER, frozenset({Scope.READ})),
    Right.MANAGE_ORGANISATION: (Role.ADMIN, frozenset({Scope.ADMIN})),
}


@dataclass(frozen=True)
class Principal:
    """One authenticated caller, acting for exactly one organisation.

    `credential` is "session", "token" or "system"; `credential_id` the token's or session's id.
    """

    user_id: str
    username: str
    organisation_id: str
    role: Role
    scopes: frozenset[Scope] = field(default_factory=frozenset)
    is_superadmin: bool = False
    credential: str = "session"
    credential_id: str = ""


def allows(principal: Principal, right: Right) -> bool:
    """True where `principal` has `right`."""
    role, scopes = _NEEDS[right]
    return principal.role >= role and scopes <= principal.scopes


def require(principal: Principal, right: Right) -> None:
    """Raise `Forbidden` unless `principal` has `right`; the text says what is missing."""
    role, scopes = _NEEDS[right]
    if principal.role < role:
        raise Forbidden(f"To {right.value} you need the role {role.word}; yours is {principal.role.word}.")
    missing = sorted(scopes - principal.scopes)
    if missing:
        raise Forbidden(f"To {right.value} this credential needs the scope {' and '.join(missing)}.")
