"""Answers as JSON text. Times are RFC 3339 with Z; JSON text that is stored as text goes out digit by digit."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Response
from pydantic import BaseModel

from app.api.models.base import Paging


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


def any_json(value: Any) -> orjson.Fragment:
    """Whatever JSON a caller gave us to keep: unlike the rest of an answer it may hold integers of any size."""
    return orjson.Fragment(json.dumps(value, ensure_ascii=False, allow_nan=False))


def milliseconds(took_ms: float) -> float:
    """A measured time as answers tell it, to the microsecond."""
    return round(took_ms, 3)


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
        "took_ms": milliseconds(took_ms),
    }


def paged(
    query: Paging, fetch: Callable[[int, int], tuple[Sequence[Any], int]], write: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """The page that `query` asks for, of `fetch(limit, offset) -> (items, total)`, each item as `write` writes it."""
    began = time.perf_counter()
    items, total = fetch(query.page_size, (query.page - 1) * query.page_size)
    took_ms = (time.perf_counter() - began) * 1000
    results = [write(item) for item in items]
    return listing(results, total, page=query.page, page_size=query.page_size, took_ms=took_ms)


def cut(items: Sequence[Any]) -> Callable[[int, int], tuple[Sequence[Any], int]]:
    """A `fetch` for `paged` over items that are all here."""
    return lambda limit, offset: (items[offset : offset + limit], len(items))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, tuple | frozenset | set):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
