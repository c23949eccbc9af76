"""What a record's attributes give its document: terms that answer every question, texts to group by, numbers, addresses.

Paths are dotted: `a.b` is what any reading of the dots leads to, so each chain of keys counts under its joined name.
Only keys lead on, never places in lists; of a list each element that is a string, a number, true or false is a value.
Of two members with one name the first counts.

Numbers are told as the JSON writes them, but in `groups`: there as DuckDB writes them anew (1.50 is 1.5), so that a
group bears the same name in both stores.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from math import isinf
from typing import Any

import orjson

from services.log_store.elasticsearch.mapping import MAX_KEYWORD
from services.log_store.elasticsearch.promotion import Promotion
from services.query.elastic_terms import address_hex, address_of, address_text, double_hex
from services.query.fields import MAX_PATH_PARTS, canonical_name
from services.query.sql_values import NUMBER

MAX_TERM_BYTES = 32_766
"""Lucene's limit."""

MAX_PATH_LENGTH = 1_000
"""Longer paths cannot be grouped by."""

_SAFE_CHARACTERS = MAX_TERM_BYTES // 4
_KEPT = 50_000
_NUMBER = re.compile(NUMBER)
_FIRST_OF_NUMBERS = frozenset("-0123456789")
_UNSEEN: Any = object()


class WrittenNumber(str):
    """A number as the JSON text writes it."""

    __slots__ = ()


@dataclass(slots=True)
class Found:
    """What one record gives. Values of one key are one value, or a list of several.

    left_out  whether a value or a key was too long to be a term
    """

    terms: list[str] = field(default_factory=list)
    groups: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
    addresses: dict[str, Any] = field(default_factory=dict)
    left_out: bool = False


@dataclass(slots=True)
class _Key:
    """What is the same for all values of a path."""

    name: str
    number: str
    other: str
    is_groupable: bool
    may_be_long: bool


class AttributeTerms:
    """Reads attributes and columns of many records: what it learns of keys and values is kept from one to the next.

    promotion  which keys have fields of their own
    typed      False puts numbers and addresses into terms, whatever is promoted
    Not for several threads at once.
    """

    def __init__(self, promotion: Promotion, *, typed: bool = True):
        self._is_number: Callable[[str], bool] = promotion.is_number if typed else _never
        self._is_address: Callable[[str], bool] = promotion.is_address if typed else _never
        self._keys: dict[str, _Key] = {}
        self._kinds: dict[str, tuple[float | None, int | None]] = {}

    def read(self, text: str, found: Found) -> None:
        """Add what the attributes `text`, a JSON object, give. Nothing where it cannot be read as DuckDB reads it."""
        members, is_exact = _parsed(text)
        if not isinstance(members, dict):
            return
        written = _written_exactly if is_exact else _written
        self._members(members, "", 1, found, written)

    def column(self, name: str, text: str, found: Found) -> None:
        """Add the number or the address that a keyword column is: its text has a field of its own."""
        number, address = self._kind(text)
        if number is not None:
            found.terms.append(f"{name}\x00d{double_hex(number)}")
        elif address is not None:
            found.terms.append(f"{name}\x00i{address_hex(address)}")

    def tag(self, text: str, found: Found) -> None:
        """Add a tag: its text and what it is."""
        number, _ = self._kind(text)
        term = f"tags\x00{'t' if number is None else 'n'}{text}"
        self._add(term, found, len(term) > _SAFE_CHARACTERS)
        self.column("tags", text, found)

    def _members(self, members: dict[str, Any], before: str, depth: int, found: Found, written: Any) -> None:
        for key, value in members.items():
            if value is None:
                continue
            path = before + key
            known = self._keys.get(path) or self._key(path)
            if known is _NO_KEY:
                continue
            self._add(known.name, found, known.may_be_long)
            kind = type(value)
            if kind is dict:
                self._members(value, path + ".", depth + 1, found, written)
            elif kind is list:
                for each in value:
                    if each is not None and type(each) is not dict and type(each) is not list:
                        self._value(known, path, each, found, written)
            else:
                self._value(known, path, value, found, written)

    def _value(self, key: _Key, path: str, value: Any, found: Found, written: Any) -> None:
        kind = type(value)
        number: float | None
        if kind is str:
            text = shown = value
            number, address = self._kind(value)
        elif kind is bool:
            text = shown = "true" if value else "false"
            number = address = None
        else:
            text, shown = written(value)
            number, address = float(text), None
        is_long = key.may_be_long or len(text) > _SAFE_CHARACTERS - len(key.other)
        self._add((key.other if number is None else key.number) + text, found, is_long)
        if number is not None:
            self._number(key, number, found)
        elif address is not None:
            self._address(key, address, found)
        if key.is_groupable:
            self._group(path, shown, found)

    def _number(self, key: _Key, number: float, found: Found) -> None:
        if not isinf(number) and self._is_number(key.name):
            _put(found.numbers, key.name, number + 0.0)
        else:
            self._add(f"{key.name}\x00d{double_hex(number)}", found, key.may_be_long)

    def _address(self, key: _Key, address: int, found: Found) -> None:
        if self._is_address(key.name):
            _put(found.addresses, key.name, address_text(address))
        else:
            self._add(f"{key.name}\x00i{address_hex(address)}", found, key.may_be_long)

    def _group(self, path: str, text: str, found: Found) -> None:
        is_long = len(path) + len(text) > _SAFE_CHARACTERS
        if len(text) > MAX_KEYWORD or (is_long and _size(path) + _size(text) + 1 > MAX_TERM_BYTES):
            found.left_out = True
        else:
            _put(found.groups, path, text)

    def _add(self, term: str, found: Found, may_be_long: bool) -> None:
        if may_be_long and _size(term) > MAX_TERM_BYTES:
            found.left_out = True
        else:
            found.terms.append(term)

    def _key(self, path: str) -> _Key:
        if path.count(".") >= MAX_PATH_PARTS or "\x00" in path:
            key = _NO_KEY
        else:
            name = canonical_name(f"attributes.{path}")
            is_groupable = 0 < len(path) <= MAX_PATH_LENGTH
            key = _Key(name, name + "\x00n", name + "\x00t", is_groupable, len(name) > _SAFE_CHARACTERS - 40)
        if len(self._keys) >= _KEPT:
            self._keys.clear()
        self._keys[path] = key
        return key

    def _kind(self, text: str) -> tuple[float | None, int | None]:
        """The number that the text is, or the address."""
        if not (text[:1] in _FIRST_OF_NUMBERS or ":" in text):
            return (None, None)
        known = self._kinds.get(text)
        if known is None:
            known = (float(text), None) if _NUMBER.fullmatch(text) else (None, address_of(text))
            if len(self._kinds) >= _KEPT:
                self._kinds.clear()
            self._kinds[text] = known
        return known


