"""auth/tokens/."""

from collections.abc import Callable

from tests.api.conftest import Caller


def with_scopes(admin: Caller, *scopes: str) -> Caller:
    answer = admin.post("/api/auth/tokens/", json={"name": "program", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    return Caller(admin.client, answer.json["token"], admin.user)


def test_a_token_is_shown_once_and_listed_with_its_last_use(admin: Caller) -> None:
    made = admin.post("/api/auth/tokens/", json={"name": "shipper", "scopes": ["ingest"], "expires_in_days": 30})
    assert made.status_code == 201
    plain = made.json["token"]
    assert plain.startswith(made.json["prefix"])
    Caller(admin.client, plain, {}).post("/api/logs/", json={"message": "hello"})
    listed = admin.get("/api/auth/tokens/")
    assert plain not in listed.text
    token = next(each for each in listed.json["results"] if each["id"] == made.json["id"])
    assert (token["name"], token["scopes"]) == ("shipper", ["ingest"])
    assert token["last_used"] is not None
    assert token["created"] < token["expires"]


def test_a_token_does_what_its_scopes_say(admin: Caller) -> None:
    reader, sender = with_scopes(admin, "read"), with_scopes(admin, "ingest")
    assert reader.get("/api/logs/").status_code == 200
    assert reader.post("/api/logs/", json={"message": "no"}).status_code == 403
    assert sender.get("/api/logs/").status_code == 403
    assert sender.post("/api/logs/", json={"message": "yes"}).status_code == 201


def test_a_token_reads_unless_more_is_asked_for(admin: Caller) -> None:
    assert admin.post("/api/auth/tokens/", json={"name": "plain"}).json["scopes"] == ["read"]


def test_a_revoked_token_opens_nothing(admin: Caller) -> None:
    made = admin.post("/api/auth/tokens/", json={"name": "old"}).json
    holder = Caller(admin.client, made["token"], {})
    assert holder.get("/api/logs/").status_code == 200
    assert admin.delete(f"/api/auth/tokens/{made['id']}/").status_code == 204
    assert holder.get("/api/logs/").status_code == 401
    assert admin.delete(f"/api/auth/tokens/{made['id']}/").status_code == 404


def test_a_viewer_cannot_make_a_token_that_does_more(admin: Caller, joining: Callable[[Caller, str], Caller]) -> None:
    answer = joining(admin, "viewer").post("/api/auth/tokens/", json={"name": "x", "scopes": ["read", "admin"]})
    assert answer.status_code == 403


def test_unknown_scopes_are_refused(admin: Caller) -> None:
    assert admin.post("/api/auth/tokens/", json={"name": "x", "scopes": ["root"]}).status_code == 422
    assert admin.post("/api/auth/tokens/", json={"name": "x", "scopes": []}).status_code == 422
