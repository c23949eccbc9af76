"""Which role may do what, on every route."""

from collections.abc import Callable

import pytest

from app.wiring import Application
from services.principal import Role
from tests.api.conftest import Caller
from tests.api.walking import CALLS, objects_of, principal_of, walk


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.word)
def test_a_role_may_do_exactly_what_is_listed(
    role: Role, admin: Caller, joining: Callable[[Caller, str], Caller], application: Application
) -> None:
    objects = objects_of(admin, "rollen")
    caller = joining(admin, role.word)
    own_token = caller.post("/api/auth/tokens/", json={"name": "own"}).json["id"]
    own_search = caller.post("/api/logs/search-history/", json={"query": "own"}).json["id"]
    objects |= {"/api/auth/tokens/{id}/": own_token, "/api/logs/search-history/{id}/": own_search}
    objects["/api/organisation/members/{id}/"] = joining(admin, "viewer").user["id"]
    with application.services.queries.running(principal_of(application, caller), objects["/api/queries/{id}/"]):
        for (method, path), (least, _) in CALLS.items():
            if least is None:
                continue
            status = walk(caller, method, path, objects.get(path, "")).status_code
            assert (status == 403) == (role < least), (method, path, status)
            assert status not in (401, 404, 500), (method, path)


def test_without_a_credential_every_other_route_is_401(admin: Caller) -> None:
    visitor = Caller(admin.client, "", {})
    for (method, path), (least, _) in CALLS.items():
        if least is not None:
            assert walk(visitor, method, path, "0" * 16 + "-" + "0" * 16).status_code == 401, (method, path)
