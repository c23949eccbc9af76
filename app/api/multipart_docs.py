"""The schema of a multipart form with files (OpenAPI 3.1 §4.8.14.3)."""

from typing import Any

from pydantic import BaseModel

_FILE = {"type": "string", "format": "binary", "description": "A file; its name helps to find out its format."}


def multipart_body(fields: type[BaseModel], *, several: bool) -> dict[str, Any]:
    """The `requestBody` of a form with the parts `file` (one or several) and those of `fields`."""
    schema = fields.model_json_schema()
    files = {"type": "array", "items": _FILE, "minItems": 1} if several else _FILE
    properties = {"file": files} | {name: _present(each) for name, each in schema["properties"].items()}
    form = {"type": "object", "properties": properties, "required": ["file"], "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}}}


def _present(schema: dict[str, Any]) -> dict[str, Any]:
    """A form has no null: a field is there or it is not."""
    kinds = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default", "title")}
    return rest | kinds[0] if kinds else rest
