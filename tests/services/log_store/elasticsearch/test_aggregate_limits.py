"""Aggregations where a server makes it hard: many groups over many shards, many buckets, values that sort oddly."""

import itertools
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from services.errors import InvalidQuery
from services.log_store.elasticsearch import aggregation_parts, aggregation_ranking
from services.log_store.elasticsearch.aggregation_moment import at_one_moment
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.promotion import Promotion
from services.log_store.elasticsearch.residual import ResidualEngine
from services.log_store.interface import Aggregation
from services.query.language import parse
from tests.contracts.plain_reads import aggregated, random_rows
from tests.elastic import Elastic, elastic  # noqa: F401 (fixture)
from tests.records import START, record
from tests.services.log_store.elasticsearch.filled_streams import (
    FIELDS,
    Asking,
    Filled,
    everything,
    filled_stream,
    same,
    store,
)


@pytest.fixture(scope="module")
def engine() -> Iterator[ResidualEngine]:
    opened = ResidualEngine()
    yield opened
    opened.close()


# -- many groups -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd(elastic: Elastic, engine: ResidualEngine) -> Asking:  # noqa: F811
    """12,000 records over four shards, with fields of 3,000 values and more in each shard."""
    rng = random.Random(5)
    rows = []
    for number in range(12_000):
        skewed = f"user{int(rng.paretovariate(0.4)) % 5_000}"
        attributes = {"skewed": skewed, "flat": f"f{rng.randrange(5_000)}", "unique": f"u{number}"}
        rows.append(record("x", at=number, host=skewed, attributes=json.dumps(attributes), tags=[f"t{number % 4_000}"]))
    return Asking(filled_stream(elastic, "crowd", rows, indices=2), engine)


@pytest.mark.parametrize("with_other", [False, True])
@pytest.mark.parametrize("limit", [1, 10, 500])
@pytest.mark.parametrize("field", ["host", "skewed", "flat", "unique", "tags"])
def test_the_largest_of_many_groups_over_many_shards_are_exact(
    crowd: Asking, field: str, limit: int, with_other: bool
) -> None:
    asked = Aggregation((field,), limit=limit, with_other=with_other)
    assert crowd.rows(asked) == aggregated(crowd.filled.rows, asked)


@pytest.mark.parametrize("told", [20, 6_000])
def test_shards_that_tell_few_groups_are_asked_for_more(
    crowd: Asking, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregation_ranking, "_TOLD", 12)
    monkeypatch.setattr(aggregation_ranking, "_TOLD_MORE", told)
    monkeypatch.setattr(aggregation_ranking, "_PAGE", 700)
    for field in ("host", "flat", "unique"):
        asked = Aggregation((field,), limit=10, with_other=True)
        assert crowd.rows(asked) == aggregated(crowd.filled.rows, asked)


def test_more_groups_than_can_be_counted_make_the_choice_partial_and_leave_counts_exact(
    crowd: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregation_ranking, "_TOLD", 12)
    monkeypatch.setattr(aggregation_ranking, "_TOLD_MORE", 50)
    monkeypatch.setattr(aggregation_ranking, "MAX_GROUPS", 1_000)
    (result,) = crowd([Aggregation(("flat",), limit=10)])
    assert result.is_partial
    every = {row["flat"]: row["count"] for row in aggregated(crowd.filled.rows, Aggregation(("flat",), limit=5_000))}
    assert [every[row["flat"]] for row in result.table.to_pylist()] == result.table["count"].to_pylist()
    assert result.table.num_rows == 10


# -- many buckets ----------------------------------------------------------------------------------------------------


def test_an_answer_of_more_buckets_than_the_server_gives_is_put_together(crowd: Asking) -> None:
    by_field = Aggregation(("flat", "host"), limit=300, with_other=True)
    assert crowd.rows(by_field) == aggregated(crowd.filled.rows, by_field)
    for calendar in (False, True):
        times = {"calendar": "day"} if calendar else {"interval_s": 1}
        asked = Aggregation(("time", "skewed"), limit=50, with_other=True, **times)  # type: ignore[arg-type]
        assert crowd.rows(asked) == aggregated(crowd.filled.rows, asked)


