"""sample/."""

from tests.api.conftest import Caller


def test_sample_data_is_loaded_found_and_removed_without_touching_other_records(admin: Caller) -> None:
    admin.bulk([{"message": "mine", "tags": ["sample-like"]}])
    assert admin.get("/api/sample/").json["present"] is False
    assert admin.post("/api/sample/").status_code == 201
    assert admin.get("/api/sample/").json["present"] is True
    assert admin.get("/api/logs/").json["total"] > 10_000
    assert admin.delete("/api/sample/").json["present"] is False
    assert [record["message"] for record in admin.get("/api/logs/").json["results"]] == ["mine"]
