"""The organisation: its name, members and invitations."""

from typing import Annotated, Literal

from pydantic import Field

from app.api.models.base import Input, Integral, Listing, Output, Text, Time

RoleWord = Literal["viewer", "editor", "admin"]


class OrganisationChange(Input):
    """Another name."""

    name: Annotated[Text, Field(min_length=1, max_length=100)]


class Organisation(Output):
    """The organisation of the caller."""

    id: str
    name: str


class Member(Output):
    """Somebody who belongs to the organisation."""

    id: str
    username: str
    email: str
    role: RoleWord
    joined: Time


class MemberList(Listing):
    """Members, by username."""

    results: list[Member]


class RoleChange(Input):
    """Another role."""

    role: RoleWord


class InvitationRequest(Input):
    """An invitation to be made."""

    role: RoleWord = "viewer"
    lasts_days: Annotated[int, Field(ge=1, le=90), Integral] = 7


class Invitation(Output):
    """An invitation as it is listed, without its code."""

    id: str
    role: RoleWord
    created: Time
    expires: Time
    used: bool


class NewInvitation(Invitation):
    """An invitation with its code, shown this once."""

    code: str


class InvitationList(Listing):
    """Invitations, newest first."""

    results: list[Invitation]
