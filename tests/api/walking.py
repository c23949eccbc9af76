"""Every route of the schema as a call that would succeed, for the tests that walk all of them."""

import json
from io import BytesIO
from typing import Any

from app.wiring import Application
from services.principal import Principal, Role
from tests.api.conftest import PASSWORD, Caller

JSON_LINE = b'{"message":"walked"}\n'

CALLS: dict[tuple[str, str], tuple[Role | None, dict[str, Any]]] = {
    ("POST", "/api/auth/register/"): (None, {"json": {"username": "w", "email": "bad", "password": PASSWORD}}),
    ("POST", "/api/auth/login/"): (None, {"json": {"username": "nobody", "password": PASSWORD}}),
    ("GET", "/api/health/"): (None, {}),
    ("GET", "/api/health/ready/"): (None, {}),
    ("GET", "/api/health/live/"): (None, {}),
    ("GET", "/api/auth/user/"): (Role.VIEWER, {}),
    ("PATCH", "/api/auth/user/"): (Role.VIEWER, {"json": {}}),
    ("POST", "/api/auth/password/"): (Role.VIEWER, {"json": {"old_password": "no", "new_password": PASSWORD}}),
    ("GET", "/api/auth/tokens/"): (Role.VIEWER, {}),
    ("POST", "/api/auth/tokens/"): (Role.VIEWER, {"json": {"name": "walked"}}),
    ("DELETE", "/api/auth/tokens/{id}/"): (Role.VIEWER, {}),
    ("GET", "/api/preferences/"): (Role.VIEWER, {}),
    ("PATCH", "/api/preferences/"): (Role.VIEWER, {"json": {"theme": "dark"}}),
    ("GET", "/api/organisation/"): (Role.VIEWER, {}),
    ("PATCH", "/api/organisation/"): (Role.ADMIN, {"json": {"name": "walked"}}),
    ("GET", "/api/organisation/members/"): (Role.ADMIN, {}),
    ("PATCH", "/api/organisation/members/{id}/"): (Role.ADMIN, {"json": {"role": "editor"}}),
    ("DELETE", "/api/organisation/members/{id}/"): (Role.ADMIN, {}),
    ("GET", "/api/organisation/invitations/"): (Role.ADMIN, {}),
    ("POST", "/api/organisation/invitations/"): (Role.ADMIN, {"json": {}}),
    ("DELETE", "/api/organisation/invitations/{id}/"): (Role.ADMIN, {}),
    ("GET", "/api/logs/"): (Role.VIEWER, {}),
    ("GET", "/api/logs/{id}/"): (Role.VIEWER, {}),
    ("GET", "/api/logs/{id}/context/"): (Role.VIEWER, {"query_string": {"same": "any"}}),
    ("GET", "/api/logs/search/"): (Role.VIEWER, {}),
    ("POST", "/api/logs/search/"): (Role.VIEWER, {"json": {}}),
    ("GET", "/api/logs/stats/"): (Role.VIEWER, {}),
    ("GET", "/api/logs/aggregate/"): (Role.VIEWER, {"query_string": {"interval": "auto", "by": "service"}}),
    ("GET", "/api/logs/fields/"): (Role.VIEWER, {}),
    ("GET", "/api/logs/fields/{name}/values/"): (Role.VIEWER, {}),
    ("GET", "/api/logs/patterns/"): (Role.VIEWER, {}),
    ("GET", "/api/queries/{id}/"): (Role.VIEWER, {}),
    ("DELETE", "/api/queries/{id}/"): (Role.VIEWER, {}),
    ("GET", "/api/logs/search-history/"): (Role.VIEWER, {}),
    ("POST", "/api/logs/search-history/"): (Role.VIEWER, {"json": {"query": "walked"}}),
    ("GET", "/api/logs/search-history/{id}/"): (Role.VIEWER, {}),
    ("DELETE", "/api/logs/search-history/{id}/"): (Role.VIEWER, {}),
    ("DELETE", "/api/logs/search-history/"): (Role.VIEWER, {}),
    ("POST", "/api/logs/"): (Role.EDITOR, {"json": {"message": "walked"}}),
    ("POST", "/api/logs/bulk/"): (Role.EDITOR, {"json": [{"message": "walked"}]}),
    ("DELETE", "/api/logs/"): (Role.EDITOR, {"query_string": {"query": "walked"}}),
    ("POST", "/api/logs/upload/"): (Role.EDITOR, {"data": {"file": (JSON_LINE, "walked.ndjson")}}),
    ("POST", "/api/logs/upload/preview/"): (Role.EDITOR, {"data": {"file": (JSON_LINE, "walked.ndjson")}}),
    ("GET", "/api/uploads/"): (Role.VIEWER, {}),
    ("GET", "/api/uploads/{id}/"): (Role.VIEWER, {}),
    ("GET", "/api/uploads/{id}/problems/"): (Role.VIEWER, {}),
    ("PATCH", "/api/uploads/{id}/"): (Role.EDITOR, {"json": {"tags": ["walked"]}}),
    ("DELETE", "/api/uploads/{id}/"): (Role.EDITOR, {"query_string": {"logs": "true"}}),
    ("GET", "/api/delivery/"): (Role.ADMIN, {}),
    ("GET", "/api/delivery/dead-letters/"): (Role.ADMIN, {}),
    ("POST", "/api/delivery/dead-letters/redrive/"): (Role.ADMIN, {"json": {"all": True}}),
    ("DELETE", "/api/delivery/dead-letters/"): (Role.ADMIN, {"query_string": {"all": "true"}}),
    ("GET", "/api/sample/"): (Role.VIEWER, {}),
    ("DELETE", "/api/sample/"): (Role.EDITOR, {}),
    ("POST", "/api/sample/"): (Role.EDITOR, {}),
    ("POST", "/api/auth/logout/"): (Role.VIEWER, {}),
}
"""(method, path) -> (the least role that may, None for visitors; what to send). In the order in which they may be called."""


