"""Tokens of the REST API: `evk_` and 40 characters, shown once, kept as SHA-256.

A token never does more than its owner may at that moment: its scopes are cut to those of the owner's role at each use.
Look-ups are remembered for a few seconds. What this process changes holds at once (`forget`); what another process changes
holds when the memory runs out.
"""

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, delete, func, or_, select, update
from sqlalchemy.orm import Session

from services.accounts.models import ApiToken, Membership, User
from services.accounts.names import title
from services.accounts.secret_codes import digest, is_code, new_code
from services.accounts.views import Token
from services.clock import Clock
from services.database import Database
from services.errors import BackendError, Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from services.identifiers import is_id, new_id
from services.principal import SCOPES_OF_ROLE, Principal, Role, Scope

PREFIX = "evk_"
SIGN_IN_IDLE = timedelta(days=30)
_SHOWN = len(PREFIX) + 6
_USED_EVERY = timedelta(minutes=1)
_REMEMBER_S = 3.0
_MOST_REMEMBERED = 10_000
_MOST_NAMED = 200
_MOST_SIGN_INS = 500
_FURTHEST = timedelta(days=365 * 100)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Remembered:
    principal: Principal
    until_s: float
    expires: datetime | None


class Tokens:
    """Issues, finds and revokes tokens."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._remembered: dict[str, _Remembered] = {}
        self._generation = 0

    def issue(
        self,
        principal: Principal,
        *,
        name: str,
        scopes: Iterable[str] | None,
        expires: datetime | None,
        from_sign_in: bool,
    ) -> tuple[Token, str]:
        """A new token and its secret. See `Accounts.issue_token`."""
        now, secret = self._clock.now(), new_code(PREFIX)
        row = ApiToken(
            id=new_id(),
            secret_hash=digest(secret),
            prefix=secret[:_SHOWN],
            user_id=principal.user_id,
            organisation_id=principal.organisation_id,
            name=title(name, "name"),
            scopes=" ".join(sorted(_scopes(principal, scopes))),
            from_sign_in=from_sign_in,
            created_at=now,
            idle_s=int(SIGN_IN_IDLE.total_seconds()) if from_sign_in else None,
            expires_at=_expiry(expires, now),
        )
        with self._database.session() as session:
            self._make_room(session, row)
            session.add(row)
        return _view(row), secret

    def principal(self, secret: str) -> Principal:
        """Who the token speaks for, with today's role. Raises `Unauthenticated`."""
        if not is_code(secret, PREFIX):
            raise Unauthenticated("This is not a token of this server.")
        key = digest(secret)
        remembered = self._remembered.get(key)
        if remembered is not None and self._holds(remembered):
            return remembered.principal
        return self._look_up(key)

    def of(self, principal: Principal) -> list[Token]:
        """The user's tokens in this organisation that are still good, newest first."""
        statement = select(ApiToken).where(_owned(principal)).order_by(ApiToken.created_at.desc(), ApiToken.id.desc())
        now = self._clock.now()
        with self._database.reading() as session:
            return [_view(row) for row in session.scalars(statement) if not _is_over(row, now)]

    def revoke(self, principal: Principal, token_id: str) -> None:
        """End one of the user's own tokens at once. Raises `NotFound`."""
        if not is_id(token_id):
            raise NotFound("No such token.")
        statement = delete(ApiToken).where(_owned(principal), ApiToken.id == token_id).returning(ApiToken.id)
        with self._database.session() as session:
            gone = session.execute(statement).all()
        self.forget()
        if not gone:
            raise NotFound("No such token.")

    def forget(self) -> None:
        """Look everything up again from now on. Call it after a change of tokens, roles or members is committed."""
        with self._lock:
            self._generation += 1
            self._remembered.clear()

    def _holds(self, remembered: _Remembered) -> bool:
        if self._clock.monotonic() >= remembered.until_s:
            return False
        return remembered.expires is None or self._clock.now() < remembered.expires

    def _look_up(self, key: str) -> Principal:
        generation = self._generation
        row, now = self._find(key), self._clock.now()
        if row is None or _is_over(row.ApiToken, now):
            raise Unauthenticated("This token is unknown, revoked or expired.")
        self._touch(row.ApiToken, now)
        principal = _principal(row)
        self._remember(
            key, _Remembered(principal, self._clock.monotonic() + _REMEMBER_S, _end(row.ApiToken)), generation
        )
        return principal

    def _remember(self, key: str, remembered: _Remembered, generation: int) -> None:
        with self._lock:
            if generation != self._generation:
                return  # something was revoked while this was looked up: what was read may be old
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = remembered

    def _find(self, key: str) -> Row[ApiToken, str, bool, int] | None:
        statement = (
            select(ApiToken, User.username, User.is_superadmin, Membership.role)
            .join(User, User.id == ApiToken.user_id)
            .join(
                Membership,
                (Membership.user_id == ApiToken.user_id) & (Membership.organisation_id == ApiToken.organisation_id),
            )
            .where(ApiToken.secret_hash == key)
        )
        with self._database.reading() as session:
            return session.execute(statement).first()

    def _touch(self, row: ApiToken, now: datetime) -> None:
        """Store the use, at most once a minute. A full disk must not lock clients out: reading goes on."""
        if row.last_used_at is not None and now - row.last_used_at < _USED_EVERY:
            return
        try:
            with self._database.session() as session:
                session.execute(update(ApiToken).where(ApiToken.id == row.id).values(last_used_at=now))
        except BackendError as error:
            log.warning("A token's last use was not stored: %s", error)

    def _make_room(self, session: Session, row: ApiToken) -> None:
        """Forget the user's dead tokens, and refuse more than a person can look through. Signing in is never refused:
        it ends the sign-in that was used longest ago."""
        used = func.coalesce(ApiToken.last_used_at, ApiToken.created_at)
        idle = ApiToken.from_sign_in & (used <= row.created_at - SIGN_IN_IDLE)
        of_user = ApiToken.user_id == row.user_id
        session.execute(delete(ApiToken).where(of_user, or_(ApiToken.expires_at <= row.created_at, idle)))
        same_kind = of_user & ApiToken.from_sign_in.is_(row.from_sign_in)
        count = session.scalar(select(func.count()).select_from(ApiToken).where(same_kind)) or 0
        if not row.from_sign_in and count >= _MOST_NAMED:
            raise Conflict(f"You have {count} tokens. Revoke some that are no longer needed.")
        if row.from_sign_in and count >= _MOST_SIGN_INS:
            oldest = select(ApiToken.id).where(same_kind).order_by(used).limit(1).scalar_subquery()
            session.execute(delete(ApiToken).where(ApiToken.id == oldest))


