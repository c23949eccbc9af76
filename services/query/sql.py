"""The query tree as an SQL condition over `logs`, with every value bound.

Only names from `fields` and the fixed text of this file become SQL; what a user wrote is always a parameter. Every
leaf is true or false, never NULL: otherwise NOT would lose records.
Text is folded and cut into tokens by DuckDB itself (`tokens` argument), the same function on both sides: Python's and
DuckDB's ideas of letters and of lower-casing differ (final sigma, dotted capital I).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

from services.model import LEVEL_NUMBER, parse_record_id
from services.query.fields import FieldRef, Kind, canonical_level, resolve
from services.query.tree import And, Field, MatchAll, Not, Or, Phrase, Query, Word

Tokens = Callable[[str], list[str]]
"""Folds a text and cuts it into tokens, as DuckDB does: `regexp_extract_all(lower(text), '[\\pL\\pN_]+')`."""

TEXT_LIMIT = 32_768
"""Characters of a message that words are looked for in: one hostile message must not stop everybody's search."""

INSIDE = r"[\pL\pN_]"
NOT_INSIDE = r"[^\pL\pN_]"
TOKENS_SQL = rf"regexp_extract_all(lower(?), '{INSIDE}+')"


@dataclass
class Condition:
    """An SQL condition and its values, in the order of its question marks. `is_heavy` where it reads long texts."""

    sql: str
    values: list[Any] = field(default_factory=list)
    is_heavy: bool = False


TRUE = Condition("true")
FALSE = Condition("false")


class Compiler:
    """Turns a tree into the condition that is true for exactly the records that it matches.

    What depends on how records are kept stands in the methods that a subclass overrides: clauses on the message, on
    keyword columns and on patterns. `tokens` folds and cuts a text as the engine does.
    """

    def __init__(self, tokens: Tokens):
        self.tokens = tokens

    def compile(self, query: Query) -> Condition:
        """Raises `InvalidQuery` where a leaf cannot be served."""
        match query:
            case MatchAll():
                return TRUE
            case Word(text) | Phrase(text):
                return self.text("message", text)
            case Field(name, value):
                return self._field(resolve(name), value)
            case Not(child):
                inner = self.compile(child)
                return Condition(f"(NOT {inner.sql})", inner.values, inner.is_heavy)
            case And(children):
                return joined(" AND ", [self.compile(child) for child in children])
            case Or(children):
                return joined(" OR ", [self.compile(child) for child in children])
        raise TypeError(f"no SQL for {type(query).__name__}")

    def _field(self, ref: FieldRef, value: str) -> Condition:
        match ref.kind:
            case Kind.TEXT:
                return self.text(ref.name, value)
            case Kind.KEYWORD:
                return self.keyword_equals(ref.name, value)
            case Kind.LEVEL:
                word = canonical_level(value)
                return FALSE if word is None else Condition("(level = ?)", [LEVEL_NUMBER[word]])
            case Kind.TAGS:
                return Condition("coalesce(list_contains(tags, ?), false)", [value])
            case Kind.ID:
                return _id(value)
            case Kind.TIME:
                return _time(value)
            case Kind.ATTRIBUTE:
                return _attribute(ref.name, value)

    def text(self, column: str, text: str) -> Condition:
        """Tokens in a row in a column of text; text without any token as it stands, folded."""
        words = self.tokens(text)
        return self.tokens_in_a_row(column, words) if words else self.literal(column, text.strip())

    # -- what a subclass may do better --------------------------------------------------------------------------

    def tokens_in_a_row(self, column: str, words: list[str]) -> Condition:
        """Folded tokens in a row, at least one."""
        return tokens_in_a_row(column, words)

    def literal(self, column: str, text: str) -> Condition:
        """A text without any token, as it stands."""
        return literal(column, text)

    def keyword_equals(self, column: str, value: str) -> Condition:
        """A keyword column that is exactly `value`."""
        return Condition(f"coalesce({column} = ?, false)", [value])


def compile_query(query: Query, tokens: Tokens) -> Condition:
    """The condition of `query` over records that are read whole."""
    return Compiler(tokens).compile(query)


def joined(operator: str, parts: list[Condition]) -> Condition:
    """Conditions joined by AND or OR, cheap ones first: the short circuit then spares the reading of long texts."""
    ordered = sorted(parts, key=lambda part: part.is_heavy)
    values = [value for part in ordered for value in part.values]
    return Condition(f"({operator.join(part.sql for part in ordered)})", values, any(part.is_heavy for part in parts))


def _id(value: str) -> Condition:
    parts = parse_record_id(value)
    if parts is None:
        return FALSE
    return Condition("(timestamp = make_timestamp(?::BIGINT) AND seq = ?)", list(parts))


