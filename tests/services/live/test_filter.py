"""The live filter matches exactly what the plain reference matches, and bounds what a filter may take."""

import random
from collections.abc import Iterator

import pyarrow as pa
import pytest

from services.errors import InvalidQuery
from services.live.filter import Filter, LiveFilter
from services.model import record_id
from services.query.sql import TEXT_LIMIT
from services.query.tree import And, Exists, Field, Network, Not, Phrase, Query, Range, Regex, Wildcard, Word
from tests.records import batch, record
from tests.services.query import reference
from tests.services.query.random_records import ADDRESSES, NUMBERS, TEXTS, random_batch
from tests.services.query.random_trees import NETWORKS, random_leaf, random_tree


@pytest.fixture
def live() -> Iterator[LiveFilter]:
    made = LiveFilter(limit_s=60)  # meaning is tested here, on machines of any speed
    yield made
    made.close()


def with_seq(rows: pa.Table) -> pa.Table:
    """The batch as the store publishes it."""
    return rows.append_column("seq", pa.array(range(100, 100 + len(rows)), pa.int64()))


def records_of(frame: pa.Table) -> list[reference.Record]:
    """The frame as the store would give its records back."""
    found = frame.to_pylist()
    for row in found:
        row["tags"] = row["tags"] or []
        row["id"] = record_id(int(row["timestamp"].timestamp() * 1_000_000), row["seq"])
    return found


def check(live: LiveFilter, frame: pa.Table, queries: list[Query]) -> None:
    """Every query at once, each as the reference has it."""
    filters = [live.compile(query) for query in queries]
    answer = live.match(frame, filters)
    records = records_of(frame)
    for query, each in zip(queries, filters, strict=True):
        column = answer.columns[each]
        assert column.null_count == 0
        assert column.to_pylist() == [reference.matches(query, row) for row in records], query


@pytest.mark.parametrize("seed", range(8))
def test_any_filter_matches_what_the_reference_matches(live: LiveFilter, seed: int) -> None:
    rng = random.Random(3_000 + seed)
    frame = with_seq(random_batch(rng, 150))
    check(live, frame, [random_leaf(rng) for _ in range(25)] + [random_tree(rng) for _ in range(10)])


def test_one_leaf_of_each_kind_on_numbers_texts_and_addresses(live: LiveFilter) -> None:
    rows = [record(attributes=f'{{"v":{number}}}') for number in NUMBERS]
    rows += [record(environment=text, tags=[text]) for text in (*NUMBERS, *TEXTS, *ADDRESSES)]
    queries: list[Query] = []
    for name in ("v", "environment", "tags"):
        queries += [Field(name, value) for value in (*NUMBERS, *TEXTS[:12])]
        queries += [Network(name, network) for network in NETWORKS]
        queries += [
            Range(name, "1", None),
            Range(name, None, "1e3", includes_high=False),
            Range(name, "1", "42"),
            Exists(name),
        ]
        queries += [Range(name, "a", "x"), Wildcard(name, "1*"), Wildcard(name, "*.?0"), Regex(name, "^1.*0$")]
    check(live, with_seq(batch(*rows)), queries)


def test_long_texts_are_matched_in_their_searched_part(live: LiveFilter) -> None:
    inside, outside = "x " * (TEXT_LIMIT // 2 - 5) + "needle", "x " * (TEXT_LIMIT // 2) + "needle"
    cut = "y" * (TEXT_LIMIT - 3) + " needle"
    long_json = '{"a":"needle","z":"' + "y" * TEXT_LIMIT + '"}'
    rows = [
        record(inside),
        record(outside),
        record(cut),
        record("x " * 500_000 + "needle"),
        record(attributes=long_json),
    ]
    queries = [
        Word("needle"),
        Word("ne"),
        Phrase("x needle"),
        Wildcard("message", "need*"),
        Regex("message", "needle$"),
    ]
    check(live, with_seq(batch(*rows)), [*queries, Field("a", "needle"), Exists("z"), Not(Exists("a"))])


def test_an_empty_frame_and_no_filters_have_answers(live: LiveFilter) -> None:
    each = live.compile(Word("a"))
    assert live.match(with_seq(batch()), [each]).columns[each].to_pylist() == []
    assert live.match(with_seq(batch(record("a"))), []).columns == {}


def test_equal_queries_are_one_filter(live: LiveFilter) -> None:
    one, other = live.compile(And((Word("A"), Field("a.b", "1")))), live.compile(And((Word("a"), Field("a.b", "1.0"))))
    assert one == other
    assert len(live.match(with_seq(batch(record("a"))), [one, other]).columns) == 1


@pytest.mark.parametrize(
    "query", [Regex("message", "(", at=(2, 1)), Regex("a", "[^x]{1000}", at=(2, 1)), Field("pattern", "3", at=(2, 1))]
)
def test_what_cannot_be_matched_is_refused_when_it_is_compiled(live: LiveFilter, query: Query) -> None:
    with pytest.raises(InvalidQuery) as caught:
        live.compile(query)
    assert (caught.value.position, caught.value.length) == (2, 1)


def test_patterns_are_those_that_the_caller_tells_of_shapes() -> None:
    asked: list[list[str]] = []

    def patterns_of(shapes: list[str]) -> list[int | None]:
        asked.append(shapes)
        return [7 if "login" in shape else None for shape in shapes]

    live = LiveFilter(patterns_of=patterns_of)
    frame = with_seq(batch(record("login 1"), record("login 2"), record("x"), record("y", shape=None)))
    seven, some = live.compile(Field("pattern", "7")), live.compile(Exists("pattern"))
    answer = live.match(frame, [seven, some])
    assert answer.columns[seven].to_pylist() == answer.columns[some].to_pylist() == [True, True, False, False]
    assert asked == [["login \x1a", "x"]]
    live.close()


def test_a_regex_that_takes_too_long_is_evicted_and_the_others_are_answered() -> None:
    live = LiveFilter(limit_s=0.1)
    rng = random.Random(1)
    rows = [record("".join(rng.choice("ab é日x") for _ in range(30_000))) for _ in range(40)]
    slow, quick, light = (live.compile(q) for q in (Regex("message", "a.{300}z"), Word("ab"), Regex("message", "^a")))
    answer = live.match(with_seq(batch(*rows)), [slow, quick, light])
    assert answer.evicted == (slow,)
    assert set(answer.columns) == {quick, light}
    assert live.match(with_seq(batch(record("ab"))), [quick]).columns[quick].to_pylist() == [True]
    live.close()


def test_the_filters_engine_reaches_nothing_outside(live: LiveFilter, tmp_path: object) -> None:
    from duckdb import Error

    for statement in (
        f"COPY (SELECT 1) TO '{tmp_path}/x.csv'",
        "SELECT * FROM read_text('/etc/passwd')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET threads = 4",
        f"ATTACH '{tmp_path}/x.duckdb'",
    ):
        with pytest.raises(Error):
            live._cursor.execute(statement)


def test_filters_are_plain_values() -> None:
    assert hash(Filter("true", (), ())) == hash(Filter("true", (), ()))
