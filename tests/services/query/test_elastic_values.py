"""Numbers, texts, addresses, names, patterns and limits, one by one, on a real server."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from services.errors import InvalidQuery
from services.log_store.elasticsearch.promotion import Promotion
from services.query.elastic import filtered
from services.query.language import parse
from services.query.tree import (
    And,
    Exists,
    Field,
    MatchAll,
    Network,
    Not,
    Or,
    Phrase,
    Query,
    Range,
    Regex,
    Wildcard,
    Word,
)
from tests.elastic import Elastic, elastic
from tests.records import START, batch, record
from tests.services.query.elastic_index import ORGANISATION, ElasticIndex, filled_index
from tests.services.query.random_records import ADDRESSES, NUMBERS, TEXTS
from tests.services.query.random_trees import NETWORKS

__all__ = ["elastic"]

NAMES = ("v", "environment", "tags")
KEYS = [
    *(chr(code) for code in range(32, 127)),
    "",
    "**",
    '\\"',
    "\\\\",
    "$.a",
    "[0]",
    "é",
    "\n",
    "\x7f",
    "host",
    "attributes",
]


@pytest.fixture(scope="module")
def mixed(elastic: Elastic) -> Iterator[ElasticIndex]:
    """One record for each number, text and address: as a JSON number, as a JSON string, as a keyword, as a tag."""
    rows = [record(attributes=f'{{"v":{number}}}') for number in NUMBERS]
    rows += [
        record(attributes=json.dumps({"v": text, "w": [text, "x"]}), environment=text, tags=[text])
        for text in (*NUMBERS, *TEXTS, *ADDRESSES)
    ]
    rows += [
        record(attributes=text) for text in ('{"v":true}', '{"v":[1,true,null,"1"]}', '{"v":null}', '{"v":{"v":1}}')
    ]
    rows += [record(attributes=json.dumps({key: {"in": key}, "z": [key]})) for key in KEYS]
    rows += [
        record("user 17: a_b failed\nnext line", raw="x"),
        record("Failed user", host="one\ntwo"),
        record("failedness"),
    ]
    filled = filled_index(elastic, "mixed", batch(*rows, *rows), Promotion(20, 6))
    yield filled
    filled.cursor.close()


def all_exact(index: ElasticIndex, queries: list[Query]) -> None:
    """Every query is asked exactly, and finds what the reference finds."""
    if not index.check(*queries):
        assert [query for query in queries if index.compiled(query).residual is not None] == []


@pytest.mark.parametrize("name", NAMES)
def test_numbers_and_texts_compare_as_the_language_says(mixed: ElasticIndex, name: str) -> None:
    all_exact(mixed, [Field(name, value) for value in (*NUMBERS, *TEXTS, *ADDRESSES)])


@pytest.mark.parametrize("name", NAMES)
def test_ranges_of_numbers_and_texts_do_not_mix(mixed: ElasticIndex, name: str) -> None:
    asked: list[Query] = []
    for value in NUMBERS:
        asked += [Range(name, value, None, includes_low=False), Range(name, "-1", value)]
        asked += [Range(name, None, value, includes_high=False), Not(Range(name, value, None))]
    for value in ("", "a", "Web", "1.", "NaN", "é", "true", "\U0001f600"):
        asked += [Range(name, value, None), Range(name, "0x", value, includes_high=False), Range(name, None, value)]
    all_exact(mixed, asked)


@pytest.mark.parametrize("name", NAMES)
def test_wildcards_see_values_as_they_were_written(mixed: ElasticIndex, name: str) -> None:
    patterns = (
        "1*",
        "*0",
        "-*",
        "?",
        "*.?0",
        "1e*",
        "*e*",
        "1?",
        "*",
        "?*",
        "*00*",
        "*\\**",
        "t*e",
        "a\\*b*",
        "*\\\\*",
        "??é?*",
        "10.*.3",
    )
    all_exact(mixed, [Wildcard(name, pattern) for pattern in patterns])


REGEXES = (
    *(
        "^1",
        "0$",
        "^-0",
        "[eE]",
        "^.$",
        r"\.",
        "^1.*3$",
        "^$",
        "",
        "a|b",
        "^(a|b)$",
        "^a|b$",
        "x?",
        "(?:ab)+",
        "[^0-9]",
        r"\d{3,}",
    ),
    *(
        r"^\w+$",
        r"\s",
        "a{0}b",
        "a{2,}",
        "^[a-c]{1,3}$",
        r"[\]\-a]",
        "[^\\n]+",
        r"\x41",
        r"\n",
        "é",
        "[à-ÿ]",
        r"\"",
        '[&|~<>@#"]',
        "~",
        "#",
        "@",
    ),
    *(
        "<",
        ">",
        "&",
        '"',
        "=",
        "!",
        "%",
        "_",
        "`",
        "^[^x]*$",
        "(a)(b)?",
        "(?P<n>a)",
        "(?s)a.b",
        "(?i)sk|K",
        ".*",
        ".+?$",
        "[]a]",
        "[^]a]",
        "{",
        "x{1",
    ),
)


@pytest.mark.parametrize("name", NAMES)
def test_regexes_that_lucene_can_say_are_asked_exactly(mixed: ElasticIndex, name: str) -> None:
    all_exact(mixed, [Regex(name, pattern) for pattern in REGEXES])


@pytest.mark.parametrize(
    "pattern", ["(?is)one.two\\w", r"\bx", r"\pL", "[[:alpha:]]", "(?:^a)b", r"\Qa.b\E", "x$y", "[ab].{30}c"]
)
def test_other_regexes_find_all_matches_and_leave_the_rest_to_check(mixed: ElasticIndex, pattern: str) -> None:
    for name in (*NAMES, "host"):
        compiled = mixed.compiled(Regex(name, pattern))
        assert compiled.residual == Regex(name, pattern)


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_hold_the_addresses_that_python_reads(mixed: ElasticIndex, network: str) -> None:
    all_exact(mixed, [Network(name, network) for name in (*NAMES, "w")])


def test_every_key_leads_to_its_own_member_only(mixed: ElasticIndex) -> None:
    names = [(f"attributes.{key}", key) for key in KEYS]
    all_exact(mixed, [Field(f"{name}.in", key) for name, key in names])
    all_exact(mixed, [Exists(name) for name, _ in names])
    all_exact(mixed, [Exists(f"attributes.in.{key}") for _, key in names])


def test_a_name_with_nul_leads_nowhere(mixed: ElasticIndex) -> None:
    assert mixed.found(mixed.compiled(Exists("v\0n1")).query) == set()


# -- texts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "asked"),
    [
        ("user (\\d+)", "wildcard"),
        ("failed|next", "wildcard"),
        (": a_b failed", "match"),
        (" a_b ", "match"),
        ("(?:fail)+", "wildcard"),
        ("x+", "match_all"),
        ("(?i)failed", "*failed*"),
        ("(?i)sick x", "'*ick'"),
        ("fai?led", "*led*"),
    ],
)
def test_a_regex_on_a_text_asks_for_the_tokens_that_it_needs(mixed: ElasticIndex, pattern: str, asked: str) -> None:
    query = Regex("message", pattern)
    compiled = mixed.compiled(query)
    assert compiled.residual == query
    assert asked in str(compiled.query)
    mixed.check(query) if not pattern.startswith("(?i)") else None
    mixed.check(Not(query)) if not pattern.startswith("(?i)") else None


def test_the_rest_to_check_is_only_what_is_not_exact(mixed: ElasticIndex) -> None:
    inexact = Regex("message", "a.b")
    assert mixed.compiled(And((Word("user"), inexact, Field("v", "1")))).residual == inexact
    assert mixed.compiled(And((Word("user"), Field("v", "1")))).residual is None
    either = Or((Word("user"), inexact))
    assert mixed.compiled(And((Word("user"), either))).residual == either
    assert mixed.compiled(And((Not(MatchAll()), inexact))).residual is None


def test_not_keeps_what_is_known_of_an_inexact_part(mixed: ElasticIndex) -> None:
    query = Not(Or((Field("level", "info"), Regex("message", "a.b"))))
    assert mixed.found(mixed.compiled(query).query) == set()
    mixed.check(query)


def test_a_text_without_tokens_is_left_to_check(mixed: ElasticIndex) -> None:
    assert not mixed.check(Phrase(": "))
    assert not mixed.check(Field("raw", "-"))
    all_exact(mixed, [Phrase(""), Field("raw", " "), Not(Word(""))])


# -- patterns of messages ---------------------------------------------------------------------------------------------


def test_patterns_are_the_shapes_of_records(mixed: ElasticIndex) -> None:
    compiled = mixed.compiled(
        parse("pattern:7"), pattern_shapes=lambda pattern: [pattern, 9], grouped_shapes=lambda: None
    )
    assert compiled.query == {"terms": {"elkvision.shape": [7, 9]}}
    compiled = mixed.compiled(parse("pattern:*"), pattern_shapes=lambda pattern: [], grouped_shapes=lambda: None)
    assert compiled.query == {"exists": {"field": "elkvision.shape"}}
    assert mixed.compiled(parse("pattern:7")).query == {"match_none": {}}


# -- limits -------------------------------------------------------------------------------------------------------------


def test_the_largest_queries_that_are_taken_are_answered(mixed: ElasticIndex) -> None:
    taken = [each for size in range(490, 510) if (each := _taken(mixed, _wide(size))) is not None]
    assert 0 < len(taken) < 20
    assert mixed.found(taken[-1]) == set()


def test_the_deepest_queries_that_are_taken_are_answered(mixed: ElasticIndex) -> None:
    for shape in (_deep, _deep_in_nots):
        taken = [each for depth in range(15, 30) if (each := _taken(mixed, shape(depth))) is not None]
        assert 0 < len(taken) < 15
        mixed.found(taken[-1])


def test_queries_that_the_server_would_refuse_are_refused_before(mixed: ElasticIndex) -> None:
    with pytest.raises(InvalidQuery, match="things at once"):
        mixed.compiled(_wide(600))
    with pytest.raises(InvalidQuery, match="parentheses"):
        mixed.compiled(_deep(60))


def _wide(size: int) -> Query:
    return Or(tuple(Field(f"k{number}", str(number)) for number in range(size)))


def _deep(depth: int) -> Query:
    query: Query = Word("x")
    for number in range(depth):
        query = (And if number % 2 else Or)((Word(f"w{number}"), query))
    return query


def _deep_in_nots(depth: int) -> Query:
    query: Query = Word("x")
    for number in range(depth):
        query = Not(And((Word(f"w{number}"), query)))
    return query


def _taken(index: ElasticIndex, query: Query) -> dict[str, Any] | None:
    """What is asked of Elasticsearch, or None where the query is refused."""
    try:
        return filtered(index.compiled(query), ORGANISATION, START, START + timedelta(days=1))
    except InvalidQuery:
        return None


def test_nots_in_nots_are_not_deep(mixed: ElasticIndex) -> None:
    query: Query = Word("user")
    for _ in range(100):
        query = Not(query)
    assert mixed.check(query)


COSTLY = ("*a???????????????b*", "*a?b?c?d?e?f?g?h?i*", "?" * 49, "*" + "a?" * 40 + "*", "*é????????" * 5, "*a" * 45)


@pytest.mark.parametrize("pattern", COSTLY)
@pytest.mark.parametrize("name", ["message", "v", "host"])
def test_costly_wildcards_are_answered(mixed: ElasticIndex, name: str, pattern: str) -> None:
    mixed.check(Wildcard(name, pattern))


@pytest.mark.parametrize(
    "pattern",
    [
        "a.{12}b",
        "a.{9}",
        "(a|b|c)*a(a|b|c){7}",
        "[^x]{200}",
        "(.a){20}",
        "x*" * 40,
        "(x+x+)+y",
        "é.{6}日",
        "([à-ÿ]|[^a-z]){6}$",
    ],
)
def test_costly_regexes_are_answered(mixed: ElasticIndex, pattern: str) -> None:
    for name in ("v", "host", "tags"):
        mixed.found(mixed.compiled(Regex(name, pattern)).query)


@pytest.mark.parametrize("pattern", ["(", "a{1001}", "(?=a)", r"\C", "x" * 5_000, "(" * 2_000, r"(\pL\pN){60}"])
@pytest.mark.parametrize("name", ["message", "service", "level", "a.b", "tags"])
def test_a_regex_that_re2_or_its_costs_refuse_is_told_with_its_place(
    mixed: ElasticIndex, name: str, pattern: str
) -> None:
    with pytest.raises(InvalidQuery) as caught:
        mixed.compiled(Not(Regex(name, pattern, at=(3, 7))))
    assert (caught.value.position, caught.value.length) == (3, 7)


@pytest.mark.parametrize("text", ["message:[a TO b]", "raw:10.0.0.0/8"])
def test_what_is_not_served_on_texts_is_refused(mixed: ElasticIndex, text: str) -> None:
    with pytest.raises(InvalidQuery):
        mixed.compiled(parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "timestamp:[2026-03-01 TO 2026-03-02}",
        "timestamp:<1960-01-01",
        "timestamp:>=0001-01-01",
        "timestamp:>2300-01-01",
        "timestamp:<9998-12-31",
    ],
)
def test_times_of_any_year_are_answered(mixed: ElasticIndex, text: str) -> None:
    assert mixed.check(parse(text))