_NO_KEY = _Key("", "", "", False, False)


def _never(key: str) -> bool:
    return False


def _size(text: str) -> int:
    return len(text.encode())


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    known = values.get(key, _UNSEEN)
    if known is _UNSEEN:
        values[key] = value
    elif type(known) is list:
        known.append(value)
    else:
        values[key] = [known, value]


# -- reading JSON ----------------------------------------------------------------------------------------------------


def _parsed(text: str) -> tuple[Any, bool]:
    """The object, and whether its numbers are Python's (written exactly so) or `WrittenNumber`; None for no JSON.

    What reads and writes again to the same text, spaces aside, has no member twice and no number written otherwise.
    """
    try:
        members = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _parsed_slowly(text), False
    again = orjson.dumps(members).decode()
    if again == text or _without_spaces(again) == _without_spaces(text):
        return members, True
    return _parsed_slowly(text), False


def _without_spaces(text: str) -> str:
    return text.replace(" ", "").replace("\n", "")


def _parsed_slowly(text: str) -> Any:
    try:
        members = json.loads(
            text,
            parse_int=WrittenNumber,
            parse_float=WrittenNumber,
            parse_constant=_refused,
            object_pairs_hook=_first_of_each,
        )
        if "\\ud" in text.lower():
            json.dumps(members, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # half a surrogate pair is a UnicodeEncodeError
        return None
    return members


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _written_exactly(value: int | float) -> tuple[str, str]:
    """A number of a text that reads and writes the same: as written, and as a group shows it."""
    if type(value) is int:
        text = str(value)
        return text, text
    text = orjson.dumps(value).decode()
    return text, grouped_number(text)


def _written(value: WrittenNumber) -> tuple[str, str]:
    return str(value), grouped_number(value)


def grouped_number(text: str) -> str:
    """A JSON number as DuckDB writes it anew: doubles by their shortest digits, whole numbers as they are, -0 as 0.

    Beyond all doubles as written; exponents below 1e-6 and from 1e21 (measured, DuckDB 2.0).
    """
    if not any(mark in text for mark in ".eE"):
        return "0" if text == "-0" else str(text)
    number = float(text)
    if isinf(number):
        return str(text)
    shortest = repr(number)
    if "e" not in shortest:
        return shortest
    digits, exponent = shortest.split("e")
    if -7 < int(exponent) < 21:
        positional = format(Decimal(shortest), "f")
        return positional if "." in positional else positional + ".0"
    return f"{digits}e{int(exponent)}"
