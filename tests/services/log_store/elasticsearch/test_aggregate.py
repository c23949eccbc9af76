"""Counts and metrics that Elasticsearch makes, over several indices and shards, against loops in plain Python."""

import itertools
import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.log_store.elasticsearch.residual import ResidualEngine
from services.log_store.interface import Aggregation
from tests.contracts.plain_reads import aggregated, random_rows
from tests.elastic import Elastic, elastic  # noqa: F401 (fixture)
from tests.records import START
from tests.services.log_store.elasticsearch.filled_streams import (
    FIELDS,
    Asking,
    Filled,
    everything,
    filled_stream,
    same,
)

METRICS = ("distinct", "sum", "avg", "min", "max", "p50", "p95", "p99")
HOUR = 3_600


@pytest.fixture(scope="module")
def filled(elastic: Elastic) -> Filled:  # noqa: F811
    """Random records in three indices of two shards."""
    return filled_stream(elastic, "random", random_rows(random.Random(20260301), 400))


@pytest.fixture(scope="module")
def engine() -> Iterator[ResidualEngine]:
    opened = ResidualEngine()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def ask(filled: Filled, engine: ResidualEngine) -> Asking:
    return Asking(filled, engine)


def assert_all(ask: Asking, asked: list[Aggregation]) -> None:
    """They are asked together, which is one survey and few requests."""
    for each, result in zip(asked, ask(asked), strict=True):
        assert not result.is_partial
        assert same(result.table.to_pylist(), aggregated(ask.filled.rows, each)), each


@pytest.mark.parametrize("with_other", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_counts_by_fields(ask: Asking, limit: int, with_other: bool) -> None:
    groupings = [(), *((name,) for name in FIELDS), *itertools.permutations(FIELDS, 2)]
    assert_all(ask, [Aggregation(by, limit=limit, with_other=with_other) for by in groupings])


@pytest.mark.parametrize("times", [{"interval_s": 6 * HOUR}, {"calendar": "day", "zone": "Asia/Kathmandu"}])
def test_counts_by_time_and_fields(ask: Asking, times: dict[str, Any]) -> None:
    groupings = [("time",), ("time", "host"), ("ms", "time"), ("tags", "time", "user.id")]
    others = (False, True)
    assert_all(ask, [Aggregation(by, limit=2, with_other=other, **times) for by in groupings for other in others])


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_of_fields(ask: Asking, metric: Any) -> None:
    groupings = [(), ("service",), ("tags",), ("time", "user.id"), ("level", "ms")]
    fields = ("ms", "user.id", "host", "tags", "level", "absent.path")
    assert_all(
        ask,
        [
            Aggregation(by, 24 * HOUR if "time" in by else None, 2, metric, field, with_other=other)
            for by, field, other in itertools.product(groupings, fields, (False, True))
        ],
    )


@pytest.mark.parametrize("seed", range(25))
def test_random_aggregations_of_random_matches(ask: Asking, filled: Filled, seed: int) -> None:
    rng = random.Random(seed)
    asked = [_random_aggregation(rng) for _ in range(6)]
    start = START + timedelta(seconds=rng.randrange(90_000))
    end = start + timedelta(hours=rng.randrange(40))
    matching = [row for row in filled.rows if start <= row["timestamp"] < end]
    found = ask(asked, _between(start, end))
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
