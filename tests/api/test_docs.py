"""schema/, docs/ and redoc/."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema_rs import Draft202012Validator

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def document(visitor: FlaskClient) -> dict[str, Any]:
    return visitor.get("/api/schema/").json


def test_the_schema_describes_exactly_the_routes_of_the_server(server: Any, document: dict[str, Any]) -> None:
    viewers = ("/api/schema/", "/api/docs/", "/api/docs/assets/", "/api/redoc/")
    served = {
        (re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule), method.lower())
        for rule in server.url_map.iter_rules()
        if rule.rule.startswith("/api/") and not rule.rule.startswith(viewers)
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert described == served
    assert ("/api/logs/{id}/", "get") in described


def test_every_operation_has_words_a_tag_an_id_and_its_problems(document: dict[str, Any]) -> None:
    ids = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], (path, method)
            assert len(operation["tags"]) == 1
            ids.append(operation["operationId"])
            statuses = set(operation["responses"])
            assert statuses & {"200", "201", "202", "204"}
            assert {"400", "422", "500", "503"} <= statuses
            assert ("401" in statuses) == (bool(operation.get("security")) or path == "/api/auth/login/")
            names_one = "{" in path or path.startswith("/api/delivery/dead-letters/")  # by its parameters
            assert ("404" in statuses) == names_one
    assert len(ids) == len(set(ids))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def walk(node: Any) -> None:
        if isinstance(node, list):
            for each in node:
                walk(each)
        elif isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                target: Any = document
                for step in node["$ref"].removeprefix("#/").split("/"):
                    target = target[step]
            for each in node.values():
                walk(each)

    walk(document)


def test_component_schemas_are_json_schema(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator({"components": document["components"], "$ref": f"#/components/schemas/{name}"})
        assert schema["type"] == "object"


def test_the_three_ways_to_authenticate_are_described(document: dict[str, Any]) -> None:
    assert set(document["components"]["securitySchemes"]) == {"token", "bearer", "session"}
    assert document["paths"]["/api/logs/"]["get"]["security"] == [{"token": []}, {"bearer": []}, {"session": []}]
    assert "security" not in document["paths"]["/api/auth/login/"]["post"]


@pytest.mark.parametrize("path", ["/api/docs/", "/api/docs", "/api/redoc/", "/api/redoc"])
def test_the_viewers_load_nothing_from_another_host(visitor: FlaskClient, path: str) -> None:
    page = visitor.get(path)
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "<script>" not in page.text
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert named
    for address in named:
        if address != "data:,":
            asset = visitor.get(address)
            assert asset.status_code == 200
            assert b"https://cdn." not in asset.data
