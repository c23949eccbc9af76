"""Browsers that are signed in: rows on the server, so that signing out ends a session whatever the cookie says.

A session ends 12 hours after its last use, a remembered one 30 days, each after 90 days at the latest.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy import Row, delete, select, update
from sqlalchemy.orm import Session

from services.accounts.models import Membership, User, UserSession
from services.accounts.secret_codes import digest, is_code, new_code
from services.clock import Clock
from services.database import Database
from services.errors import BackendError, Unauthenticated
from services.identifiers import new_id
from services.principal import SCOPES_OF_ROLE, Principal, Role

_IDLE = timedelta(hours=12)
_IDLE_REMEMBERED = timedelta(days=30)
_LONGEST = timedelta(days=90)
_SEEN_EVERY = timedelta(minutes=1)

log = logging.getLogger(__name__)


class Sessions:
    """Opens, finds and ends sessions. The secret (the cookie's value) is never stored."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def open(self, user_id: str, organisation_id: str, *, remember: bool) -> str:
        """A new session's secret. Also forgets sessions that are over."""
        now, secret = self._clock.now(), new_code()
        with self._database.session() as session:
            session.execute(delete(UserSession).where(UserSession.expires_at <= now))
            session.add(
                UserSession(
                    id=new_id(),
                    secret_hash=digest(secret),
                    user_id=user_id,
                    organisation_id=organisation_id,
                    remember=remember,
                    created_at=now,
                    last_seen_at=now,
                    expires_at=_expiry(now, now, remember),
                )
            )
        return secret

    def principal(self, secret: str) -> Principal:
        """Who the session belongs to, with today's role. Raises `Unauthenticated` when it is over or never was."""
        row = self._find(secret) if is_code(secret) else None
        if row is None or row.UserSession.expires_at <= self._clock.now():
            raise Unauthenticated("You are signed out. Sign in again.")
        self._touch(row.UserSession)
        role = Role(row.role)
        return Principal(
            user_id=row.UserSession.user_id,
            username=row.username,
            organisation_id=row.UserSession.organisation_id,
            role=role,
            scopes=SCOPES_OF_ROLE[role],
            is_superadmin=row.is_superadmin,
            credential="session",
            credential_id=row.UserSession.id,
        )

    def close(self, secret: str) -> None:
        """End the session at once. Ending one that is over already is fine."""
        with self._database.session() as session:
            session.execute(delete(UserSession).where(UserSession.secret_hash == digest(secret)))

    def close_by_id(self, session_id: str) -> None:
        """As `close`, by the public id."""
        with self._database.session() as session:
            session.execute(delete(UserSession).where(UserSession.id == session_id))

    def _find(self, secret: str) -> Row[UserSession, str, bool, int] | None:
        statement = (
            select(UserSession, User.username, User.is_superadmin, Membership.role)
            .join(User, User.id == UserSession.user_id)
            .join(
                Membership,
                (Membership.user_id == UserSession.user_id)
                & (Membership.organisation_id == UserSession.organisation_id),
            )
            .where(UserSession.secret_hash == digest(secret))
        )
        with self._database.reading() as session:
            return session.execute(statement).first()

    def _touch(self, row: UserSession) -> None:
        """Move the expiry on, at most once a minute. A full disk must not sign people out: reading goes on."""
        now = self._clock.now()
        if now - row.last_seen_at < _SEEN_EVERY:
            return
        values = {"last_seen_at": now, "expires_at": _expiry(row.created_at, now, row.remember)}
        try:
            with self._database.session() as session:
                session.execute(update(UserSession).where(UserSession.id == row.id).values(values))
        except BackendError as error:
            log.warning("A session's last use was not stored: %s", error)


def close_all_of(session: Session, user_id: str, *, but: str = "") -> None:
    """End the sessions of a user, all but the one with the public id `but`, in the caller's transaction."""
    session.execute(delete(UserSession).where(UserSession.user_id == user_id, UserSession.id != but))


def _expiry(created: datetime, seen: datetime, remember: bool) -> datetime:
    return min(seen + (_IDLE_REMEMBERED if remember else _IDLE), created + _LONGEST)
