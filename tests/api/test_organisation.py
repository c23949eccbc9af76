"""organisation/: name, members, invitations."""

from collections.abc import Callable

from tests.api.conftest import Caller


def test_an_invited_member_joins_with_the_role_of_the_invitation(
    admin: Caller, joining: Callable[[Caller, str], Caller]
) -> None:
    editor = joining(admin, "editor")
    assert editor.user["role"] == "editor"
    assert editor.user["organisation"] == admin.user["organisation"]
    members = admin.get("/api/organisation/members/").json
    assert {each["username"]: each["role"] for each in members["results"]} == {
        admin.user["username"]: "admin",
        editor.user["username"]: "editor",
    }
    assert [each["used"] for each in admin.get("/api/organisation/invitations/").json["results"]] == [True]


def test_a_changed_role_holds_at_once(admin: Caller, joining: Callable[[Caller, str], Caller]) -> None:
    editor = joining(admin, "editor")
    assert editor.post("/api/logs/", json={"message": "one"}).status_code == 201
    address = f"/api/organisation/members/{editor.user['id']}/"
    assert admin.patch(address, json={"role": "viewer"}).status_code == 204
    assert editor.post("/api/logs/", json={"message": "two"}).status_code == 403
    assert admin.delete(address).status_code == 204
    assert editor.get("/api/logs/").status_code == 401


def test_the_last_admin_stays(admin: Caller) -> None:
    address = f"/api/organisation/members/{admin.user['id']}/"
    assert admin.patch(address, json={"role": "viewer"}).status_code == 409
    assert admin.delete(address).status_code == 409


def test_a_withdrawn_invitation_is_worthless(admin: Caller) -> None:
    made = admin.post("/api/organisation/invitations/", json={}).json
    assert admin.delete(f"/api/organisation/invitations/{made['id']}/").status_code == 204
    body = {
        "username": "late",
        "email": "late@example.org",
        "password": "long enough, surely",
        "invitation": made["code"],
    }
    assert admin.client.post("/api/auth/register/", json=body).status_code == 422


def test_the_organisation_gets_another_name(admin: Caller) -> None:
    assert admin.patch("/api/organisation/", json={"name": "Renamed"}).json["name"] == "Renamed"
    assert admin.get("/api/auth/user/").json["organisation"] == "Renamed"
