"""Searches in DuckDB give the same ids, order and counts as the plain reference, whatever the query."""

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.log_store.duckdb import DuckDBLogStore, reader
from services.log_store.interface import Aggregation, LogQuery, LogRecord
from services.model import LEVELS
from services.query.language import parse
from services.query.sql import TEXT_LIMIT
from services.query.tree import And, Field, MatchAll, Not, Or, Phrase, Query, Word
from tests.clocks import HandClock
from tests.records import START, batch, record
from tests.services.query.reference import matches

WORDS = (
    *(
        "error",
        "Timeout",
        "user",
        "42",
        "a1b2",
        "snake_case",
        "GET",
        "10",
        "0",
        "id",
        "x",
        "É",
        "e\u0301",
        "straße",
        "STRASSE",
    ),
    *("ΣΑΣ", "σας", "İstanbul", "i", "日本語", "日本", "٣", "²", "Ⅷ", "ⅷ", "naïve", "\U0001f600", "ﬁne", "K"),
)
GLUE = (
    " ",
    " ",
    " ",
    ", ",
    "-",
    ".",
    ":",
    "/",
    "=",
    " -> ",
    "\t",
    "\n",
    '"',
    "'",
    "%",
    "_",
    "\\",
    "\U0001f600",
    "\u200d",
)
SERVICES = ("web", "my shop", "Web", None, "", "a'b", 'a"b')
VALUES: tuple[Any, ...] = (
    "x",
    "42",
    42,
    4.5,
    -1,
    True,
    False,
    None,
    "a b",
    "é",
    'q"q',
    "back\\slash",
    10**20,
    ["x", 42],
    {"k": "x"},
)
KEYS = ("user", "id", "user.id", "a.b", "a", "b", "é", "sp ace", "k")


def _message(rng: random.Random) -> str:
    words = "".join(rng.choice(WORDS) + rng.choice(GLUE) for _ in range(rng.randint(0, 6)))
    return words if rng.random() < 0.98 else "é" * (TEXT_LIMIT - rng.randint(1, 12)) + " " + words


def _attributes(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    found = {rng.choice(KEYS): rng.choice(VALUES) for _ in range(rng.randint(0, 3))}
    if depth < 2 and rng.random() < 0.5:
        found[rng.choice(KEYS)] = _attributes(rng, depth + 1)
    return found


def _record(rng: random.Random) -> dict[str, Any]:
    return record(
        _message(rng),
        at=rng.choice((rng.randint(0, 5), rng.randint(0, 400_000))),
        level=rng.choice(LEVELS),
        service=rng.choice(SERVICES),
        host=rng.choice(("h1", "h2", None)),
        tags=rng.choice(([], None, ["x"], ["x", "a b"])),
        attributes=None if rng.random() < 0.2 else json.dumps(_attributes(rng), ensure_ascii=rng.random() < 0.5),
        problem=rng.choice((None, "Time out of range", "x")),
    )


class Filled:
    """A store with records of every kind, and the same records as plain Python."""

    def __init__(self, store: DuckDBLogStore, records: list[LogRecord]):
        self.store = store
        self.records = sorted(records, key=lambda entry: entry["id"], reverse=True)

    def check(self, query: Query) -> None:
        expected = [entry["id"] for entry in self.records if matches(query, entry)]
        page = self.store.search("acme", LogQuery(query=query, limit=1000))
        assert [entry["id"] for entry in page.records] == expected
        assert page.total == len(expected)


@pytest.fixture(scope="module", params=[1_000, 4], ids=["few", "many"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Both ways to read a page: by position, and by hours."""
    rng = random.Random(7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "FEW", request.param)
        store = DuckDBLogStore(tmp_path_factory.mktemp("logs"), HandClock())
        for _ in range(3):
            store.append("acme", batch(*(_record(rng) for _ in range(200))))
        yield Filled(store, store.search("acme", LogQuery(limit=1000)).records)
        store.close()


def _leaves() -> st.SearchStrategy[Query]:
    text = st.lists(st.sampled_from([*WORDS, *GLUE]), min_size=1, max_size=4).map("".join)
    values = st.sampled_from([str(v) if not isinstance(v, bool) else str(v).lower() for v in VALUES if v is not None])
    paths = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3).map(".".join)
    return st.one_of(
        st.just(MatchAll()),
        st.builds(Word, st.one_of(st.sampled_from(WORDS), text)),
        st.builds(Phrase, text),
        st.builds(Field, paths, st.one_of(values, text)),
        st.builds(Field, st.just("service"), st.sampled_from([s for s in SERVICES if s is not None])),
        st.builds(
            Field, st.sampled_from(["level", "log.level"]), st.sampled_from([*LEVELS, "WARN", "fatal", "nonsense"])
        ),
        st.builds(Field, st.sampled_from(["message", "problem", "raw"]), st.sampled_from(WORDS)),
        st.builds(Field, st.just("tags"), st.sampled_from(["x", "a b", "y"])),
        st.builds(Field, st.just("@timestamp"), st.sampled_from(["2026-03-01", "2026-03-03", "2026-03-01T12:00:03Z"])),
    )


def _trees() -> st.SearchStrategy[Query]:
    def grow(children: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
        several = st.lists(children, min_size=2, max_size=3).map(tuple)
        return st.one_of(st.builds(Not, children), st.builds(And, several), st.builds(Or, several))

    return st.recursive(_leaves(), grow, max_leaves=6)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(query=_trees())
def test_any_query_finds_what_the_reference_finds(filled: Filled, query: Query) -> None:
    filled.check(query)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(query=_trees(), limit=st.integers(7, 200), newest_first=st.booleans(), from_s=st.integers(0, 300_000))
def test_pages_of_any_query_join_to_the_whole_list(
    filled: Filled, query: Query, limit: int, newest_first: bool, from_s: int
) -> None:
    start, end = START + timedelta(seconds=from_s), START + timedelta(seconds=from_s + 100_000)
    expected = [entry["id"] for entry in filled.records if start <= entry["timestamp"] < end and matches(query, entry)]
    expected.sort(reverse=newest_first)
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


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(query=_trees())
def test_counts_by_time_and_level_add_up_to_what_is_found(filled: Filled, query: Query) -> None:
    found = [entry for entry in filled.records if matches(query, entry)]
    rows = filled.store.aggregate("acme", query, Aggregation(("time", "level"), 3_600)).table.to_pylist()
    assert sum(row["count"] for row in rows) == len(found)
    for row in rows:
        until = row["time"] + timedelta(hours=1)
        expected = sum(e["level"] == row["level"] and row["time"] <= e["timestamp"] < until for e in found)
        assert row["count"] == expected


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
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
