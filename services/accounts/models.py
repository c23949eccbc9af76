"""The tables of accounts. Secrets are kept as hashes only: argon2id for passwords, SHA-256 for random codes.

Sessions and tokens hang on the membership (user, organisation): removing it ends them in the same transaction.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Model, UtcDateTime

_ID = String(32)
_SHA256 = String(64)


class Organisation(Model):
    """A tenant: the owner of logs and documents."""

    __tablename__ = "organisations"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class User(Model):
    """A person. `organisation_id` is where a new session begins."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    username: Mapped[str] = mapped_column(String(64))
    email: Mapped[str] = mapped_column(String(254))
    password_hash: Mapped[str] = mapped_column(String(255))
    is_superadmin: Mapped[bool]
    organisation_id: Mapped[str | None] = mapped_column(_ID, ForeignKey("organisations.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LoginName(Model):
    """What a person may type to sign in, in lower case: username and e-mail address share one name space, so nobody can
    take another's address as a username."""

    __tablename__ = "login_names"

    name: Mapped[str] = mapped_column(String(254), primary_key=True)
    user_id: Mapped[str] = mapped_column(_ID, ForeignKey("users.id", ondelete="CASCADE"), index=True)


class Membership(Model):
    """A user's role in one organisation."""

    __tablename__ = "memberships"

    user_id: Mapped[str] = mapped_column(_ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        _ID, ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UserSession(Model):
    """A browser that is signed in. The cookie's value is found here by its hash."""

    __tablename__ = "sessions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "organisation_id"],
            ["memberships.user_id", "memberships.organisation_id"],
            ondelete="CASCADE",
        ),
        Index(None, "user_id", "organisation_id"),
    )

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    secret_hash: Mapped[str] = mapped_column(_SHA256, unique=True)
    user_id: Mapped[str] = mapped_column(_ID)
    organisation_id: Mapped[str] = mapped_column(_ID)
    remember: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class ApiToken(Model):
    """A token of the REST API. `idle_s`: it dies when unused for so long; `expires_at`: and then at the latest."""

    __tablename__ = "tokens"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "organisation_id"],
            ["memberships.user_id", "memberships.organisation_id"],
            ondelete="CASCADE",
        ),
        Index(None, "user_id", "organisation_id"),
    )

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    secret_hash: Mapped[str] = mapped_column(_SHA256, unique=True)
    prefix: Mapped[str] = mapped_column(String(16))
    user_id: Mapped[str] = mapped_column(_ID)
    organisation_id: Mapped[str] = mapped_column(_ID)
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[str] = mapped_column(String(100))
    from_sign_in: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    idle_s: Mapped[int | None]
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Invitation(Model):
    """A one-time code with which a new account joins an organisation."""

    __tablename__ = "invitations"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    code_hash: Mapped[str] = mapped_column(_SHA256, unique=True)
    organisation_id: Mapped[str] = mapped_column(_ID, ForeignKey("organisations.id", ondelete="CASCADE"), index=True)
    role: Mapped[int]
    created_by: Mapped[str] = mapped_column(_ID, ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_by: Mapped[str | None] = mapped_column(_ID, ForeignKey("users.id", ondelete="SET NULL"))


class SignInFailures(Model):
    """Failed sign-ins under one throttle key, and (with no failures) addresses that an account is known to use."""

    __tablename__ = "sign_in_failures"

    key: Mapped[str] = mapped_column(_SHA256, primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
