"""What a record's attributes give its document: terms that answer every question, texts to group by, numbers, addresses.

Paths are dotted: `a.b` is what any reading of the dots leads to, so each chain of keys counts under its joined name.
Only keys lead on, never places in lists; of a list each element that is a string, a number, true or false is a value.
Of two members with one name the first counts.

Numbers are told as the JSON writes them, but in `groups`: there as DuckDB writes them anew (1.50 is 1.5), so that a
group bears the same name in both stores.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isinf
from typing import Any, NamedTuple

import orjson

from services.log_store.elasticsearch.attribute_json import WrittenNumber, grouped_number, parsed
from services.log_store.elasticsearch.mapping import MAX_KEYWORD
from services.log_store.elasticsearch.promotion import Promotion
from services.query.elastic_terms import address_hex, address_of, address_text, double_hex, is_address
from services.query.fields import MAX_PATH_PARTS, canonical_name
from services.query.sql_values import NUMBER

MAX_TERM_BYTES = 32_766
"""Lucene's limit."""

MAX_PATH_LENGTH = 1_000
"""Longer paths cannot be grouped by."""

_SAFE_CHARACTERS = MAX_TERM_BYTES // 4
_SHORT = 3_900
"""Characters of a key and of a value that need no counting: together they are no term that is too long."""
_KEPT = 50_000
_NUMBER = re.compile(NUMBER)
_FIRST_OF_NUMBERS = frozenset("-0123456789")


class Found:
    """What one record gives. Values of one key are one value, or a list of several.

    left_out  whether a value or a key was too long to be a term
    """

    __slots__ = ("addresses", "groups", "left_out", "numbers", "terms")

    def __init__(self) -> None:
        self.terms: list[str] = []
        self.groups: dict[str, Any] = {}
        self.numbers: dict[str, Any] = {}
        self.addresses: dict[str, Any] = {}
        self.left_out = False


