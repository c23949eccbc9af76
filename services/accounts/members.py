"""Who belongs to an organisation, with which role, and invitations to join it."""

from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from services.accounts.models import Invitation, Membership, Organisation, User
from services.accounts.secret_codes import digest, is_code, new_code
from services.accounts.views import Home, InvitationView, Member
from services.clock import Clock
from services.database import Database
from services.errors import Conflict, InvalidInput, NotFound
from services.identifiers import is_id, new_id
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
        """End a membership, and with it the member's sessions and tokens here. Raises as `set_role`.

        Somebody who belongs nowhere else gets an organisation of their own, as if they had just registered.
        """
        require(principal, Right.MANAGE_ORGANISATION)
        with self._database.session() as session:
            membership = _member(session, principal, user_id)
            _keep_an_admin(session, membership)
            session.delete(membership)
            session.flush()
            self._find_home(session, session.get_one(User, user_id))

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
        if not is_id(invitation_id):
            raise NotFound("No such invitation.")
        statement = (
            delete(Invitation)
            .where(Invitation.id == invitation_id, Invitation.organisation_id == principal.organisation_id)
            .returning(Invitation.id)
        )
        with self._database.session() as session:
            gone = session.execute(statement).all()
        if not gone:
            raise NotFound("No such invitation.")

    def accept(self, principal: Principal, code: str) -> tuple[User, Role]:
        """Join another organisation, which becomes the caller's home. Raises `InvalidInput`, `Conflict`."""
        with self._database.session() as session:
            organisation_id, role = self._take_invitation(session, code, principal.user_id)
            if session.get(Membership, (principal.user_id, organisation_id)) is not None:
                raise Conflict("You belong to this organisation already.")
            self._join(session, principal.user_id, organisation_id, role)
            user = session.get_one(User, principal.user_id)
            user.organisation_id = organisation_id
        return user, role

    def homes(self, principal: Principal) -> list[Home]:
        """The organisations that the caller belongs to, by name."""
        statement = (
            select(Organisation.id, Organisation.name, Membership.role)
            .join(Membership, Membership.organisation_id == Organisation.id)
            .where(Membership.user_id == principal.user_id)
            .order_by(Organisation.name, Organisation.id)
        )
        with self._database.reading() as session:
            return [Home(row.id, row.name, Role(row.role)) for row in session.execute(statement)]

    def enter(self, principal: Principal, organisation_id: str) -> tuple[User, Role]:
        """Make another of the caller's organisations the home. Raises `NotFound`."""
        if not is_id(organisation_id):
            raise NotFound("No such organisation.")
        with self._database.session() as session:
            membership = session.get(Membership, (principal.user_id, organisation_id))
            if membership is None:
                raise NotFound("No such organisation.")
            user = session.get_one(User, principal.user_id)
            user.organisation_id = organisation_id
            return user, Role(membership.role)

    def _join(self, session: Session, user_id: str, organisation_id: str, role: Role) -> None:
        now = self._clock.now()
        session.add(Membership(user_id=user_id, organisation_id=organisation_id, role=int(role), created_at=now))
        session.flush()

    def _find_home(self, session: Session, user: User) -> None:
        memberships = select(Membership).where(Membership.user_id == user.id).order_by(Membership.created_at)
        left = [membership.organisation_id for membership in session.scalars(memberships)]
        if user.organisation_id in left:
            return
        user.organisation_id = left[0] if left else self.found(session, user.id, user.username)

    def found(self, session: Session, user_id: str, name: str) -> str:
        """Make a new organisation with `user_id` as its admin, in the caller's transaction; its id."""
        organisation = Organisation(id=new_id(), name=name, created_at=self._clock.now())
        session.add(organisation)
        session.flush()
        self._join(session, user_id, organisation.id, Role.ADMIN)
        return organisation.id

    def join_by_invitation(self, session: Session, code: str, user_id: str) -> tuple[str, Role]:
        """Use up a code and join, in the caller's transaction: (organisation id, role). Raises `InvalidInput`."""
        organisation_id, role = self._take_invitation(session, code, user_id)
        self._join(session, user_id, organisation_id, role)
        return organisation_id, role

    def _take_invitation(self, session: Session, code: str, user_id: str) -> tuple[str, Role]:
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
