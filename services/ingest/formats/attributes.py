"""Nested JSON objects as text, put together in SQL from columns."""

from collections.abc import Mapping
from typing import cast

Member = tuple[str, str]
"""(SQL of a nullable text, kind): "text" is quoted, "plain" too and holds nothing to escape, "integer" is
digits, "number" stays a number where it is one, "json" goes in as it is."""


def attributes_sql(members: Mapping[str, Member]) -> str:
    """JSON object text of dotted paths (`http.response.status_code`), without the ones that are NULL or empty.

    NULL where nothing is left. Dots nest: the result is `{"http":{"response":{"status_code":404}}}`.
    """
    if not members:
        return "CAST(NULL AS VARCHAR)"
    tree: dict[str, object] = {}
    for path, member in members.items():
        *parents, leaf = path.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})  # type: ignore[assignment]
        branch[leaf] = member
    return f"nullif(concat('{{', {_members(tree)}, '}}'), '{{}}')"


def _members(tree: Mapping[str, object]) -> str:
    """Members with commas between: each is written with a comma before, and the first comma is cut.

    `concat` takes NULL for nothing, and copies once where a chain of `||` copies at each step.
    """
    return f"substr(concat({', '.join(_member(name, value) for name, value in tree.items())}, ''), 2)"


def _member(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        return f"',\"{name}\":{{' || nullif({_members(value)}, '') || '}}'"
    sql, kind = cast(Member, value)
    return f"',\"{name}\":' || {_value(sql, kind)}"


def _value(sql: str, kind: str) -> str:
    if kind == "json":
        return f"nullif({sql}, '')"
    if kind == "plain":
        return f"'\"' || nullif({sql}, '') || '\"'"
    if kind == "integer":
        return f"CAST(try_cast({sql} AS BIGINT) AS VARCHAR)"
    quoted = f"CAST(to_json(nullif({sql}, '')) AS VARCHAR)"
    if kind == "number":
        return f"CASE WHEN regexp_full_match({sql}, '-?(?:0|[1-9]\\d{{0,17}})(?:\\.\\d{{1,17}})?') THEN {sql} ELSE {quoted} END"
    return quoted
