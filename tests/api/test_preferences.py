"""preferences/."""

from tests.api.conftest import Caller


def test_preferences_change_one_by_one(admin: Caller) -> None:
    assert admin.get("/api/preferences/").json == {"theme": "system", "timezone": "UTC"}
    assert admin.patch("/api/preferences/", json={"theme": "dark"}).json == {"theme": "dark", "timezone": "UTC"}
    admin.patch("/api/preferences/", json={"timezone": "Europe/Berlin"})
    assert admin.get("/api/preferences/").json == {"theme": "dark", "timezone": "Europe/Berlin"}


def test_unknown_values_name_their_field(admin: Caller) -> None:
    for body, field in (({"theme": "pink"}, "theme"), ({"timezone": "../etc/passwd"}, "timezone"), ({"x": 1}, "x")):
        answer = admin.patch("/api/preferences/", json=body)
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)
