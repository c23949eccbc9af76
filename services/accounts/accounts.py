"""Users, organisations, sessions and tokens: the one door to them for pages, REST and the command line."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.accounts import names, registration
from services.accounts.members import Members
from services.accounts.models import LoginName, Membership, Organisation, User
from services.accounts.passwords import Passwords, check_new
from services.accounts.registration import Registration, login_names, session_principal_of
from services.accounts.sessions import Sessions, close_all_of
from services.accounts.throttle import Throttle
from services.accounts.tokens import Tokens, end_sign_in_tokens_of
from services.accounts.views import Home, InvitationView, Member, Token, UserView
from services.clock import Clock
from services.database import Database, is_storable
from services.errors import Conflict, Forbidden, InvalidInput, Unauthenticated
from services.principal import SCOPES_OF_ROLE, Principal, Right, Role, require

_WRONG = "The name or the password is not right."


class Accounts:
    """See the top of this file. Every method may raise `BackendUnavailable`, `BackendTimeout` and, where it stores,
    `StorageFull`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        registration: str = "open",
        setup_code: str = "",
        passwords: Passwords | None = None,
    ) -> None:
        """`registration` is "open", "invite" or "closed"; an empty `setup_code` never fits. Raises `ConfigError`."""
        self._database = database
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._throttle = Throttle(database, clock)
        self._sessions = Sessions(database, clock)
        self._tokens = Tokens(database, clock)
        self._members = Members(database, clock)
        self._registration = Registration(
            database, clock, self._passwords, self._members, mode=registration, setup_code=setup_code
        )

    # Registration and sign-in

    def register(
        self,
        username: str,
        email: str,
        password: str,
        *,
        organisation: str | None = None,
        from_loopback: bool = False,
        setup_code: str | None = None,
        invitation: str | None = None,
    ) -> Principal:
        """A new account, as the principal of a session that is not opened yet.

        With an `invitation` the account joins that organisation; otherwise it is admin of a new one, named `organisation` or
        as the user. It becomes superadmin with the right `setup_code` while there is none, or as the very first account
        from this machine (`from_loopback`); that works in every mode of REGISTRATION. Raises `InvalidInput` (naming the field),
        `Conflict` for a name or address that is taken, `Forbidden` where registration is not open.
        """
        return self._registration.register(
            registration.checked(
                username,
                email,
                password,
                organisation=organisation,
                from_loopback=from_loopback,
                setup_code=setup_code,
                invitation=invitation,
            )
        )

    def create_superuser(self, username: str, email: str, password: str) -> Principal:
        """A superadmin with an organisation of their own, for the command line. Raises `InvalidInput`, `Conflict`."""
        return self._registration.create_superuser(registration.checked(username, email, password))

    def needs_setup(self) -> bool:
        """True while nobody is superadmin: then the setup code is worth printing."""
        return self._registration.needs_setup()

    def sign_in(self, username_or_email: str, password: str, *, address: str) -> Principal:
        """The principal of whoever knows the password; follow with `open_session` or `issue_sign_in_token`.

        `address` is the client's IP address. Raises `Unauthenticated` with the same text, after the same work, for a wrong
        password and for nobody of that name; `QuotaExceeded` after too many failures; `Forbidden` for a person who was removed
        from every organisation.
        """
        name = names.login_key(username_or_email)
        self._throttle.check(name, address)  # who must wait takes nobody's turn
        with self._passwords.turn():
            self._throttle.check(name, address)
            user = self._user_named(name)
            if not self._passwords.verify(user.password_hash if user else None, password) or user is None:
                self._throttle.failed(name, address)
                raise Unauthenticated(_WRONG)
            self._throttle.succeeded(name, address)
            if self._passwords.is_outdated(user.password_hash):
                self._replace_hash(user, self._passwords.rehash(password))
        return session_principal_of(user, self._home_role(user))

    # Sessions (the browser)

    def open_session(self, principal: Principal, *, remember: bool = False) -> str:
        """A new session's secret for the cookie; unlike any before it. The cookie should live 30 days where `remember`, else as
        long as the browser."""
        return self._sessions.open(principal.user_id, principal.organisation_id, remember=remember)

    def session_principal(self, session_secret: str) -> Principal:
        """Who a cookie belongs to, with today's role. Raises `Unauthenticated`: over, signed out, or never there."""
        return self._sessions.principal(session_secret)

    def close_session(self, session_secret: str) -> None:
        """End a session at once; nothing happens where it is over already."""
        self._sessions.close(session_secret)

    def sign_out(self, principal: Principal) -> None:
        """End the credential that `principal` came with, session or token, and no other."""
        if principal.credential == "session":
            self._sessions.close_by_id(principal.credential_id)
        elif principal.credential == "token":
            self._tokens.revoke(principal, principal.credential_id)

    # Tokens (REST)

    def issue_token(
        self,
        principal: Principal,
        *,
        name: str,
        scopes: Iterable[str] | None = None,
        expires: datetime | None = None,
    ) -> tuple[Token, str]:
        """A named token and its secret, which nobody can see again. No scopes: all that the caller has.

        Raises `InvalidInput`, `Forbidden` for scopes that the caller lacks, `Conflict` with 200 tokens there already.
        """
        _require_whole(principal)
        return self._tokens.issue(principal, name=name, scopes=scopes, expires=expires, from_sign_in=False)

    def issue_sign_in_token(self, principal: Principal) -> tuple[Token, str]:
        """The token that a sign-in by REST answers with: all scopes of the role, dead after 30 days without use."""
        return self._tokens.issue(principal, name="Sign-in", scopes=None, expires=None, from_sign_in=True)

    def token_principal(self, secret: str) -> Principal:
        """Who a token speaks for: scopes are those of the token that the owner's role has today.

        Raises `Unauthenticated`. A change in this process holds at once, one in another process within 3 s.
        """
        return self._tokens.principal(secret)

    def tokens(self, principal: Principal) -> list[Token]:
        """The caller's tokens in this organisation, newest first, dead ones left out."""
        require(principal, Right.OWN_ACCOUNT)
        return self._tokens.of(principal)

    def revoke_token(self, principal: Principal, token_id: str) -> None:
        """End one of the caller's tokens at once. Raises `NotFound`, for another's token too."""
        if token_id != principal.credential_id:
            _require_whole(principal)
        self._tokens.revoke(principal, token_id)

    # One's own account

    def user(self, principal: Principal) -> UserView:
        """The caller's account. Raises `Unauthenticated` where it is gone."""
        statement = (
            select(User, Organisation.name, Membership.role)
            .join(Membership, Membership.user_id == User.id)
            .join(Organisation, Organisation.id == Membership.organisation_id)
            .where(User.id == principal.user_id, Membership.organisation_id == principal.organisation_id)
        )
        with self._database.reading() as session:
            row = session.execute(statement).first()
        if row is None:
            raise Unauthenticated("This account no longer exists.")
        user = row.User
        return UserView(
            id=user.id,
            username=user.username,
            email=user.email,
            organisation_id=principal.organisation_id,
            organisation=row.name,
            role=Role(row.role),
            is_superadmin=user.is_superadmin,
            created=user.created_at,
        )

    def change_password(self, principal: Principal, old: str, new: str) -> None:
        """Replace the password, and end the caller's other sessions and sign-in tokens; named tokens go on.

        Raises `InvalidInput` (`old_password`, `new_password`), and `QuotaExceeded` after too many wrong old ones.
        """
        _require_whole(principal)
        user = self._user(principal)
        check_new(new, user.username, user.email, field="new_password")
        guessing = f"change of password of {user.id}"
        with self._passwords.turn():
            self._throttle.check(guessing, "")
            if not self._passwords.verify(user.password_hash, old):
                self._throttle.failed(guessing, "")
                raise InvalidInput("The current password is not right.", field="old_password")
            new_hash = self._passwords.rehash(new)
        with self._database.session() as session:
            self._store_password(session, principal, new_hash)
        self._tokens.forget()

    def update_profile(
        self, principal: Principal, *, username: str | None = None, email: str | None = None
    ) -> UserView:
        """Change the caller's names; None leaves one as it is. Raises `InvalidInput`, `Conflict`."""
        _require_whole(principal)
        new_name = None if username is None else names.username(username)
        new_email = None if email is None else names.email(email)
        with self._database.session() as session:
            user = self._loaded(session, principal)
            user.username, user.email = new_name or user.username, new_email or user.email
            self._rename(session, user)
        self._tokens.forget()
        return self.user(principal)

    # The organisation

    def rename_organisation(self, principal: Principal, name: str) -> None:
        """Give the caller's organisation another name. Needs `Right.MANAGE_ORGANISATION`."""
        require(principal, Right.MANAGE_ORGANISATION)
        title = names.title(name, "organisation")
        with self._database.session() as session:
            organisation = session.get_one(Organisation, principal.organisation_id)
            organisation.name = title

    def organisation_names(self, ids: Collection[str]) -> dict[str, str]:
        """The names of organisations by their ids, of those that there are. For the services: nobody's right is asked."""
        if not ids:
            return {}
        chosen = select(Organisation.id, Organisation.name).where(Organisation.id.in_(list(ids)))
        with self._database.reading() as session:
            return {row.id: row.name for row in session.execute(chosen)}

    def organisation_ids(self) -> list[str]:
        """Ids of all organisations. For the command line: nobody's right is asked."""
        with self._database.reading() as session:
            return list(session.scalars(select(Organisation.id).order_by(Organisation.id)))

    def members(self, principal: Principal) -> list[Member]:
        """Everybody in the caller's organisation, by username."""
        return self._members.all(principal)

    def set_role(self, principal: Principal, user_id: str, role: Role) -> None:
        """Give a member another role; it holds at once. Raises `NotFound`, and `Conflict` for the last admin."""
        self._members.set_role(principal, user_id, role)
        self._tokens.forget()

    def remove_member(self, principal: Principal, user_id: str) -> None:
        """End a membership with its sessions and tokens. Raises `NotFound`, and `Conflict` for the last admin."""
        self._members.remove(principal, user_id)
        self._tokens.forget()

    def invite(
        self, principal: Principal, *, role: Role = Role.VIEWER, lasts: timedelta = timedelta(days=7)
    ) -> tuple[InvitationView, str]:
        """An invitation and its one-time code for `register(invitation=…)`; it lasts at most 90 days."""
        return self._members.invite(principal, role, lasts)

    def accept_invitation(self, principal: Principal, code: str) -> Principal:
        """Join another organisation; the caller there, for a new session. It is where the next sign-in leads.

        Raises `InvalidInput` for a code that is unknown, used or expired, `Conflict` for a member.
        """
        _require_whole(principal)
        return session_principal_of(*self._members.accept(principal, code))

    def homes(self, principal: Principal) -> list[Home]:
        """The organisations that the caller belongs to, by name."""
        require(principal, Right.OWN_ACCOUNT)
        return self._members.homes(principal)

    def enter_organisation(self, principal: Principal, organisation_id: str) -> Principal:
        """The caller in another of their organisations, for a new session. Raises `NotFound`."""
        _require_whole(principal)
        return session_principal_of(*self._members.enter(principal, organisation_id))

    def invitations(self, principal: Principal) -> list[InvitationView]:
        """The organisation's invitations, newest first."""
        return self._members.invitations(principal)

    def withdraw_invitation(self, principal: Principal, invitation_id: str) -> None:
        """Make an invitation worthless. Raises `NotFound`."""
        self._members.withdraw(principal, invitation_id)

    def _user_named(self, name: str) -> User | None:
        if not is_storable(name):
            return None
        statement = select(User).join(LoginName, LoginName.user_id == User.id).where(LoginName.name == name)
        with self._database.reading() as session:
            return session.scalar(statement)

    def _user(self, principal: Principal) -> User:
        with self._database.reading() as session:
            return self._loaded(session, principal)

    def _loaded(self, session: Session, principal: Principal) -> User:
        user = session.get(User, principal.user_id)
        if user is None:
            raise Unauthenticated("This account no longer exists.")
        return user

    def _home_role(self, user: User) -> Role:
        with self._database.reading() as session:
            membership = session.get(Membership, (user.id, user.organisation_id))
        if membership is None:
            raise Forbidden("You belong to no organisation any more. Ask an admin for an invitation.")
        return Role(membership.role)

    def _replace_hash(self, user: User, password_hash: str) -> None:
        with self._database.session() as session:
            stored = session.get(User, user.id)
            if stored is not None and stored.password_hash == user.password_hash:
                stored.password_hash = password_hash

    def _store_password(self, session: Session, principal: Principal, password_hash: str) -> None:
        user = self._loaded(session, principal)
        user.password_hash, user.password_changed_at = password_hash, self._clock.now()
        close_all_of(session, user.id, but=principal.credential_id)
        end_sign_in_tokens_of(session, user.id, but=principal.credential_id)

    def _rename(self, session: Session, user: User) -> None:
        """Make the login names those of `user`, which must not be another's."""
        rows = login_names(user)
        others = select(LoginName.name).where(
            LoginName.name.in_([row.name for row in rows]), LoginName.user_id != user.id
        )
        if session.scalars(others).first() is not None:
            raise Conflict("This name or address belongs to another account.")
        session.execute(delete(LoginName).where(LoginName.user_id == user.id))
        session.add_all(rows)


def _require_whole(principal: Principal) -> None:
    """Raise `Forbidden` for a token with fewer scopes than its owner's role: whoever finds one of those in a
    configuration file must not be able to take over the account with it."""
    require(principal, Right.OWN_ACCOUNT)
    if SCOPES_OF_ROLE[principal.role] - principal.scopes:
        raise Forbidden("This token is limited. Sign in to change your account and your tokens.")
