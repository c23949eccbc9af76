"""Accounts: registration, sign-in, profile, password, tokens, preferences."""

from typing import Annotated, Literal

from pydantic import Field

from app.api.models.base import Input, Integral, Listing, Output, Text, Time

Password = Annotated[str, Field(max_length=1024, json_schema_extra={"format": "password"})]
NewPassword = Annotated[
    Password, Field(min_length=8, description="8 to 1,024 characters; not among the commonest, not your name.")
]
Username = Annotated[
    Text, Field(min_length=3, max_length=64, description="3 to 64 characters out of A–Z, a–z, 0–9 and . _ @ + -")
]
Email = Annotated[Text, Field(min_length=3, max_length=254, description="An e-mail address.")]
Name = Annotated[Text, Field(min_length=1, max_length=100, description="1 to 100 printable characters.")]
ScopeWord = Literal["read", "ingest", "admin"]


class Registration(Input):
    """A new account. It gets an organisation of its own unless an invitation names one."""

    username: Username
    email: Email
    password: NewPassword
    organisation: Annotated[Name | None, Field(description="Name of the new organisation; default: the username.")] = (
        None
    )
    setup_code: Annotated[Text | None, Field(description="The one-time code printed at the first start.")] = None
    invitation: Annotated[Text | None, Field(description="The code of an invitation.")] = None


class Credentials(Input):
    """What signs in."""

    username: Annotated[Text, Field(description="User name or email address.")]
    password: Password


class PasswordChange(Input):
    """The password that is, and the one to be."""

    old_password: Password
    new_password: NewPassword


class ProfileChange(Input):
    """What to change of the profile; what is left out stays."""

    username: Username | None = None
    email: Email | None = None


class User(Output):
    """A user, as they see themselves."""

    id: str
    username: str
    email: str
    organisation: Annotated[str, Field(description="Name of the organisation.")]
    role: Literal["viewer", "editor", "admin"]
    is_superadmin: bool
    created: Time


class SignedIn(Output):
    """A fresh token, shown this once, and whose it is."""

    token: str
    user: User


class TokenRequest(Input):
    """A token to be made."""

    name: Annotated[Name, Field(description="What it is for.")]
    scopes: Annotated[
        list[ScopeWord] | None, Field(min_length=1, description="At most those of your role; default: read.")
    ] = None
    expires_in_days: Annotated[
        int | None, Field(ge=1, le=3650, description="Default: it does not expire."), Integral
    ] = None


class Token(Output):
    """A token as it is listed: its plain text is shown only when it is made."""

    id: str
    name: str
    prefix: Annotated[str, Field(description="The first characters, to tell tokens apart.")]
    scopes: list[ScopeWord]
    created: Time
    expires: Time | None
    last_used: Time | None


class NewToken(Token):
    """A token with its plain text, shown this once."""

    token: str


class TokenList(Listing):
    """Your tokens."""

    results: list[Token]


class Preferences(Output):
    """How the pages look to this user."""

    theme: Literal["system", "light", "dark"]
    timezone: Annotated[str, Field(description="IANA name.")]


class PreferencesChange(Input):
    """What to change; what is left out stays."""

    theme: Literal["system", "light", "dark"] | None = None
    timezone: Text | None = None
