"""Searches in every store give the same ids, order and counts as the plain reference, whatever the query."""

import json
import random
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import InvalidQuery
from services.log_store.duckdb import reader
from services.log_store.interface import Aggregation, LogQuery, LogStore
from services.query.language import parse
from services.query.sql_networks import in_network
from services.query.tree import Exists, Field, Network, Not, Or, Phrase, Range, Regex, Wildcard, Word
from tests.clocks import HandClock
from tests.records import START, batch, record
from tests.services.query import reference
from tests.services.query.filled import Filled, all_records
from tests.services.query.random_records import ADDRESSES, NUMBERS, TEXTS, random_batch
from tests.services.query.random_trees import NETWORKS, random_leaf, random_tree
from tests.services.query.reference import NEWER_THAN_PYTHON, fold, is_inside
from tests.stores import OPENERS

SEEDS = range(12)
PER_SEED = 8


@pytest.fixture(
    scope="module",
    params=[("duckdb", 1_000), ("duckdb", 4), ("elasticsearch", 0)],
    ids=["duckdb-few", "duckdb-many", "elasticsearch"],
)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Every store, and both ways of the embedded one to read a page: by position, and by hours."""
    rng = random.Random(7)
    name, few = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "FEW", few)
        store = OPENERS[name](tmp_path_factory.mktemp("logs"), HandClock())
        for _ in range(3):
            store.append("acme", random_batch(rng, 200))
        yield Filled(store, all_records(store))
        store.close()


@pytest.fixture(params=sorted(OPENERS))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogStore]:
    """An empty store of each kind."""
    opened = OPENERS[request.param](tmp_path / "logs", HandClock())
    yield opened
    opened.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_any_query_finds_what_the_reference_finds(filled: Filled, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(PER_SEED):
        filled.check(random_leaf(rng))
        filled.check(random_tree(rng))


@pytest.mark.parametrize("seed", range(15))
def test_pages_of_any_query_join_to_the_whole_list(filled: Filled, seed: int) -> None:
    rng = random.Random(1_000 + seed)
    query, limit, newest_first = random_tree(rng), rng.randint(7, 200), rng.random() < 0.5
    start = START + timedelta(seconds=rng.choice((-10, 0, 2, rng.randint(0, 300_000))))
    end = start + timedelta(seconds=100_000)
    expected = filled.expected(query, start, end)
    if not newest_first:
        expected.reverse()
    read: list[str] = []
    cursor: str | None = None
    while True:
        request = LogQuery(query=query, start=start, end=end, newest_first=newest_first, limit=limit, cursor=cursor)
        page = filled.store.search("acme", request)
        assert page.total == len(expected)
        read += [entry["id"] for entry in page.records]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert read == expected


@pytest.mark.parametrize("seed", range(15))
def test_counts_by_time_and_level_add_up_to_what_is_found(filled: Filled, seed: int) -> None:
    query = random_tree(random.Random(2_000 + seed))
    ids = set(filled.expected(query))
    found = [entry for entry in filled.records if entry["id"] in ids]
    rows = filled.store.aggregate("acme", query, Aggregation(("time", "level"), 3_600)).table.to_pylist()
    assert sum(row["count"] for row in rows) == len(found)
    for row in rows:
        until = row["time"] + timedelta(hours=1)
        expected = sum(e["level"] == row["level"] and row["time"] <= e["timestamp"] < until for e in found)
        assert row["count"] == expected


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(name=st.text(min_size=1, max_size=12), value=st.text(max_size=12))
def test_any_text_is_a_value_and_never_sql(filled: Filled, name: str, value: str) -> None:
    for query in (Word(value), Phrase(value), Not(Field(name, value)), Field("service", value), Field("id", value)):
        page = filled.store.search("acme", LogQuery(query=query, limit=1))
        assert page.total is not None


INJECTIONS = (
    "'; DROP TABLE logs; --",
    '"; DROP TABLE logs; --',
    "x') OR true --",
    "' OR '1'='1",
    '$."a"[*]',
    "/a/0",
    "$.*",
    "a') FROM logs; ATTACH 'x'; --",
    "\\",
    "%",
    "_",
    "?",
    "$1",
    "{db}",
    "{0}",
    "\U000e0001",
    "\ufeff",
    "\u2028",
    "a\x1ab",
)


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_a_query_is_looked_for_as_text(filled: Filled, text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    for written in (quoted, f"service:{quoted}", f"a.b:{quoted}", f"NOT {quoted}", f"message:{quoted}"):
        filled.check(parse(written))
    filled.check(Field(text, text))
    assert filled.store.usage("acme").records == len(filled.records)


# -- numbers, addresses, names, one by one -------------------------------------------------------------------------


@pytest.fixture(scope="module", params=sorted(OPENERS))
def mixed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """One record for each number, text and address: as a JSON number, as a JSON string, as a keyword."""
    store = OPENERS[request.param](tmp_path_factory.mktemp("mixed"), HandClock())
    rows = [record(attributes=f'{{"v":{number}}}') for number in NUMBERS]
    rows += [
        record(attributes=json.dumps({"v": text}), environment=text, tags=[text])
        for text in (*NUMBERS, *TEXTS, *ADDRESSES)
    ]
    rows += [
        record(attributes=text) for text in ('{"v":true}', '{"v":[1,true,null,"1"]}', '{"v":null}', '{"v":{"v":1}}')
    ]
    store.append("acme", batch(*rows))
    yield Filled(store, all_records(store))
    store.close()


@pytest.mark.parametrize("name", ["v", "environment", "tags"])
def test_numbers_and_texts_compare_as_the_language_says(mixed: Filled, name: str) -> None:
    for value in (*NUMBERS, *TEXTS, *ADDRESSES):
        mixed.check(Field(name, value))


@pytest.mark.parametrize("name", ["v", "environment", "tags"])
def test_ranges_of_numbers_and_texts_do_not_mix(mixed: Filled, name: str) -> None:
    for value in NUMBERS:
        mixed.check(Range(name, value, None, includes_low=False))
        mixed.check(Range(name, "-1", value))
    for value in ("", "a", "Web", "1.", "NaN", "é", "true"):
        mixed.check(Range(name, value, None))
        mixed.check(Range(name, "0x", value, includes_high=False))


@pytest.mark.parametrize("name", ["v", "environment", "tags"])
def test_wildcards_and_regexes_see_numbers_as_they_were_written(mixed: Filled, name: str) -> None:
    for pattern in ("1*", "*0", "-*", "?", "*.?0", "1e*", "*e*", "1?", "*", "?*", "*00*", "*\\**", "t*e"):
        mixed.check(Wildcard(name, pattern))
    for pattern in ("^1", "0$", "^-0", "[eE]", "^.$", r"\.", "^1.*3$", "^$"):
        mixed.check(Regex(name, pattern))


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_hold_the_addresses_that_python_reads(mixed: Filled, network: str) -> None:
    for name in ("v", "environment", "tags"):
        mixed.check(Network(name, network))


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_an_address_in_any_writing_is_read_as_python_reads_it(data: Any, addresses: duckdb.DuckDBPyConnection) -> None:
    part = st.one_of(st.just(""), st.from_regex(r"\A[0-9a-fA-F]{1,5}\Z"), st.sampled_from(["1.2.3.4", "0", "ffff"]))
    written = ":".join(data.draw(st.lists(part, min_size=1, max_size=10)))
    text = data.draw(st.sampled_from([written, written + "%1", written.replace(":", "::", 1)]))
    for network in ("::/0", "0.0.0.0/0", "::/17", "ffff::/16", "1.2.3.0/24"):
        condition = in_network("t", network)
        sql = f"SELECT coalesce({condition.sql}, false) FROM (SELECT ?::VARCHAR AS t)"
        found = addresses.execute(sql, [*condition.values, text]).fetchall()[0][0]
        assert found == reference.in_network(text, network), (text, network)


@pytest.fixture(scope="module")
def addresses() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    yield connection
    connection.close()


ODD_KEYS = [chr(code) for code in range(32, 127)] + [
    "",
    "**",
    '"',
    '\\"',
    "\\\\",
    "$.a",
    '"."',
    "[0]",
    "é",
    "\n",
    "\x7f",
    "#-1",
]


def test_every_key_leads_to_its_own_member_only(store: LogStore) -> None:
    store.append("acme", batch(*(record(attributes=json.dumps({key: {"in": key}, "z": [key]})) for key in ODD_KEYS)))
    filled = Filled(store, all_records(store))
    for key in ODD_KEYS:
        for query in (Field(f"attributes.{key}.in", key), Exists(f"attributes.{key}"), Exists(f"attributes.in.{key}")):
            filled.check(query)


def test_a_place_in_a_list_is_no_key(store: LogStore) -> None:
    rows = (
        '{"a":["x",{"b":"x"}]}',
        '{"a":{"0":"x"}}',
        '{"a":[["x"]]}',
        '{"a":"x","a":"y"}',
        '{"a":"y","a":"x"}',
        '{"a.b":1}',
    )
    store.append("acme", batch(*(record(attributes=row) for row in rows)))
    filled = Filled(store, all_records(store))
    for query in (
        Field("a.0", "x"),
        Field("a", "x"),
        Field("a.b", "x"),
        Field("a.1.b", "x"),
        Exists("a.b"),
        Field("a.b", "1"),
    ):
        filled.check(query)


# -- regexes that are refused, and what they cost -------------------------------------------------------------------

REFUSED = (
    *(
        "(",
        "[",
        "a{1001}",
        "(a{1000}){1000}",
        "((a{100}){100}){10}",
        r"(a)\1",
        "(?=a)",
        "(?<!a)",
        r"\C",
        r"\pL{1000}",
        "*",
    ),
    *(
        "[^x]{1000}",
        r"\x{110000}",
        "(?P<n>a",
        "a{1000}{1000}",
        r"\p{Nonsense}",
        "x" * 5_000,
        "(" * 2_000,
        r"(\pL\pN){60}",
    ),
)


@pytest.mark.parametrize("pattern", REFUSED)
@pytest.mark.parametrize("name", ["message", "service", "level", "a.b", "tags"])
def test_a_regex_that_re2_or_its_costs_refuse_is_told_with_its_place(filled: Filled, name: str, pattern: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        filled.found(Not(Regex(name, pattern, at=(3, 7))))
    assert (caught.value.position, caught.value.length) == (3, 7)
    assert caught.value.expected


def test_many_regexes_share_one_budget(filled: Filled) -> None:
    each = Regex("message", "(?:abc|.){100}", at=(0, 1))
    assert filled.found(each) is not None
    with pytest.raises(InvalidQuery):
        filled.found(Or((each,) * 20))


def test_a_dot_does_not_match_a_newline_unless_told(store: LogStore) -> None:
    store.append("acme", batch(record("one\ntwo", service="one\ntwo")))
    filled = Filled(store, all_records(store))
    for name in ("message", "service"):
        assert not filled.found(Regex(name, "one.two"))
        assert filled.found(Regex(name, "(?s)one.two"))
        assert not filled.found(Regex(name, "^two"))
        assert filled.found(Regex(name, "(?m)^two"))
        assert not filled.found(Regex(name, "ONE"))
    assert filled.found(Wildcard("service", "one*two"))


# -- characters ---------------------------------------------------------------------------------------------------


def _code_points() -> list[str]:
    return [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code <= 0xDFFF]


@pytest.fixture(scope="module")
def characters(addresses: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """Of every character: itself, folded, whether it is of a token, of a number, and the same when folded."""
    every = pa.table({"c": _code_points()})  # noqa: F841 (read by DuckDB under its name)
    kinds = [f"regexp_full_match({text}, '{kind}')" for text in ("c", "lower(c)") for kind in (r"[\pL\pN_]", r"\pN")]
    return addresses.execute(f"SELECT c, lower(c), {', '.join(kinds)} FROM every").fetchall()


def test_folding_keeps_every_character_one_character_of_its_kind(characters: list[tuple[Any, ...]]) -> None:
    assert [c for c, lower, *_ in characters if len(lower) != 1] == []
    assert [c for c, _, of_token, _, stays_of_token, _ in characters if of_token != stays_of_token] == []
    assert [c for c, _, _, of_number, _, stays_of_number in characters if of_number != stays_of_number] == []


def test_the_reference_folds_and_cuts_every_character_as_the_engine_does(characters: list[tuple[Any, ...]]) -> None:
    assert [c for c, lower, *_ in characters if fold(c) != lower] == []
    assert [c for c, _, of_token, *_ in characters if is_inside(c) != of_token] == []
    newer = [chr(code) for first, last in NEWER_THAN_PYTHON for code in range(first, last + 1)]
    if unicodedata.unidata_version == "14.0.0":
        assert {unicodedata.category(c) for c in newer} == {"Cn"}


def test_a_phrase_of_any_length_is_found(store: LogStore) -> None:
    words = [f"w{number}" for number in range(1_500)]
    store.append(
        "acme", batch(record(", ".join(words)), record(", ".join(words[:-1])), record(" ".join(words[:1_400])))
    )
    filled = Filled(store, all_records(store))
    for count in (19, 20, 21, 400, 1_400, 1_500):
        for query in (
            Phrase(" ".join(words[:count])),
            Phrase("-".join(words[1:count])),
            Field("problem", " ".join(words[:count])),
        ):
            filled.check(query)


def test_so_many_networks_that_planning_takes_long_are_refused(filled: Filled) -> None:
    each = Network("host", "10.0.0.0/8", at=(4, 15))
    assert filled.found(Or((each,) * 5))
    with pytest.raises(InvalidQuery) as caught:
        filled.found(Or((each,) * 100))
    assert (caught.value.position, caught.value.length) == (4, 15)
