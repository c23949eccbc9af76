"""Counts and metrics that Elasticsearch makes, over several indices and shards, against loops in plain Python."""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from services.log_store.elasticsearch.aggregate import aggregate
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.residual import ResidualEngine
from services.log_store.interface import AggregateResult, Aggregation, Handle
from services.query.language import Query
from tests.contracts.plain_reads import aggregated, random_rows
from tests.elastic import Elastic, elastic  # noqa: F401 (fixture)
from tests.records import START
from tests.services.log_store.elasticsearch.filled_streams import ORGANISATION, Filled, Row, everything, filled_stream

FIELDS = ("level", "host", "service.name", "tags", "ms", "user.id")
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


@dataclass(frozen=True)
class Asking:
    """Asks Elasticsearch about the records of a stream."""

    filled: Filled
    engine: ResidualEngine

    def __call__(
        self,
        asked: Sequence[Aggregation],
        query: Mapping[str, Any] | None = None,
        *,
        residual: Query | None = None,
        handle: Handle | None = None,
    ) -> list[AggregateResult]:
        """The answers over the records of `query`."""
        scope = query or everything()
        with Question(self.filled.es, self.filled.stream, 30.0, handle) as question:
            read = partial(self.engine.table, question, ORGANISATION, scope, residual)
            return aggregate(question, scope, asked, read, is_exact=residual is None)

    def rows(self, asked: Aggregation) -> list[Row]:
        """The rows of one answer over all records."""
        (result,) = self([asked])
        assert not result.is_partial
        return result.table.to_pylist()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def ask(filled: Filled, engine: ResidualEngine) -> Asking:
    return Asking(filled, engine)


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
def test_counts_by_fields(ask: Asking, filled: Filled, by: tuple[str, ...], limit: int, with_other: bool) -> None:
    asked = Aggregation(by, limit=limit, with_other=with_other)
    assert ask.rows(asked) == aggregated(filled.rows, asked)


@pytest.mark.parametrize("with_other", [False, True])
@pytest.mark.parametrize("by", [("time",), ("time", "host"), ("ms", "time"), ("tags", "time", "user.id")])
def test_counts_by_time_and_fields(ask: Asking, filled: Filled, by: tuple[str, ...], with_other: bool) -> None:
    asked = Aggregation(by, 6 * HOUR, limit=2, with_other=with_other)
    assert ask.rows(asked) == aggregated(filled.rows, asked)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("field", ["ms", "user.id", "host", "tags", "level", "absent.path"])
def test_metrics_of_fields(ask: Asking, filled: Filled, metric: Any, field: str) -> None:
    for by in ((), ("service",), ("tags",), ("time", "user.id"), ("level", "ms")):
        for with_other in (False, True):
            asked = Aggregation(by, 24 * HOUR if "time" in by else None, 2, metric, field, with_other=with_other)
            found, expected = ask.rows(asked), aggregated(filled.rows, asked)
            assert same(found, expected), (by, with_other, found, expected)


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