@dataclass(slots=True)
class _Key:
    """What is the same for all values of a path."""

    name: str
    number: str
    other: str
    is_groupable: bool
    may_be_long: bool
    is_odd: bool
    has_numbers: bool = False
    """`is_odd` where it may be long or cannot be grouped by; `has_numbers` where it is known to be promoted, and not odd."""


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
        self._kinds: dict[str, _Kind] = {}
        self._plain: set[str] = set()

    def read(self, text: str, found: Found) -> None:
        """Add what the attributes `text`, a JSON object, give. Nothing where it cannot be read as DuckDB reads it."""
        members = parsed(text)
        if type(members) is dict:
            self._members(members, "", found)

    def column(self, name: str, text: str, found: Found) -> None:
        """Add the number or the address that a keyword column is: its text has a field of its own."""
        if text in self._plain:
            return
        if text[:1] in _FIRST_OF_NUMBERS or ":" in text:
            number, has_address = self._kind(text)
            if number is not None:
                found.terms.append(f"{name}\x00d{double_hex(number)}")
            elif has_address:
                found.terms.append(f"{name}\x00i{address_hex(address_of(text))}")
        elif len(text) < _SHORT:
            if len(self._plain) >= _KEPT:
                self._plain.clear()
            self._plain.add(text)
        if len(text) > MAX_KEYWORD:
            found.left_out = True

    def tag(self, text: str, found: Found) -> None:
        """Add a tag: its text and what it is."""
        term = f"tags\x00{'t' if self._kind(text).number is None else 'n'}{text}"
        self._add(term, found, len(term) > _SAFE_CHARACTERS)
        self.column("tags", text, found)

    def _members(self, members: dict[str, Any], before: str, found: Found) -> None:
        terms, groups, keys = found.terms, found.groups, self._keys
        for name, value in members.items():
            if value is None:
                continue
            path = before + name
            key = keys.get(path) or self._key(path)
            if key is _NO_KEY:
                continue
            if key.may_be_long:
                self._add(key.name, found, True)
            else:
                terms.append(key.name)
            kind = type(value)
            if kind is str:
                if (
                    value[:1] in _FIRST_OF_NUMBERS
                    or ":" in value
                    or len(value) > _SHORT
                    or path in groups
                    or key.is_odd
                ):
                    self._text(key, path, value, found)
                else:  # most values, without a call
                    terms.append(key.other + value)
                    groups[path] = value
            elif (
                key.has_numbers
                and (kind is float or kind is int)
                and "e" not in (text := repr(value))
                and path not in groups
            ):
                terms.append(key.number + text)
                groups[path] = text
                found.numbers[key.name] = value + 0.0
            elif kind is dict:
                self._members(value, path + ".", found)
            elif kind is list:
                for each in value:
                    self._element(key, path, each, found)
            else:
                self._scalar(key, path, value, found)

    def _element(self, key: _Key, path: str, value: Any, found: Found) -> None:
        """An element of a list: what is no value there leads nowhere."""
        kind = type(value)
        if kind is str:
            self._text(key, path, value, found)
        elif value is not None and kind is not dict and kind is not list:
            self._scalar(key, path, value, found)

    def _text(self, key: _Key, path: str, text: str, found: Found) -> None:
        is_long = key.may_be_long or len(text) > _SHORT
        if text[:1] not in _FIRST_OF_NUMBERS and ":" not in text:
            self._value(key, path, key.other + text, text, found, is_long)
            return
        number, has_address = self._kind(text)
        self._value(key, path, (key.other if number is None else key.number) + text, text, found, is_long)
        if number is not None:
            self._number(key, number, found)
        elif has_address:
            self._address(key, text, found)

    def _scalar(self, key: _Key, path: str, value: Any, found: Found) -> None:
        """A number, true or false."""
        kind = type(value)
        if kind is bool:
            text = "true" if value else "false"
            self._value(key, path, key.other + text, text, found, key.may_be_long)
            return
        if kind is WrittenNumber:
            text, shown = value, grouped_number(value)
        else:
            text = shown = repr(value)
            if "e" in text:
                text = orjson.dumps(value).decode()
                shown = grouped_number(text)
        self._value(key, path, key.number + text, shown, found, key.may_be_long or len(text) > _SHORT)
        self._number(key, float(text), found)

    def _value(self, key: _Key, path: str, term: str, shown: str, found: Found, is_long: bool) -> None:
        """One value: its term, and what it is called in groups."""
        if is_long:
            self._add(term, found, True)
        else:
            found.terms.append(term)
        if not key.is_groupable:
            return
        if is_long and (len(shown) > MAX_KEYWORD or _size(path) + _size(shown) + 1 > MAX_TERM_BYTES):
            found.left_out = True
        elif path in found.groups:
            _put(found.groups, path, shown)
        else:
            found.groups[path] = shown

    def _number(self, key: _Key, number: float, found: Found) -> None:
        if self._is_number(key.name) and not isinf(number):
            key.has_numbers = not key.is_odd
            _put(found.numbers, key.name, number + 0.0)
        else:
            self._add(f"{key.name}\x00d{double_hex(number)}", found, key.may_be_long)

    def _address(self, key: _Key, text: str, found: Found) -> None:
        if not self._is_address(key.name):
            self._add(f"{key.name}\x00i{address_hex(address_of(text))}", found, key.may_be_long)
        elif ":" in text:
            _put(found.addresses, key.name, address_text(address_of(text)))
        else:
            _put(found.addresses, key.name, text)

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
            is_long = len(name) > _SHORT
            key = _Key(name, name + "\x00n", name + "\x00t", is_groupable, is_long, is_long or not is_groupable)
        if len(self._keys) >= _KEPT:
            self._keys.clear()
        self._keys[path] = key
        return key

    def _kind(self, text: str) -> "_Kind":
        """What a text is."""
        known = self._kinds.get(text)
        if known is None:
            known = _kind_of(text)
            if len(self._kinds) >= _KEPT:
                self._kinds.clear()
            self._kinds[text] = known
        return known


class _Kind(NamedTuple):
    """What a text is beside a text: a number, an address, or neither."""

    number: float | None
    has_address: bool


def _kind_of(text: str) -> _Kind:
    if is_address(text):
        return _ADDRESS
    return _Kind(float(text), False) if _NUMBER.fullmatch(text) else _NEITHER


_NEITHER = _Kind(None, False)
_ADDRESS = _Kind(None, True)
_NO_KEY = _Key("", "", "", False, False, True)


def _never(key: str) -> bool:
    return False


def _size(text: str) -> int:
    return len(text.encode())


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    if key not in values:
        values[key] = value
    elif type(values[key]) is list:
        values[key].append(value)
    else:
        values[key] = [values[key], value]