def _time(value: str) -> Condition:
    try:
        if len(value) == 10:
            day = datetime.combine(date.fromisoformat(value), datetime.min.time())
            return Condition("(timestamp >= ? AND timestamp < ?)", [day, day + timedelta(days=1)])
        moment = datetime.fromisoformat(value)
        naive = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):  # the offset may lead out of the years that a time can have
        return FALSE
    return Condition("(timestamp = ?)", [naive])


def literal(column: str, text: str) -> Condition:
    """The text as it stands, folded, somewhere in the first `TEXT_LIMIT` characters of the column."""
    return _never_null(column, Condition(f"contains({searched(column)}, lower(?))", [text], True))


def searched(column: str) -> str:
    """What of a column of text is looked at, folded."""
    return f"lower(left({column}, {TEXT_LIMIT}))"


def tokens_in_a_row(column: str, words: list[str]) -> Condition:
    """Tokens in a row somewhere in the first `TEXT_LIMIT` characters of the column.

    Two cheap questions decide most rows: is it there at all, and does it stand between spaces. The pattern decides the
    rest. CASE, not AND and OR: under a NOT the pattern would be matched against every row (126 ms instead of 45 a
    million).
    """
    pattern = f"(?:^|{NOT_INSIDE})" + f"{NOT_INSIDE}+".join(words) + f"(?:$|{NOT_INSIDE})"
    sql = f"""(CASE WHEN NOT contains(lower({column}), ?) THEN false
        WHEN strlen({column}) <= {TEXT_LIMIT} AND contains(lower({column}), ?) THEN true
        ELSE regexp_matches({searched(column)}, ?) END)"""
    values = [max(words, key=len), f" {' '.join(words)} ", pattern]
    return _never_null(column, Condition(sql, values, True))


def _never_null(column: str, condition: Condition) -> Condition:
    if column == "message":  # declared NOT NULL
        return condition
    return Condition(f"coalesce({condition.sql}, false)", condition.values, condition.is_heavy)


def _attribute(path: str, value: str) -> Condition:
    """A member of the attributes whose text is `value`, or an array there that holds it.

    A dot may separate two keys or stand inside one: every reading is tried. A JSON text without any backslash holds
    its keys and strings literally, which spares the parsing of most rows.
    """
    readings = _readings(path)
    pointers = ["".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys) for keys in readings]
    arrays = ["$" + "".join(f'."{key}"' for key in keys) + "[*]" for keys in readings if _is_plain(keys)]
    wanted = [value, _bare_json(value)]
    has_any = "coalesce(TRY(list_has_any(json_extract(attributes, {}), [to_json(?), json_extract(?, '/0')])), false)"
    tests = [has_any.format("?::VARCHAR[]"), *[has_any.format("?::VARCHAR")] * len(arrays)]
    holds_both = "contains(attributes, ?) AND contains(attributes, ?) OR contains(attributes, '\\')"
    sql = f"(CASE WHEN {holds_both} THEN {' OR '.join(tests)} ELSE false END)"
    values: list[Any] = [_literal_part(path), _literal_value(value), pointers, *wanted]
    for array in arrays:
        values += [array, *wanted]
    return Condition(sql, values, True)


def _literal_part(path: str) -> str:
    """A part of the path that the JSON text must hold; a number may be a place in an array, which it does not."""
    return max((part for part in path.split(".") if not part.isdigit()), key=len, default="")


def _literal_value(value: str) -> str:
    """What the JSON text must hold of `value`: all of it, but nothing of a number that can be written in two ways."""
    is_number = _bare_json(value) not in ("[]", "[true]", "[false]")
    return "" if is_number and not value.strip().lstrip("-").isdigit() else value.strip() if is_number else value


def _readings(path: str) -> list[list[str]]:
    """Every way to read the dots of `path`: a.b.c is a / b / c, a / b.c, a.b / c and a.b.c."""
    parts = path.split(".")
    readings = []
    for joins in product((False, True), repeat=len(parts) - 1):
        keys = [parts[0]]
        for is_joined, part in zip(joins, parts[1:], strict=True):
            if is_joined:
                keys[-1] += "." + part
            else:
                keys.append(part)
        readings.append(keys)
    return readings


def _is_plain(keys: list[str]) -> bool:
    return not any('"' in key or "\\" in key or "*" in key for key in keys)


def _bare_json(value: str) -> str:
    """`value` as the one element of a JSON array where it is a number, true or false; else an empty array."""
    try:
        bare = json.loads(value, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return "[]"
    return f"[{value.strip()}]" if isinstance(bare, bool | int | float) else "[]"
