"""Elasticsearch queries as dicts, and how they are joined: flat, in filter context, nothing is scored.

Elasticsearch refuses trees that are too deep or hold too many clauses for its heap, with words that say nothing to a
user: `within_limits` refuses before it does.
"""

from collections.abc import Sequence
from typing import Any

from services.errors import InvalidQuery

Json = dict[str, Any]

ALL: Json = {"match_all": {}}
NONE: Json = {"match_none": {}}

MAX_DEPTH = 25
"""Levels of `bool`; Elasticsearch takes 30 (indices.query.bool.max_nested_depth)."""

MAX_CLAUSES = 1_000
"""Elasticsearch takes at least 1,024 (indices.query.bool.max_clause_count), the bounds of a search included."""

MAX_TERMS = 65_536
"""Values of one `terms` (index.max_terms_count)."""


def all_of(parts: Sequence[Json]) -> Json:
    """What is in all parts."""
    musts: list[Json] = []
    nots: list[Json] = []
    for part in parts:
        inner = part.get("bool", {})
        if "should" in inner or not inner:
            musts.append(part)
        else:
            musts += inner.get("filter", [])
            nots += inner.get("must_not", [])
    musts = [each for each in _distinct(musts) if each != ALL]
    if NONE in musts:
        return NONE
    if not nots:
        return musts[0] if len(musts) == 1 else {"bool": {"filter": musts}} if musts else ALL
    return {"bool": {"filter": musts, "must_not": _distinct(nots)} if musts else {"must_not": _distinct(nots)}}


def any_of(parts: Sequence[Json]) -> Json:
    """What is in one part at least."""
    found: list[Json] = []
    for part in parts:
        inner = part.get("bool", {})
        found += inner.get("should", [part])
    found = [each for each in _distinct(found) if each != NONE]
    if ALL in found:
        return ALL
    return found[0] if len(found) == 1 else {"bool": {"should": found}} if found else NONE


def none_of(part: Json) -> Json:
    """What is not in the part."""
    if part in (ALL, NONE):
        return NONE if part == ALL else ALL
    inner = part.get("bool", {})
    if "should" in inner:
        return {"bool": {"must_not": inner["should"]}}
    if list(inner) == ["must_not"]:
        return any_of(inner["must_not"])
    return {"bool": {"must_not": [part]}}


def _distinct(parts: list[Json]) -> list[Json]:
    """Without what comes twice; the few that are worth it."""
    if len(parts) > 50:
        return parts
    return [part for at, part in enumerate(parts) if part not in parts[:at]]


def term(field: str, value: str | float) -> Json:
    """Documents with exactly this value."""
    return {"term": {field: {"value": value}}}


def terms(field: str, values: Sequence[int | str]) -> Json:
    """Documents with one of these values."""
    pieces = [values[at : at + MAX_TERMS] for at in range(0, len(values), MAX_TERMS)]
    return any_of([{"terms": {field: list(piece)}} for piece in pieces])


def exists(field: str) -> Json:
    """Documents with a value there."""
    return {"exists": {"field": field}}


def prefix(field: str, value: str) -> Json:
    """Documents with a value that begins so."""
    return {"prefix": {field: {"value": value}}}


def between(field: str, **bounds: Any) -> Json:
    """Documents with a value inside the bounds `gte`, `gt`, `lte`, `lt`; None for an open side."""
    return {"range": {field: {name: bound for name, bound in bounds.items() if bound is not None}}}


def within_limits(query: Json) -> Json:
    """The query. Raises `InvalidQuery` where Elasticsearch would not take it."""
    depth, clauses = _size(query)
    if depth > MAX_DEPTH:
        raise InvalidQuery("The parentheses of this query are too deep.", expected="fewer parentheses in each other")
    if clauses > MAX_CLAUSES:
        raise InvalidQuery(f"The query asks {clauses:,} things at once.", expected="fewer words and values")
    return query


def _size(query: Json) -> tuple[int, int]:
    """Levels of `bool`, and clauses in all."""
    inner = query.get("bool")
    if inner is None:
        return 0, 1
    sizes = [_size(each) for parts in inner.values() for each in parts]
    return 1 + max(depth for depth, _ in sizes), 1 + sum(clauses for _, clauses in sizes)
