"""Making accounts: who may register, where they belong, and who becomes the installation's superadmin."""

import hmac
from dataclasses import dataclass, field

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from services.accounts import names
from services.accounts.members import Members
from services.accounts.models import LoginName, User
from services.accounts.passwords import Passwords, check_new
from services.clock import Clock
from services.database import Database
from services.errors import ConfigError, Conflict, Forbidden, InvalidInput
from services.identifiers import new_id
from services.principal import SCOPES_OF_ROLE, Principal, Role

MODES = ("open", "invite", "closed")


@dataclass(frozen=True)
class NewAccount:
    """A checked wish for an account. `becomes_superadmin` None: decide by the rules of the first account."""

    username: str
    email: str
    password: str = field(repr=False)
    organisation: str
    from_loopback: bool = False
    setup_code: str | None = field(default=None, repr=False)
    invitation: str | None = field(default=None, repr=False)


def checked(
    username: str,
    email: str,
    password: str,
    *,
    organisation: str | None = None,
    from_loopback: bool = False,
    setup_code: str | None = None,
    invitation: str | None = None,
) -> NewAccount:
    """The wish with its names in their normal form. Raises `InvalidInput` naming the first wrong field."""
    name, address = names.username(username), names.email(email)
    check_new(password, name, address)
    title = names.title(organisation, "organisation") if organisation else name
    return NewAccount(name, address, password, title, from_loopback, setup_code or None, invitation or None)


class Registration:
    """Creates accounts; each in one transaction, so a name is taken once and an invitation used once."""

    def __init__(
        self, database: Database, clock: Clock, passwords: Passwords, members: Members, *, mode: str, setup_code: str
    ) -> None:
        if mode not in MODES:
            raise ConfigError(f"REGISTRATION must be one of {', '.join(MODES)}.")
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._members = members
        self._mode = mode
        self._setup_code = setup_code

    def needs_setup(self) -> bool:
        """True while there is no superadmin, so while the setup code is worth something."""
        with self._database.reading() as session:
            return not _has_superadmin(session)

    def register(self, wish: NewAccount) -> Principal:
        """A new account as its principal. See `Accounts.register`."""
        with self._database.reading() as session:
            self._allow(wish, self._is_operator(session, wish))  # before the cost of hashing
        password_hash = self._passwords.hash(wish.password)
        with self._database.session() as session:
            _lock_users(session, self._database)
            is_operator = self._is_operator(session, wish)
            self._allow(wish, is_operator)
            return self._create(session, wish, password_hash, is_superadmin=is_operator)

    def create_superuser(self, wish: NewAccount) -> Principal:
        """A further superadmin, whatever REGISTRATION says: for the command line."""
        password_hash = self._passwords.hash(wish.password)
        with self._database.session() as session:
            return self._create(session, wish, password_hash, is_superadmin=True)

    def _is_operator(self, session: Session, wish: NewAccount) -> bool:
        """Whether whoever registers has shown to run this installation. Raises `InvalidInput` for a wrong code."""
        if wish.setup_code is not None:
            return self._is_setup_code(session, wish.setup_code)
        return wish.from_loopback and not session.scalar(select(func.count()).select_from(User))

    def _is_setup_code(self, session: Session, code: str) -> bool:
        expected = self._setup_code.encode()
        if not expected or not hmac.compare_digest(code.encode("utf-8", "surrogatepass"), expected):
            raise InvalidInput(
                "The setup code is not right. It was printed when the server started.", field="setup_code"
            )
        if _has_superadmin(session):
            raise InvalidInput("The setup code was used already. Leave it out.", field="setup_code")
        return True

    def _allow(self, wish: NewAccount, is_operator: bool) -> None:
        if is_operator or self._mode == "open":
            return
        if self._mode == "closed":
            raise Forbidden("Nobody can register here. Ask the administrator for an account.")
        if wish.invitation is None:
            raise Forbidden("Registering here needs an invitation. Ask an admin of your organisation for one.")

    def _create(self, session: Session, wish: NewAccount, password_hash: str, *, is_superadmin: bool) -> Principal:
        user_id, now = new_id(), self._clock.now()
        _refuse_taken(session, wish.username, wish.email)
        user = User(
            id=user_id,
            username=wish.username,
            email=wish.email,
            password_hash=password_hash,
            is_superadmin=is_superadmin,
            organisation_id=None,
            created_at=now,
            password_changed_at=now,
        )
        session.add(user)
        session.flush()
        user.organisation_id, role = self._home(session, wish, user_id)
        session.add_all(login_names(user))
        session.flush()
        return session_principal_of(user, role)

    def _home(self, session: Session, wish: NewAccount, user_id: str) -> tuple[str, Role]:
        if wish.invitation is not None:
            return self._members.join_by_invitation(session, wish.invitation, user_id)
        return self._members.found(session, user_id, wish.organisation), Role.ADMIN


def login_names(user: User) -> list[LoginName]:
    """The rows under which `user` signs in: username and e-mail address, one row where they are the same."""
    keys = {names.login_key(user.username), names.login_key(user.email)}
    return [LoginName(name=key, user_id=user.id) for key in sorted(keys)]


def session_principal_of(user: User, role: Role) -> Principal:
    """`user` acting for their own organisation, right after proving who they are; no session is opened yet."""
    return Principal(
        user_id=user.id,
        username=user.username,
        organisation_id=user.organisation_id or "",
        role=role,
        scopes=SCOPES_OF_ROLE[role],
        is_superadmin=user.is_superadmin,
    )


def _refuse_taken(session: Session, username: str, email: str) -> None:
    """Say which of the two is taken. Of two that register at the same moment, the constraint stops the second."""
    if session.get(LoginName, names.login_key(username)) is not None:
        raise Conflict("This username is taken. Choose another.")
    if session.get(LoginName, names.login_key(email)) is not None:
        raise Conflict("This e-mail address belongs to an account already. Sign in instead.")


def _has_superadmin(session: Session) -> bool:
    return session.scalar(select(func.count()).select_from(User).where(User.is_superadmin)) != 0


def _lock_users(session: Session, database: Database) -> None:
    """Let two first accounts not both be the first. SQLite's write transaction is alone already."""
    if not database.is_sqlite:
        session.execute(text("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"))
