"""Answers as JSON text. Times are RFC 3339 with Z; JSON text that is stored as text goes out digit by digit."""

from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Response
from pydantic import BaseModel


def json_answer(data: Any, status: int = 200) -> Response:
    """`data` (plain values, times, pydantic models, `json_text`) as an application/json answer."""
    return Response(
        orjson.dumps(data, default=_plain, option=orjson.OPT_UTC_Z), status, content_type="application/json"
    )


def rfc3339(moment: datetime | None) -> str | None:
    """UTC with microseconds and Z, always as long: it sorts as text."""
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def json_text(text: str | None) -> orjson.Fragment:
    """JSON text to be put into an answer as it is: `1.10` stays `1.10`, and 2^64 keeps its digits."""
    return orjson.Fragment(text or "{}")


def listing(
    results: list[Any], total: int, *, page: int, page_size: int, took_ms: float, next_cursor: str | None = None
) -> dict[str, Any]:
    """The one shape of every list."""
    return {
        "results": results,
        "total": total,
        "page": page,
        "page_size": page_size,
        "next_cursor": next_cursor,
        "took_ms": round(took_ms, 3),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, tuple | frozenset | set):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
