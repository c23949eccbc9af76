"""How queries are joined and written, without a server."""

import random
import struct
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from services.log_store.elasticsearch import mapping
from services.query.elastic import Compiled, filtered
from services.query.elastic_fields import KEYWORDS, LEVEL, ORGANISATION, SEQUENCE, SHAPE, TAGS, TERMS, TEXTS, TIME
from services.query.elastic_patterns import of_regex
from services.query.elastic_queries import ALL, NONE, Json, all_of, any_of, none_of, terms
from services.query.elastic_terms import address_hex, address_of, address_text, double_hex, is_address
from tests.services.query.random_records import ADDRESSES

A, B, C = ({"term": {name: {"value": 1}}} for name in "abc")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (all_of([A, B]), {"bool": {"filter": [A, B]}}),
        (all_of([A, all_of([B, none_of(C)])]), {"bool": {"filter": [A, B], "must_not": [C]}}),
        (all_of([A, ALL, A]), A),
        (all_of([A, NONE]), NONE),
        (all_of([]), ALL),
        (all_of([none_of(A), none_of(B)]), {"bool": {"must_not": [A, B]}}),
        (any_of([A, any_of([B, C])]), {"bool": {"should": [A, B, C]}}),
        (any_of([A, NONE]), A),
        (any_of([A, ALL]), ALL),
        (any_of([]), NONE),
        (none_of(any_of([A, B])), {"bool": {"must_not": [A, B]}}),
        (none_of(none_of(A)), A),
        (none_of(none_of(any_of([A, B]))), {"bool": {"should": [A, B]}}),
        (none_of(all_of([A, B])), {"bool": {"must_not": [{"bool": {"filter": [A, B]}}]}}),
        (none_of(ALL), NONE),
        (all_of([any_of([A, B]), C]), {"bool": {"filter": [{"bool": {"should": [A, B]}}, C]}}),
    ],
)
def test_queries_are_joined_flat(found: Json, expected: Json) -> None:
    assert found == expected


def test_more_values_than_one_clause_takes_are_several_clauses() -> None:
    found = terms("x", range(70_000))
    assert [len(each["terms"]["x"]) for each in found["bool"]["should"]] == [65_536, 4_464]


def test_a_search_asks_for_one_organisation_and_its_times_in_filter_context() -> None:
    start, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    own = {"term": {"elkvision.organisation": {"value": "acme"}}}
    times = {"range": {"@timestamp": {"gte": "2026-03-01T00:00:00.000000Z", "lt": "2026-03-02T00:00:00.000000Z"}}}
    assert filtered(Compiled(A, None), "acme", start, end) == {"bool": {"filter": [own, times, A]}}
    assert filtered(Compiled(ALL, None), "acme", None, None) == {"bool": {"filter": [own]}}
    assert filtered(Compiled(none_of(A), None), "acme", None, None) == {"bool": {"filter": [own], "must_not": [A]}}


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("ab", "(.)*ab(.)*"),
        ("^ab$", "ab"),
        ("^a|b$", "(a(.)*|(.)*b)"),
        ("^a.b$", "a[\\\0-\\\t\\\x0b-\U0010ffff]b"),
        ('^"#@&<>~$', '\\"\\#\\@\\&\\<\\>\\~'),
        ("^(?:ab){2,}c?$", "(ab){2,}(c)?"),
        ("^[a-c_]$", "[\\_a-c]"),
        (r"^\.\n$", "\\.\\\n"),
        ("^$", "()"),
        ("a^b", None),
        (r"\ba", None),
        ("(?=a)", None),
        ("a.{40}b", None),
    ],
)
def test_regexes_are_written_anew_for_lucene(pattern: str, written: str | None) -> None:
    found = of_regex(pattern)
    assert (None if found is None else found.written) == written


def test_doubles_sort_as_their_hex_digits() -> None:
    rng = random.Random(1)
    numbers = [struct.unpack(">d", rng.randbytes(8))[0] for _ in range(5_000)] + [0.0, float("inf"), -float("inf")]
    ordered = sorted(number for number in numbers if number == number)
    assert [double_hex(number) for number in ordered] == sorted(double_hex(number) for number in ordered)
    assert double_hex(-0.0) == double_hex(0.0)


@pytest.mark.parametrize("text", ADDRESSES)
def test_addresses_are_those_that_python_reads(text: str) -> None:
    try:
        expected = ip_address(text)
    except ValueError:
        assert not is_address(text)
        return
    assert is_address(text)
    number = address_of(text)
    assert number == (int(expected) if expected.version == 6 else (0xFFFF << 32) + int(expected))
    assert address_of(address_text(number)) == number == int(address_hex(number), 16)


def test_the_compiler_names_the_fields_of_the_mapping() -> None:
    names = [TIME, LEVEL, ORGANISATION, SEQUENCE, SHAPE, TAGS, TERMS, *TEXTS.values(), *KEYWORDS.values()]
    for name in names:
        properties = mapping.MAPPINGS["properties"]
        *holders, last = name.split(".")
        for holder in holders:
            properties = properties[holder]["properties"]
        assert "type" in properties[last], name