@pytest.mark.parametrize("seed", range(5))
def test_parts_of_any_size_make_the_same_answer(small: Asking, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    most = rng.choice([9, 40, 200])
    monkeypatch.setattr(aggregation_parts, "MOST_BUCKETS", most)
    monkeypatch.setattr(aggregation_parts, "_MOST_LARGE_BUCKETS", most)
    monkeypatch.setattr(aggregation_parts, "_CUTS", rng.choice([2, 7]))
    names = [*rng.sample(FIELDS, rng.randrange(1, 3)), "time"]
    rng.shuffle(names)
    times: dict[str, Any] = rng.choice([{"interval_s": 600}, {"calendar": "day", "zone": "Asia/Kathmandu"}])
    metric = rng.choice(["count", "distinct", "p95", "sum"])
    field = None if metric == "count" else "ms"
    asked = Aggregation(tuple(names), limit=rng.choice([2, 50]), with_other=True, metric=metric, field=field, **times)
    assert same(small.rows(asked), aggregated(small.filled.rows, asked))


def test_a_bucket_for_each_second_of_centuries_is_cheap_where_there_are_few_records(
    elastic: Elastic,  # noqa: F811
    engine: ResidualEngine,
) -> None:
    rng = random.Random(4)
    rows = [{**record("x"), "timestamp": START + timedelta(seconds=rng.randrange(-(10**9), 10**9))} for _ in range(50)]
    asking = Asking(filled_stream(elastic, "sparse", rows, indices=1), engine)
    for asked in (Aggregation(("time",), 1), Aggregation(("time",), calendar="day"), Aggregation(("time", "host"), 1)):
        assert asking.rows(asked) == aggregated(rows, asked)


def test_an_answer_of_too_many_rows_is_refused_after_a_few_of_them(
    small: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregation_parts, "MOST_BUCKETS", 10)
    monkeypatch.setattr("services.log_store.elasticsearch.aggregate.MAX_ROWS", 30)
    with pytest.raises(InvalidQuery):
        small.rows(Aggregation(("time",), 1))


# -- values ----------------------------------------------------------------------------------------------------------

ODD = (
    "",
    " ",
    "a",
    "A",
    "a\x01",
    "ab",
    "é",
    "e\u0301",
    "\ud7ff",
    "\uffff",
    "\U00010000",
    "\U0010ffff",
    "*",
    "[1]",
    "\\",
)


@pytest.fixture(scope="module")
def small(elastic: Elastic, engine: ResidualEngine) -> Asking:  # noqa: F811
    """Random records."""
    return Asking(filled_stream(elastic, "small", random_rows(random.Random(11), 300), indices=2), engine)


def test_values_of_any_character_are_groups_in_the_order_of_code_points(
    elastic: Elastic,  # noqa: F811
    engine: ResidualEngine,
) -> None:
    rng = random.Random(9)
    rows = []
    for _ in range(200):
        attributes = {"a*": rng.sample(ODD, 2), "a": {"b.c": rng.choice(ODD)}, "é ": rng.choice(ODD)}
        row = record("x", host=rng.choice(ODD), attributes=json.dumps(attributes, ensure_ascii=False))
        rows.append({**row, "tags": rng.sample(ODD, rng.randrange(3))})
    asking = Asking(filled_stream(elastic, "odd", rows, indices=1), engine)
    for field, limit in itertools.product(("host", "tags", "a*", "a.b.c", "é "), (1, 4, 14)):
        asked = Aggregation((field,), limit=limit, with_other=True)
        assert asking.rows(asked) == aggregated(rows, asked), asked


# -- numbers ---------------------------------------------------------------------------------------------------------


def test_percentiles_of_many_numbers_are_exact(crowd_numbers: Asking) -> None:
    for by in ((), ("host",), ("time",)):
        for metric in ("p50", "p95", "p99"):
            asked = Aggregation(by, 3_600 if by == ("time",) else None, metric=metric, field="n.a")  # type: ignore[arg-type]
            assert same(crowd_numbers.rows(asked), aggregated(crowd_numbers.filled.rows, asked))


@pytest.fixture(scope="module")
def crowd_numbers(elastic: Elastic, engine: ResidualEngine) -> Asking:  # noqa: F811
    """24,000 numbers of 12,000 records."""
    rng = random.Random(6)
    rows = [
        record("x", at=number, host=f"h{number % 3}", attributes=json.dumps({"n": {"a": [rng.gauss(0, 9), number]}}))
        for number in range(12_000)
    ]
    return Asking(filled_stream(elastic, "numbers", rows, indices=2), engine)


@pytest.fixture(scope="module")
def capped(elastic: Elastic) -> Filled:  # noqa: F811
    """Random records in a stream where no name may have a field for its numbers."""
    return filled_stream(elastic, "capped", random_rows(random.Random(3), 200), indices=1, number_fields=0)


def test_numbers_without_a_field_of_their_own_are_counted_over_the_records(
    capped: Filled, engine: ResidualEngine
) -> None:
    for metric in ("sum", "avg", "min", "max", "p50"):
        asked = Aggregation(("service", "tags"), metric=metric, field="ms", limit=2, with_other=True)  # type: ignore[arg-type]
        assert same(Asking(capped, engine).rows(asked), aggregated(capped.rows, asked))


def test_what_is_counted_over_some_of_the_records_says_so(capped: Filled) -> None:
    engine = ResidualEngine(max_records=50)
    by_number, by_count = Asking(capped, engine)([Aggregation(metric="sum", field="ms"), Aggregation(("host",))])
    assert (by_number.is_partial, by_number.table["count"].to_pylist()) == (True, [50])
    assert not by_count.is_partial
    assert by_count.table.to_pylist() == aggregated(capped.rows, Aggregation(("host",)))
    engine.close()


def test_a_query_that_is_an_upper_bound_is_counted_over_the_records_that_are_checked(small: Asking) -> None:
    matching = [row for row in small.filled.rows if row["message"].endswith(("1", "2"))]
    asked = [Aggregation(("user.id", "time"), 3_600, limit=2, with_other=True), Aggregation(metric="p50", field="ms")]
    found = small(asked, residual=parse("message:/word [12]/"))
    for each, result in zip(asked, found, strict=True):
        assert same(result.table.to_pylist(), aggregated(matching, each))


# -- one moment ------------------------------------------------------------------------------------------------------


def test_records_that_come_between_two_requests_are_not_seen(elastic: Elastic) -> None:  # noqa: F811
    filled = filled_stream(elastic, "moment", [record("x")], indices=1)
    with Question(filled.es, filled.stream, 30.0) as question, at_one_moment(question, everything()) as ask:
        store(filled.es, filled.stream, [record("y")], Promotion(1, 1), first_seq=1)
        filled.es.indices.refresh(index=filled.stream)
        assert ask({"size": 0})["hits"]["total"]["value"] == 1
        moment = ask({"size": 0})["pit_id"]
    with Question(filled.es, filled.stream, 30.0) as question, at_one_moment(question, everything()) as ask:
        assert ask({"size": 0})["hits"]["total"]["value"] == 2
    forgotten = filled.es.options(ignore_status=404).search(body={"size": 0, "pit": {"id": moment}})
    assert forgotten.meta.status == 404
