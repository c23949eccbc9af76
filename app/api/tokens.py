"""API tokens: GET and POST auth/tokens/, DELETE auth/tokens/{id}/."""

from datetime import datetime, timedelta
from typing import Any

from app.api.answers import cut, paged, rfc3339
from app.api.caller import caller, services
from app.api.models.accounts import NewToken, TokenList, TokenRequest
from app.api.models.base import IdPath, Paging
from app.api.resource import Resource
from services.accounts.views import Token

tokens = Resource("tokens", "Tokens for programs.")


@tokens.get("/auth/tokens/", responses={200: TokenList})
def list_tokens(query: Paging) -> dict[str, Any]:
    """Your tokens, newest first, without their plain text."""
    return paged(query, cut(services().accounts.tokens(caller())), token_json)


@tokens.post("/auth/tokens/", responses={201: NewToken})
def create_token(body: TokenRequest) -> dict[str, Any]:
    """A new token; its plain text is in this answer and nowhere else."""
    token, plain = services().accounts.issue_token(
        caller(),
        name=body.name,
        scopes=body.scopes or ["read"],
        expires=_expiry(body.expires_in_days),
    )
    return token_json(token) | {"token": plain}


@tokens.delete("/auth/tokens/<id>/", responses={204: None})
def revoke_token(path: IdPath) -> None:
    """Revoke a token: from now on it opens nothing."""
    services().accounts.revoke_token(caller(), path.id)


def token_json(token: Token) -> dict[str, Any]:
    """A token as the API writes it."""
    return {
        "id": token.id,
        "name": token.name,
        "prefix": token.prefix,
        "scopes": list(token.scopes),
        "created": rfc3339(token.created),
        "expires": rfc3339(token.expires),
        "last_used": rfc3339(token.last_used),
    }


def _expiry(days: int | None) -> datetime | None:
    return None if days is None else services().clock.now() + timedelta(days=days)
