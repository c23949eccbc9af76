"""Counts and metrics that Elasticsearch makes, over several indices and shards, against loops in plain Python."""

import itertools
import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.log_store.elasticsearch.aggregate import aggregate
from services.log_store.elasticsearch.aggregation_moment import at_one_moment
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.interface import AggregateResult, Aggregation
from tests.contracts.plain_reads import aggregated, random_rows
from tests.elastic import Elastic, elastic  # noqa: F401 (fixture)
from tests.records import START
from tests.services.log_store.elasticsearch.filled_streams import Filled, Row, checked, everything, filled_stream

FIELDS = ("level", "host", "service.name", "tags", "ms", "user.id")
METRICS = ("distinct", "sum", "avg", "min", "max", "p50", "p95", "p99")
HOUR = 3_600


@pytest.fixture(scope="module")
def filled(elastic: Elastic) -> Filled:  # noqa: F811
    """Random records in three indices of two shards."""
    return filled_stream(elastic, "random", random_rows(random.Random(20260301), 400))


def answers(
    filled: Filled,
    asked: Sequence[Aggregation],
    query: Mapping[str, Any] | None = None,
    rows: Sequence[Row] | None = None,
) -> list[AggregateResult]:
    """What Elasticsearch says of the records of `query`, which are `rows`."""
    with Question(filled.es, filled.stream, 30.0) as question, at_one_moment(question, query or everything()) as ask:
        return aggregate(asked, ask, lambda: checked(filled.rows if rows is None else rows), is_exact=True)


def rows_of(filled: Filled, asked: Aggregation) -> list[Row]:
    (result,) = answers(filled, [asked])
    assert not result.is_partial
    return result.table.to_pylist()


def same(found: list[Row], expected: list[Row]) -> bool:
    """Equal, sums and means up to rounding."""
    if len(found) != len(expected):
        return False
    pairs = [(row[name], other[name]) for row, other in zip(found, expected, strict=True) for name in other]
    return [set(row) for row in found] == [set(row) for row in expected] and all(
        a == (pytest.approx(b) if isinstance(b, float) else b) for a, b in pairs
    )


@pytest.mark.parametrize("with_other", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize("by", [(), *((name,) for name in FIELDS), *itertools.permutations(FIELDS, 2)])
def test_counts_by_fields(filled: Filled, by: tuple[str, ...], limit: int, with_other: bool) -> None:
    asked = Aggregation(by, limit=limit, with_other=with_other)
    assert rows_of(filled, asked) == aggregated(filled.rows, asked)


@pytest.mark.parametrize("with_other", [False, True])
@pytest.mark.parametrize("by", [("time",), ("time", "host"), ("ms", "time"), ("tags", "time", "user.id")])
def test_counts_by_time_and_fields(filled: Filled, by: tuple[str, ...], with_other: bool) -> None:
    asked = Aggregation(by, 6 * HOUR, limit=2, with_other=with_other)
    assert rows_of(filled, asked) == aggregated(filled.rows, asked)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("field", ["ms", "user.id", "host", "tags", "level", "absent.path"])
def test_metrics_of_fields(filled: Filled, metric: Any, field: str) -> None:
    for by in ((), ("service",), ("tags",), ("time", "user.id"), ("level", "ms")):
        for with_other in (False, True):
            asked = Aggregation(by, 24 * HOUR if "time" in by else None, 2, metric, field, with_other=with_other)
            found, expected = rows_of(filled, asked), aggregated(filled.rows, asked)
            assert same(found, expected), (by, with_other, found, expected)


@pytest.mark.parametrize("seed", range(25))
def test_random_aggregations_of_random_matches(filled: Filled, seed: int) -> None:
    rng = random.Random(seed)
    asked = [_random_aggregation(rng) for _ in range(6)]
    start = START + timedelta(seconds=rng.randrange(90_000))
    end = start + timedelta(hours=rng.randrange(40))
    matching = [row for row in filled.rows if start <= row["timestamp"] < end]
    found = answers(filled, asked, _between(start, end), matching)
    for each, result in zip(asked, found, strict=True):
        assert same(result.table.to_pylist(), aggregated(matching, each)), each


def _between(start: datetime, end: datetime) -> Mapping[str, Any]:
    times = {"gte": start.isoformat(), "lt": end.isoformat()}
    return {"bool": {"filter": [everything(), {"range": {"@timestamp": times}}]}}


def _random_aggregation(rng: random.Random) -> Aggregation:
    names = [*rng.sample(FIELDS, rng.randrange(3)), *rng.choice([[], ["time"]])]
    rng.shuffle(names)
    interval = rng.choice([1, 60, HOUR, 24 * HOUR]) if "time" in names else None
    limit, other = rng.choice([1, 2, 3, 50]), rng.random() < 0.5
    if rng.random() < 0.4:
        return Aggregation(tuple(names), interval, limit, with_other=other)
    return Aggregation(tuple(names), interval, limit, rng.choice(METRICS), rng.choice(FIELDS), with_other=other)
