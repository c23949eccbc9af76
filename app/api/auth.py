"""Accounts over REST: auth/register/, auth/login/, auth/logout/, auth/user/, auth/password/."""

from typing import Any

from flask import request

from app.api import problem_docs
from app.api.answers import rfc3339
from app.api.caller import caller, services
from app.api.models.accounts import Credentials, PasswordChange, ProfileChange, Registration, SignedIn, User
from app.api.resource import Resource
from app.auth import from_loopback, sign_out
from services.accounts.views import UserView
from services.principal import Principal

ABOUT = "Accounts, sign-in and sign-out."

visitors = Resource("visitors", ABOUT, tag="auth", public=True)
auth = Resource("auth", ABOUT)


@visitors.post("/auth/register/", responses=problem_docs.responses([403]) | {201: SignedIn})
def register(body: Registration) -> dict[str, Any]:
    """A new account and its first token."""
    principal = services().accounts.register(
        body.username,
        body.email,
        body.password,
        organisation=body.organisation,
        from_loopback=from_loopback(),
        setup_code=body.setup_code,
        invitation=body.invitation,
    )
    return _signed_in(principal)


@visitors.post("/auth/login/", responses=problem_docs.responses([401, 403]) | {200: SignedIn})
def login(body: Credentials) -> dict[str, Any]:
    """A new token with the scopes of the role; it expires after 30 idle days."""
    return _signed_in(services().accounts.sign_in(body.username, body.password, address=request.remote_addr or ""))


@auth.post("/auth/logout/", responses={204: None})
def logout() -> None:
    """End the token or the session that this request came with, and no other."""
    principal = caller()
    if principal.credential == "session":
        sign_out()
    else:
        services().accounts.sign_out(principal)


@auth.get("/auth/user/", responses={200: User})
def get_user() -> dict[str, Any]:
    """The user whose credential this is."""
    return user_json(services().accounts.user(caller()))


@auth.patch("/auth/user/", responses={200: User})
def change_user(body: ProfileChange) -> dict[str, Any]:
    """Change the profile."""
    return user_json(services().accounts.update_profile(caller(), **body.model_dump(exclude_none=True)))


@auth.post("/auth/password/", responses={204: None})
def change_password(body: PasswordChange) -> None:
    """Change the password."""
    services().accounts.change_password(caller(), body.old_password, body.new_password)


def user_json(user: UserView) -> dict[str, Any]:
    """A user as the API writes them."""
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "organisation": user.organisation,
        "role": user.role.word,
        "is_superadmin": user.is_superadmin,
        "created": rfc3339(user.created),
    }


def _signed_in(principal: Principal) -> dict[str, Any]:
    accounts = services().accounts
    _, plain = accounts.issue_sign_in_token(principal)
    return {"token": plain, "user": user_json(accounts.user(principal))}
