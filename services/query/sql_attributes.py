"""Questions about the attributes: paths into JSON text.

A dot may separate two keys or stand inside one: every reading of a path is tried, in one pass over the text. Only keys lead
on, never places in lists. Of two members with the same name the first counts.
DuckDB writes numbers anew (1.50 becomes 1.5, 1e3 becomes 1000.0). Where their digits matter and may have changed, they are
taken from a copy of the text in which every number is a string.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

from services.query.sql_condition import Condition, never_null
from services.query.sql_values import Present, ValueTest

# Everything up to the next number, strings as a whole, and the number; at the end of the text there is none.
_UP_TO_NUMBER = r'((?:"(?:[^"\\]|\\.)*"|[^"0-9-])*)(-?[0-9][-+.eE0-9]*)?'
_WITH_QUOTED_NUMBERS = rf"""rtrim(regexp_replace({{source}}, '{_UP_TO_NUMBER}', '\1"\2"', 'g'), '"')"""


def holds_at_path(source: str, path: str, test: ValueTest) -> Condition:
    """Whether `test` holds for a value that a reading of `path` leads to in the JSON object `source`; never NULL."""
    readings = Readings(path)
    exact = _holds(source, readings, test)
    if test.reads_digits:
        written = _holds(_WITH_QUOTED_NUMBERS.format(source=source), readings, test)
        changed = readings.any_of(source, Condition(_may_be_rewritten(source)))
        exact = _case(changed, written, exact)
    return _prefiltered(source, path, test.literal(), never_null(exact))


def texts_at_path(source: str, path: str, *, reads_digits: bool) -> Condition:
    """The texts of all values that the readings of `path` lead to, as an SQL list and its values; for reading them once.

    reads_digits  whether numbers are told as the JSON text writes them
    """
    readings = Readings(path)
    texts = _texts(source, readings)
    if reads_digits:
        changed = readings.any_of(source, Condition(_may_be_rewritten(source)))
        texts = _case(changed, _texts(_WITH_QUOTED_NUMBERS.format(source=source), readings), texts)
    return _prefiltered(source, path, "", texts, otherwise="[]::VARCHAR[]")


def _texts(source: str, readings: "Readings") -> Condition:
    found = readings.values(source)
    scalars = "CASE WHEN starts_with(v, '[') THEN json_extract(v, '$[*]') ELSE [v] END"
    text = "CASE WHEN NOT (starts_with(e, '{') OR starts_with(e, '[')) THEN json_extract_string(e, '$') END"
    each = f"flatten(list_transform({found.sql}, lambda v: {scalars}))"
    sql = f"list_filter(list_transform({each}, lambda e: {text}), lambda t: t IS NOT NULL)"
    return Condition(f"coalesce({sql}, []::VARCHAR[])", found.values)


def _holds(source: str, readings: "Readings", test: ValueTest) -> Condition:
    if isinstance(test, Present):
        return readings.any_of(source, Condition("(v <> 'null')"))
    asked = _on_scalar("e", test)
    each = "CASE WHEN starts_with(v, '[') THEN json_extract(v, '$[*]') ELSE [v] END"
    return readings.any_of(source, Condition(f"len(list_filter({each}, lambda e: {asked.sql})) > 0", asked.values))


def _on_scalar(json: str, test: ValueTest) -> Condition:
    """The test for a JSON value that is a string, a number, true or false; false for all others."""
    asked = test.on(f"json_extract_string({json}, '$')")
    is_scalar = f"NOT (starts_with({json}, '{{') OR starts_with({json}, '['))"
    return Condition(f"({is_scalar} AND coalesce({asked.sql}, false))", asked.values)


def _may_be_rewritten(source: str) -> str:
    """Whether DuckDB's text of the JSON value `v` may differ from what stands in the source; -0 becomes 0."""
    return f"(json_type(v) IN ('DOUBLE', 'ARRAY') OR v = '0' AND contains({source}, '-0'))"


def _case(when: Condition, then: Condition, otherwise: Condition) -> Condition:
    values = [*when.values, *then.values, *otherwise.values]
    return Condition(f"(CASE WHEN {when.sql} THEN {then.sql} ELSE {otherwise.sql} END)", values)


def _prefiltered(source: str, path: str, literal: str, exact: Condition, otherwise: str = "false") -> Condition:
    """A JSON text without a backslash holds its keys and strings as they are, which spares the reading of most rows."""
    part = max(path.split("."), key=len)
    wanted = [text for text in (part, literal) if text]
    if not wanted:
        return Condition(exact.sql, exact.values, True)
    holds = " AND ".join([f"contains({source}, ?)"] * len(wanted))
    sql = f"(CASE WHEN {holds} OR contains({source}, '\\') THEN {exact.sql} ELSE {otherwise} END)"
    return Condition(sql, [*wanted, *exact.values], True)


class Readings:
    """Every way to read the dots of a path: a.b.c is a / b / c, a / b.c, a.b / c and a.b.c."""

    def __init__(self, path: str):
        readings = readings_of(path)
        self.paths = ["$" + "".join(_step(key) for key in keys) for keys in readings if _can_be_written(keys)]
        self.chains = [keys for keys in readings if not _can_be_written(keys)]

    def any_of(self, source: str, test: Condition) -> Condition:
        """Whether `test`, a condition on the JSON value `v`, holds for what some reading leads to."""
        found = self.values(source)
        sql = f"coalesce(len(list_filter({found.sql}, lambda v: {test.sql})) > 0, false)"
        return Condition(sql, [*found.values, *test.values])

    def values(self, source: str) -> Condition:
        """What the readings lead to, as an SQL list of JSON values and NULLs, or NULL; and its values."""
        lists, values = [], list[Any]()
        if self.paths:
            lists.append(f"TRY(json_extract({source}, ?::VARCHAR[]))")
            values.append(self.paths)
        for keys in self.chains:
            lists.append(f"[{_chain(source, len(keys))}]")
            values += [_single(key) for key in keys]
        return Condition(lists[0] if len(lists) == 1 else f"list_concat({', '.join(lists)})", values)


def _chain(source: str, steps: int) -> str:
    sql = source
    for _ in range(steps):
        sql = f"TRY(json_extract({sql}, ?::VARCHAR))"
    return sql


def readings_of(path: str) -> list[list[str]]:
    """Every way to take the parts of a path as keys: each dot stands between two keys or inside one."""
    parts = path.split(".")
    found = []
    for joins in product((False, True), repeat=len(parts) - 1):
        keys = [parts[0]]
        for is_joined, part in zip(joins, parts[1:], strict=True):
            keys = [*keys[:-1], f"{keys[-1]}.{part}"] if is_joined else [*keys, part]
        found.append(keys)
    return found


def _can_be_written(keys: Sequence[str]) -> bool:
    """Whether the keys can stand in a JSONPath: `."*"` means all members there, and `.""` nothing."""
    return not any(key in ("", "*") for key in keys)


def _step(key: str) -> str:
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'."{quoted}"'


def _single(key: str) -> str:
    """One key as a path; a JSON pointer where a JSONPath cannot say it (those keys are no places in a list)."""
    return "/" + key if key in ("", "*") else "$" + _step(key)
