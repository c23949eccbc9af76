"""The whole application over a folder of its own, and callers of it with the roles of one organisation."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.config import Config
from app.flask_app import create_app
from app.wiring import Application, build
from tests.running import wait_for
from tests.stores import store_settings

PASSWORD = "a long and dull password"
_NUMBERS = itertools.count(1)


class Caller:
    """Somebody with a token: `caller.get("/api/logs/")` and so on."""

    def __init__(self, client: FlaskClient, token: str, user: dict[str, Any]):
        self.client = client
        self.token = token
        self.user = user

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self.client.open(path, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.call("POST", path, **options)

    def patch(self, path: str, **options: Any) -> TestResponse:
        return self.call("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)

    def bulk(self, records: list[Any], **options: Any) -> TestResponse:
        """Send records; they can be found when this returns."""
        answer = self.post("/api/logs/bulk/?ids=true", json=records, **options)
        assert answer.status_code == 200, answer.text
        return answer

    def upload(self, content: bytes, name: str = "some.log", **fields: str) -> dict[str, Any]:
        """Upload one file and wait for its end: the upload as the API tells it."""
        from io import BytesIO

        answer = self.post("/api/logs/upload/", data={"file": (BytesIO(content), name), **fields})
        assert answer.status_code == 202, answer.text
        address = f"/api/uploads/{answer.json['id']}/"
        wait_for(lambda: self.get(address).json["state"] in ("done", "failed"))
        return self.get(address).json


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """Everything of one process, running."""
    data_dir = tmp_path_factory.mktemp("data")
    environ = {"DATA_DIR": str(data_dir), "ALLOWED_HOSTS": "*", **store_settings(data_dir)}
    made = build(Config.from_env(environ))
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="session")
def server(application: Application) -> Any:
    """The Flask application of `application`."""
    return create_app(application.config, application.services)


@pytest.fixture
def visitor(server: Any) -> FlaskClient:
    """A client without a credential and without cookies."""
    return server.test_client()


@pytest.fixture(scope="session")
def new_caller(server: Any) -> Callable[..., Caller]:
    """`new_caller()` registers a user with an organisation of their own; with `invitation` they join another's."""

    def make(**members: str) -> Caller:
        client = server.test_client(use_cookies=False)
        name = f"user{next(_NUMBERS)}"
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD} | members
        answer = client.post("/api/auth/register/", json=body)
        assert answer.status_code == 201, answer.text
        return Caller(client, answer.json["token"], answer.json["user"])

    return make


@pytest.fixture
def admin(new_caller: Callable[..., Caller]) -> Caller:
    """The admin of a fresh organisation."""
    return new_caller()


@pytest.fixture
def joining(new_caller: Callable[..., Caller]) -> Callable[[Caller, str], Caller]:
    """`joining(admin, "viewer")`: a new member of the admin's organisation."""

    def join(host: Caller, role: str) -> Caller:
        invitation = host.post("/api/organisation/invitations/", json={"role": role})
        assert invitation.status_code == 201, invitation.text
        return new_caller(invitation=invitation.json["code"])

    return join