def walk(caller: Caller, method: str, path: str, object_id: str) -> Any:
    """Call one route with `object_id` wherever it takes an id."""
    options = dict(CALLS[method, path][1])
    if "data" in options:
        options["data"] = {name: (BytesIO(body), title) for name, (body, title) in options["data"].items()}
    return caller.call(method, path.replace("{id}", object_id).replace("{name}", "secret"), **options)


def routes_of(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Every (method, path) of an OpenAPI document."""
    return {(method.upper(), path) for path, item in document["paths"].items() for method in item}


def objects_of(caller: Caller, mark: str) -> dict[str, str]:
    """Make one object of each kind, `mark` in every text of it: path -> id."""
    upload = caller.upload(json.dumps({"message": f"{mark} uploaded"}).encode() + b"\n{broken " + mark.encode(), mark)
    record = caller.bulk([{"message": f"{mark} sent", "service": mark, "source": mark, "host": mark, "secret": mark}])
    token = caller.post("/api/auth/tokens/", json={"name": mark, "scopes": ["read"]}).json
    search = caller.post("/api/logs/search-history/", json={"query": mark}).json
    invitation = caller.post("/api/organisation/invitations/", json={}).json
    return {
        "/api/logs/{id}/": record.json["ids"][0],
        "/api/logs/{id}/context/": record.json["ids"][0],
        "/api/queries/{id}/": f"query-{caller.user['id']}",
        "/api/uploads/{id}/": upload["id"],
        "/api/uploads/{id}/problems/": upload["id"],
        "/api/auth/tokens/{id}/": token["id"],
        "/api/logs/search-history/{id}/": search["id"],
        "/api/organisation/members/{id}/": caller.user["id"],
        "/api/organisation/invitations/{id}/": invitation["id"],
    }


def principal_of(application: Application, caller: Caller) -> Principal:
    """Whom the services see in `caller`."""
    return application.services.accounts.token_principal(caller.token)
