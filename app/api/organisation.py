"""The organisation: organisation/, organisation/members/ and organisation/invitations/."""

from datetime import timedelta
from typing import Any

from app.api.answers import cut, paged, rfc3339
from app.api.caller import caller, services
from app.api.models.base import IdPath, Paging
from app.api.models.organisation import (
    InvitationList,
    InvitationRequest,
    MemberList,
    NewInvitation,
    Organisation,
    OrganisationChange,
    RoleChange,
)
from app.api.resource import Resource
from services.accounts.views import InvitationView, Member
from services.principal import Role

organisation = Resource("organisation", "Name, members and invitations of your organisation.")


@organisation.get("/organisation/", responses={200: Organisation})
def get_organisation() -> dict[str, Any]:
    """Your organisation."""
    user = services().accounts.user(caller())
    return {"id": user.organisation_id, "name": user.organisation}


@organisation.patch("/organisation/", responses={200: Organisation})
def rename_organisation(body: OrganisationChange) -> dict[str, Any]:
    """Give it another name."""
    services().accounts.rename_organisation(caller(), body.name)
    return get_organisation()


@organisation.get("/organisation/members/", responses={200: MemberList})
def list_members(query: Paging) -> dict[str, Any]:
    """Everybody in it, by username."""
    return paged(query, cut(services().accounts.members(caller())), member_json)


@organisation.patch("/organisation/members/<id>/", responses={204: None})
def change_role(path: IdPath, body: RoleChange) -> None:
    """Give a member another role; it holds at once."""
    services().accounts.set_role(caller(), path.id, Role[body.role.upper()])


@organisation.delete("/organisation/members/<id>/", responses={204: None})
def remove_member(path: IdPath) -> None:
    """End a membership, with the member's sessions and tokens."""
    services().accounts.remove_member(caller(), path.id)


@organisation.get("/organisation/invitations/", responses={200: InvitationList})
def list_invitations(query: Paging) -> dict[str, Any]:
    """Invitations, newest first, the used ones too."""
    return paged(query, cut(services().accounts.invitations(caller())), invitation_json)


@organisation.post("/organisation/invitations/", responses={201: NewInvitation})
def create_invitation(body: InvitationRequest) -> dict[str, Any]:
    """An invitation; its code is in this answer and nowhere else."""
    lasts = timedelta(days=body.lasts_days)
    view, code = services().accounts.invite(caller(), role=Role[body.role.upper()], lasts=lasts)
    return invitation_json(view) | {"code": code}


@organisation.delete("/organisation/invitations/<id>/", responses={204: None})
def withdraw_invitation(path: IdPath) -> None:
    """Make an invitation worthless."""
    services().accounts.withdraw_invitation(caller(), path.id)


def member_json(member: Member) -> dict[str, Any]:
    """A member as the API writes them."""
    return {
        "id": member.user_id,
        "username": member.username,
        "email": member.email,
        "role": member.role.word,
        "joined": rfc3339(member.joined),
    }


def invitation_json(view: InvitationView) -> dict[str, Any]:
    """An invitation as the API writes it."""
    return {
        "id": view.id,
        "role": view.role.word,
        "created": rfc3339(view.created),
        "expires": rfc3339(view.expires),
        "used": view.used,
    }