def end_sign_in_tokens_of(session: Session, user_id: str, *, but: str = "") -> None:
    """End the tokens that a user got by signing in, all but the one with the id `but`, in the caller's transaction."""
    session.execute(delete(ApiToken).where(ApiToken.user_id == user_id, ApiToken.from_sign_in, ApiToken.id != but))


def _owned(principal: Principal) -> ColumnElement[bool]:
    return (ApiToken.user_id == principal.user_id) & (ApiToken.organisation_id == principal.organisation_id)


def _scopes(principal: Principal, wanted: Iterable[str] | None) -> frozenset[Scope]:
    available = principal.scopes & SCOPES_OF_ROLE[principal.role]
    if wanted is None:
        return available
    try:
        scopes = frozenset(Scope(scope) for scope in wanted)
    except ValueError:
        raise InvalidInput(f"A scope is one of {', '.join(Scope)}.", field="scopes") from None
    if not scopes:
        raise InvalidInput(f"Choose at least one scope of {', '.join(Scope)}.", field="scopes")
    if scopes - available:
        raise Forbidden(f"You cannot give what you do not have: {', '.join(sorted(scopes - available))}.")
    return scopes


def _expiry(expires: datetime | None, now: datetime) -> datetime | None:
    if expires is None:
        return None
    if expires.tzinfo is None:
        raise InvalidInput("The expiry needs a time zone.", field="expires")
    if not now < expires < now + _FURTHEST:
        raise InvalidInput("The expiry must lie in the future, within a hundred years.", field="expires")
    return expires


def _end(row: ApiToken) -> datetime | None:
    """When the token dies if it is not used again."""
    idle = None if row.idle_s is None else (row.last_used_at or row.created_at) + timedelta(seconds=row.idle_s)
    return min((end for end in (idle, row.expires_at) if end is not None), default=None)


def _is_over(row: ApiToken, now: datetime) -> bool:
    end = _end(row)
    return end is not None and end <= now


def _principal(row: Row[ApiToken, str, bool, int]) -> Principal:
    role = Role(row.role)
    scopes = frozenset(Scope(scope) for scope in row.ApiToken.scopes.split()) & SCOPES_OF_ROLE[role]
    return Principal(
        user_id=row.ApiToken.user_id,
        username=row.username,
        organisation_id=row.ApiToken.organisation_id,
        role=role,
        scopes=scopes,
        is_superadmin=row.is_superadmin and Scope.ADMIN in scopes,
        credential="token",
        credential_id=row.ApiToken.id,
    )


def _view(row: ApiToken) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=tuple(row.scopes.split()),
        created=row.created_at,
        last_used=row.last_used_at,
        expires=row.expires_at,
        idle_s=row.idle_s,
        from_sign_in=row.from_sign_in,
    )
