"""What a dotted path leads to in the attributes of a record, as SQL: the one place that knows how attributes are kept.

The values of a path are those of the query language: every string, number, true or false that a reading of the path
leads to, each element where it leads to a list. A dot separates two keys or stands inside one (`a.b` reads `{"a": {"b":
1}}` and `{"a.b": 1}`); a place in a list is no key. Numbers are written as DuckDB writes them (`1.50` is `1.5`).

JSON is parsed once for each record and path, and not at all where the text cannot hold the path. What follows
(unquoting, cutting lists into elements) is done on the JSON text of the member, which groups of records share.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from services.log_store.attribute_paths import check_path
from services.query.sql_attributes import readings_of
from services.query.sql_values import NUMBER


@dataclass(frozen=True)
class AttributeSql:
    """Expressions over a row of `logs`.

    json    VARCHAR: the JSON text of what the path leads to, a JSON list of all where it leads to several things;
            NULL where it leads nowhere. To be read with the functions below.
    lists   VARCHAR: as `json` wherever that is a list; quickly NULL for most others
    """

    json: str
    lists: str


class ValueColumns(Protocol):
    """Columns of `logs` that hold the value of a path: its text, and its number where it is one.

    Where there is no one value (a list, an object, several readings) the text is U+001A and the JSON has to be read; in
    no record where `is_plain`.
    """

    @property
    def text(self) -> str: ...

    @property
    def number(self) -> str: ...

    @property
    def is_plain(self) -> bool: ...


def attribute_sql(path: str) -> AttributeSql:
    """How a path into the attributes is read. Raises `InvalidQuery` for a path that is not served."""
    check_path(path)
    parts = path.split(".")
    found, may_be_list = _extracted(_json_path(parts)), "contains(attributes, '[')"
    if len(parts) > 1:
        has_dots = _may_hold([f"{first}.{second}" for first, second in pairwise(parts)])
        paths = "[" + ", ".join(_json_path(keys) for keys in readings_of(path)) + "]"
        found = f"CASE WHEN {has_dots} THEN {_merged(_extracted_all(paths))} ELSE {found} END"
        may_be_list = f"({may_be_list} OR {has_dots})"
    json = f"CASE WHEN {_may_hold([max(parts, key=len)])} THEN {found} END"
    return AttributeSql(json, f"CASE WHEN {may_be_list} THEN {json} END")


COMPLEX = "chr(26)"
"""What stands in a column of text where a record has no one value."""


def is_list(json: str) -> str:
    """Condition: it is a JSON list. All are of an `AttributeSql.json`."""
    return f"starts_with({json}, '[')"


def text_of(json: str) -> str:
    """VARCHAR: the value, NULL where it is a list, an object or null."""
    is_none = f"{json} = 'null' OR starts_with({json}, '[') OR starts_with({json}, '{{')"
    return f"(CASE WHEN {is_none} THEN NULL ELSE {_text(json)} END)"


def number_of(json: str) -> str:
    """DOUBLE: the value where it is a number, infinite beyond all doubles; NULL where it is anything else."""
    text = f"trim(CASE WHEN regexp_full_match({json}, '\"{NUMBER}\"') THEN {json} END, '\"')"
    return f"TRY_CAST(CASE WHEN starts_with({json}, '\"') THEN {text} ELSE {json} END AS DOUBLE)"


def texts_of_list(json: str) -> str:
    """VARCHAR[]: the values in a JSON list, with repetitions."""
    elements = f"json_extract({json}, '$[*]')::VARCHAR[]"
    texts = f"list_transform({elements}, lambda each: {text_of('each')})"
    return f"list_filter({texts}, lambda each: each IS NOT NULL)"


def numbers_of_list(json: str) -> str:
    """DOUBLE[]: of each element of a JSON list what `number_of` says."""
    return f"list_transform(json_extract({json}, '$[*]')::VARCHAR[], lambda each: {number_of('each')})"


def number_of_text(text: str) -> str:
    """DOUBLE: the number that a text is by the query language's rule, infinite beyond all doubles; NULL for others."""
    return f"TRY_CAST(CASE WHEN regexp_full_match({text}, '{NUMBER}') THEN {text} END AS DOUBLE)"


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _extracted(path: str) -> str:
    return f"TRY(json_extract(attributes, {path}))::VARCHAR"


def _extracted_all(paths: str) -> str:
    return f"list_filter(TRY(json_extract(attributes, {paths}))::VARCHAR[], lambda found: found IS NOT NULL)"


def _merged(found: str) -> str:
    """One JSON text of what several readings lead to; the elements of lists side by side."""
    inner = "CASE WHEN starts_with(each, '[') THEN each[2:-2] ELSE each END"
    joined = (
        f"array_to_string(list_filter(list_transform(several, lambda each: {inner}), lambda each: each <> ''), ',')"
    )
    merge = f"CASE len(several) WHEN 0 THEN NULL WHEN 1 THEN several[1] ELSE '[' || {joined} || ']' END"
    return f"list_transform([{found}], lambda several: {merge})[1]"


def _text(json: str) -> str:
    return f"CASE WHEN starts_with({json}, '\"') THEN json_extract_string({json}, '$') ELSE {json} END"


def _json_path(keys: list[str]) -> str:
    """A JSON path, which never takes a key for a place in a list; a JSON pointer for what it cannot say."""
    if "" in keys or "*" in keys:
        return quoted("".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys))
    escaped = (key.replace("\\", "\\\\").replace('"', '\\"') for key in keys)
    return quoted("$" + "".join(f'."{key}"' for key in escaped))


def _may_hold(keys: list[str]) -> str:
    """Whether the JSON text may have one of `keys` in a name: as it stands, or written with escapes."""
    if any(character in key for key in keys for character in '"\\/') or not all(key.isprintable() for key in keys):
        return "true"
    tests = [f"contains(attributes, {quoted(key)})" for key in keys]
    return "(" + " OR ".join([*tests, r"contains(attributes, '\u')"]) + ")"
