"""Who belongs to an organisation, with which role, and invitations to join it."""

from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from services.accounts.models import Invitation, Membership, User
from services.accounts.secret_codes import digest, is_code, new_code, new_id
from services.accounts.views import InvitationView, Member
from services.clock import Clock
from services.database import Database
from services.errors import Conflict, InvalidInput, NotFound
from services.principal import Principal, Right, Role, require

_LONGEST = timedelta(days=90)


class Members:
    """Membership and invitations of the caller's organisation; everything needs `Right.MANAGE_ORGANISATION`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def all(self, principal: Principal) -> list[Member]:
        """Everybody in the organisation, by username."""
        require(principal, Right.MANAGE_ORGANISATION)
        statement = (
            select(Membership, User.username, User.email)
            .join(User, User.id == Membership.user_id)
            .where(Membership.organisation_id == principal.organisation_id)
            .order_by(User.username)
        )
        with self._database.reading() as session:
            return [
                Member(
                    row.Membership.user_id,
                    row.username,
                    row.email,
                    Role(row.Membership.role),
                    row.Membership.created_at,
                )
                for row in session.execute(statement)
            ]

    def set_role(self, principal: Principal, user_id: str, role: Role) -> None:
        """Give a member another role. Raises `NotFound`, and `Conflict` for the last admin."""
        require(principal, Right.MANAGE_ORGANISATION)
        with self._database.session() as session:
            membership = _member(session, principal, user_id)
            if role != Role.ADMIN:
                _keep_an_admin(session, membership)
            membership.role = int(role)

    def remove(self, principal: Principal, user_id: str) -> None:
        """End a membership, and with it the member's sessions and tokens here. Raises as `set_role`."""
        require(principal, Right.MANAGE_ORGANISATION)
        with self._database.session() as session:
            membership = _member(session, principal, user_id)
            _keep_an_admin(session, membership)
            session.delete(membership)

    def invite(self, principal: Principal, role: Role, lasts: timedelta) -> tuple[InvitationView, str]:
        """A one-time code with which a new account joins with `role`; the code is shown once."""
        require(principal, Right.MANAGE_ORGANISATION)
        if not timedelta(0) < lasts <= _LONGEST:
            raise InvalidInput(f"An invitation lasts at most {_LONGEST.days} days.", field="expires")
        now, code = self._clock.now(), new_code()
        row = Invitation(
            id=new_id(),
            code_hash=digest(code),
            organisation_id=principal.organisation_id,
            role=int(role),
            created_by=principal.user_id,
            created_at=now,
            expires_at=now + lasts,
        )
        with self._database.session() as session:
            session.add(row)
        return _view(row), code

    def invitations(self, principal: Principal) -> list[InvitationView]:
        """The organisation's invitations, newest first, the used ones too."""
        require(principal, Right.MANAGE_ORGANISATION)
        statement = (
            select(Invitation)
            .where(Invitation.organisation_id == principal.organisation_id)
            .order_by(Invitation.created_at.desc(), Invitation.id)
        )
        with self._database.reading() as session:
            return [_view(row) for row in session.scalars(statement)]

    def withdraw(self, principal: Principal, invitation_id: str) -> None:
        """Make an invitation worthless. Raises `NotFound`."""
        require(principal, Right.MANAGE_ORGANISATION)
        statement = (
            delete(Invitation)
            .where(Invitation.id == invitation_id, Invitation.organisation_id == principal.organisation_id)
            .returning(Invitation.id)
        )
        with self._database.session() as session:
            gone = session.execute(statement).all()
        if not gone:
            raise NotFound("No such invitation.")

    def take_invitation(self, session: Session, code: str, user_id: str) -> tuple[str, Role]:
        """Use up a code in the caller's transaction: (organisation id, role). Raises `InvalidInput`."""
        statement = (
            update(Invitation)
            .where(
                Invitation.code_hash == digest(code),
                Invitation.used_by.is_(None),
                Invitation.expires_at > self._clock.now(),
            )
            .values(used_by=user_id)
            .returning(Invitation.organisation_id, Invitation.role)
        )
        row = session.execute(statement).first() if is_code(code) else None
        if row is None:
            raise InvalidInput("This invitation is unknown, used or expired. Ask for a new one.", field="invitation")
        return row.organisation_id, Role(row.role)


def _member(session: Session, principal: Principal, user_id: str) -> Membership:
    # Locks all of the organisation's members where the database locks rows: two admins who demote each other at the
    # same moment must not both pass the check for the last one.
    statement = (
        select(Membership).where(Membership.organisation_id == principal.organisation_id).order_by(Membership.user_id)
    )
    for membership in session.scalars(statement.with_for_update()):
        if membership.user_id == user_id:
            return membership
    raise NotFound("No such member.")


def _keep_an_admin(session: Session, membership: Membership) -> None:
    others = select(func.count()).where(
        Membership.organisation_id == membership.organisation_id,
        Membership.role == int(Role.ADMIN),
        Membership.user_id != membership.user_id,
    )
    if not session.scalar(others):
        raise Conflict("This is the organisation's last admin. Make somebody else admin first.")


def _view(row: Invitation) -> InvitationView:
    return InvitationView(row.id, Role(row.role), row.created_at, row.expires_at, row.used_by is not None)
