"""Questions about one value of a field, as queries: on a keyword field, or on the terms of a key.

The same questions as `sql_values` asks. What cannot be asked exactly is answered by what holds at least all matches.
"""

from ipaddress import IPv4Network
from math import isinf

from services.query.elastic_fields import ADDRESSES, NUMBERS, TERMS
from services.query.elastic_patterns import Asked, Pattern, holding, of_regex, of_wildcard
from services.query.elastic_prefilter import longest_literal
from services.query.elastic_queries import NONE, Json, all_of, any_of, between, exists, none_of, prefix, term
from services.query.elastic_terms import (
    ADDRESS,
    DOUBLE,
    NUMBER_TEXT,
    OTHER_TEXT,
    SEPARATOR,
    address_hex,
    address_text,
    double_hex,
    is_field_name,
)
from services.query.sql_networks import network_of
from services.query.sql_values import Between, Equals, InNetwork, Like, Matches, Present, ValueTest, number_of

_MAPPED = 0xFFFF << 32
_LAST_ADDRESS = (1 << 128) - 1
_NUMBER_CHARACTERS = frozenset("-+.eE0123456789")


def on_keyword(field: str, key: str, test: ValueTest) -> Asked:
    """The test of a keyword field, whose numbers and addresses are terms of `key`."""
    match test:
        case Present() | Like(("*",)):
            return Asked(exists(field))
        case Equals(value):
            return Asked(term(field, value) if test.number is None else _equal_numbers(key, test.number, False))
        case Between() if test.is_numeric:
            return Asked(_between_numbers(key, test, False))
        case Between():
            is_number = prefix(TERMS, key + SEPARATOR + DOUBLE)
            return Asked(all_of([_between_texts(field, "", test), none_of(is_number)]))
        case Like(pieces):
            return _on_field(field, of_wildcard(pieces), test.literal())
        case Matches(pattern):
            return _on_field(field, of_regex(pattern), longest_literal(pattern))
        case InNetwork(network):
            return Asked(_in_network(key, network, False))
    raise TypeError(f"no query for {type(test).__name__}")


def on_terms(key: str, test: ValueTest, *, typed: bool = True) -> Asked:
    """The test of the values of a key. `typed` where some numbers and addresses have fields of their own."""
    if SEPARATOR in key:
        return Asked(NONE)
    typed = typed and is_field_name(key)
    match test:
        case Present():
            return Asked(term(TERMS, key))
        case Equals(value):
            return Asked(_text_equals(key, value) if test.number is None else _equal_numbers(key, test.number, typed))
        case Between() if test.is_numeric:
            return Asked(_between_numbers(key, test, typed))
        case Between():
            return Asked(_between_texts(TERMS, key + SEPARATOR + OTHER_TEXT, test))
        case Like(pieces):
            return _on_texts(key, of_wildcard(pieces), test.literal())
        case Matches(pattern):
            return _on_texts(key, of_regex(pattern), longest_literal(pattern))
        case InNetwork(network):
            return Asked(_in_network(key, network, typed))
    raise TypeError(f"no query for {type(test).__name__}")


def _on_field(field: str, pattern: Pattern | None, literal: str) -> Asked:
    """A pattern that whole values match; where it cannot be said, the values that hold a literal of it."""
    if pattern is not None and pattern.fits(""):
        return Asked(pattern.on(field))
    return Asked(holding(literal).on(field), is_exact=False)


def _on_texts(key: str, pattern: Pattern | None, literal: str) -> Asked:
    """The same of the terms of a key."""
    is_exact = pattern is not None and pattern.fits(key)
    asked = pattern if pattern is not None and is_exact else holding(literal)
    kinds = OTHER_TEXT + (NUMBER_TEXT if _NUMBER_CHARACTERS.issuperset(asked.start + literal) else "")
    return Asked(asked.behind(TERMS, key + SEPARATOR, kinds), is_exact)


def _text_equals(key: str, value: str) -> Json:
    kind = OTHER_TEXT if number_of(value) is None else NUMBER_TEXT
    return term(TERMS, key + SEPARATOR + kind + value)


def _equal_numbers(key: str, number: float, typed: bool) -> Json:
    asked = term(TERMS, key + SEPARATOR + DOUBLE + double_hex(number))
    return any_of([term(NUMBERS + key, number + 0.0), asked]) if typed else asked


def _between_texts(field: str, start: str, test: Between) -> Json:
    low = None if test.low is None else start + test.low
    high = None if test.high is None else start + test.high
    return _bounded(field, low, high, test, start)


def _between_numbers(key: str, test: Between, typed: bool) -> Json:
    low, high = (None if bound is None else number_of(bound) for bound in (test.low, test.high))
    start = key + SEPARATOR + DOUBLE
    low_hex, high_hex = (None if bound is None else start + double_hex(bound) for bound in (low, high))
    asked = _bounded(TERMS, low_hex, high_hex, test, start)
    return any_of([_between_doubles(NUMBERS + key, low, high, test), asked]) if typed else asked


def _between_doubles(field: str, low: float | None, high: float | None, test: Between) -> Json:
    """Of a field that holds finite numbers only."""
    if low == float("inf") or high == float("-inf"):
        return NONE
    low, high = (None if bound is None or isinf(bound) else bound + 0.0 for bound in (low, high))
    return exists(field) if low is None and high is None else _bounded(field, low, high, test)


def _bounded(field: str, low: str | float | None, high: str | float | None, test: Between, start: str = "") -> Json:
    """Between two bounds; an open side ends where terms with this start end."""
    bounds = {"gte" if test.includes_low else "gt": low, "lte" if test.includes_high else "lt": high}
    if start and low is None:
        bounds = {"gte": start, **{name: bound for name, bound in bounds.items() if bound is not None}}
    if start and high is None:
        bounds = {**{name: bound for name, bound in bounds.items() if bound is not None}, "lt": _following(start)}
    return between(field, **bounds)


def _following(start: str) -> str:
    """The first text after all that begin with `start`."""
    return start[:-1] + chr(ord(start[-1]) + 1)


def _in_network(key: str, network: str, typed: bool) -> Json:
    start = key + SEPARATOR + ADDRESS
    asked = []
    for low, high in _addresses(network):
        asked.append(between(TERMS, gte=start + address_hex(low), lte=start + address_hex(high)))
        if typed:
            asked.append(between(ADDRESSES + key, gte=address_text(low), lte=address_text(high)))
    return any_of(asked)


def _addresses(network: str) -> list[tuple[int, int]]:
    """The first and the last address of each part; IPv4 addresses are no part of an IPv6 network."""
    wanted = network_of(network)
    low, high = int(wanted[0]), int(wanted[-1])
    if isinstance(wanted, IPv4Network):
        return [(_MAPPED + low, _MAPPED + high)]
    parts = [(low, min(high, _MAPPED - 1)), (max(low, _MAPPED + (1 << 32)), high)]
    return [(first, last) for first, last in parts if first <= last]
