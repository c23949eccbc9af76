"""auth/: registration, sign-in, sign-out, the profile, the password."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import PASSWORD, Caller


def test_registration_answers_with_a_token_that_works(visitor: FlaskClient) -> None:
    body = {"username": "grace", "email": "grace@example.org", "password": PASSWORD, "organisation": "Navy"}
    answer = visitor.post("/api/auth/register/", json=body)
    assert answer.status_code == 201
    assert answer.json["user"] | {"id": "", "created": "", "is_superadmin": False} == {
        "id": "",
        "username": "grace",
        "email": "grace@example.org",
        "organisation": "Navy",
        "role": "admin",
        "is_superadmin": False,
        "created": "",
    }
    token = {"Authorization": f"Token {answer.json['token']}"}
    assert visitor.get("/api/auth/user/", headers=token).json == answer.json["user"]


@pytest.mark.parametrize("scheme", ["Token", "Bearer", "bearer"])
def test_sign_in_gives_a_new_token_each_time(admin: Caller, visitor: FlaskClient, scheme: str) -> None:
    body = {"username": admin.user["username"], "password": PASSWORD}
    first, second = (visitor.post("/api/auth/login/", json=body).json for _ in range(2))
    assert first["token"] != second["token"]
    assert first["user"] == admin.user
    for token in (first["token"], second["token"]):
        assert visitor.get("/api/auth/user/", headers={"Authorization": f"{scheme} {token}"}).status_code == 200


def test_sign_in_takes_the_email_address_too(admin: Caller, visitor: FlaskClient) -> None:
    body = {"username": admin.user["email"], "password": PASSWORD}
    assert visitor.post("/api/auth/login/", json=body).json["user"] == admin.user


def test_wrong_password_and_unknown_user_get_the_same_answer(admin: Caller, visitor: FlaskClient) -> None:
    def answer(username: str) -> dict[str, object]:
        told = visitor.post("/api/auth/login/", json={"username": username, "password": "wrong, quite wrong"})
        assert told.status_code == 401
        assert "Bearer" in told.headers["WWW-Authenticate"]
        return {name: value for name, value in told.json.items() if name != "request_id"}

    assert answer(admin.user["username"]) == answer("nobody-of-that-name")


def test_too_many_wrong_passwords_are_429_with_retry_after(
    new_caller: Callable[..., Caller], visitor: FlaskClient
) -> None:
    username = new_caller().user["username"]
    for _ in range(40):
        answer = visitor.post("/api/auth/login/", json={"username": username, "password": "wrong, quite wrong"})
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) == answer.json["retry_after"] >= 1


def test_sign_out_ends_that_token_only(admin: Caller, visitor: FlaskClient) -> None:
    body = {"username": admin.user["username"], "password": PASSWORD}
    other = visitor.post("/api/auth/login/", json=body).json["token"]
    assert admin.post("/api/auth/logout/").status_code == 204
    assert admin.get("/api/auth/user/").status_code == 401
    assert visitor.get("/api/auth/user/", headers={"Authorization": f"Bearer {other}"}).status_code == 200


def test_a_taken_name_is_a_conflict_and_a_bad_address_names_its_field(admin: Caller, visitor: FlaskClient) -> None:
    body = {"username": admin.user["username"], "email": "other@example.org", "password": PASSWORD}
    assert visitor.post("/api/auth/register/", json=body).status_code == 409
    answer = visitor.post("/api/auth/register/", json=body | {"username": "fresh", "email": "no address"})
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json["errors"]] == ["email"]
    answer = visitor.post("/api/auth/register/", json=body | {"username": "fresh", "password": "short"})
    assert [fault["field"] for fault in answer.json["errors"]] == ["password"]


def test_the_password_changes_and_the_old_one_no_longer_opens(admin: Caller, visitor: FlaskClient) -> None:
    new = "another long and dull one"
    wrong = admin.post("/api/auth/password/", json={"old_password": "not this one at all", "new_password": new})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "old_password")
    assert admin.post("/api/auth/password/", json={"old_password": PASSWORD, "new_password": new}).status_code == 204
    username = admin.user["username"]
    assert visitor.post("/api/auth/login/", json={"username": username, "password": PASSWORD}).status_code == 401
    assert visitor.post("/api/auth/login/", json={"username": username, "password": new}).status_code == 200


def test_the_profile_changes(admin: Caller) -> None:
    answer = admin.patch("/api/auth/user/", json={"email": "moved@example.org"})
    assert answer.json == admin.user | {"email": "moved@example.org"}
    assert admin.get("/api/auth/user/").json == answer.json


def test_passwords_are_in_no_answer(visitor: FlaskClient) -> None:
    body = {"username": "x" * 2000, "email": [], "password": "secret secret secret"}
    assert "secret" not in visitor.post("/api/auth/register/", json=body).text


def test_a_session_cookie_reads_but_writes_only_with_the_csrf_token(admin: Caller, visitor: FlaskClient) -> None:
    page = visitor.get("/login")
    form = {"username": admin.user["username"], "password": PASSWORD}
    csrf = {"csrf_token": _csrf(page.text)} if "csrf_token" in page.text else {}
    assert visitor.post("/login", data=form | csrf).status_code in (302, 303)
    assert visitor.get("/api/auth/user/").json == admin.user
    assert visitor.post("/api/logs/", json={"message": "forged"}).status_code == 403
    visitor.get("/api/docs/")
    token = visitor.get_cookie("_csrf_token")
    assert token is not None
    headers = {"X-CSRFToken": token.decoded_value}
    assert visitor.post("/api/logs/", json={"message": "meant"}, headers=headers).status_code == 201
    assert visitor.post("/api/auth/logout/", headers=headers).status_code == 204
    assert visitor.get("/api/auth/user/").status_code == 401


def _csrf(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found is not None
    return found[1]
