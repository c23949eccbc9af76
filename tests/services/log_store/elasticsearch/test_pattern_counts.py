"""Patterns counted by Elasticsearch over several indices and shards, against loops in plain Python."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest

from services.log_store.elasticsearch import pattern_counts
from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.pattern_counts import count_patterns
from services.log_store.elasticsearch.residual import ResidualEngine
from services.log_store.interface import PatternCount, PatternsResult
from services.model import LEVEL_NUMBER, LEVELS
from services.query.language import Query, parse
from tests.elastic import Elastic, elastic  # noqa: F401 (fixture)
from tests.records import START, record
from tests.services.log_store.elasticsearch.filled_streams import (
    ORGANISATION,
    Filled,
    Row,
    everything,
    filled_stream,
)

PATTERNS = {shape: (shape // 3, f"pattern {shape // 3}") for shape in range(57)}
"""Three shapes each; those from 57 on have none yet."""


@pytest.fixture(scope="module")
def filled(elastic: Elastic) -> Filled:  # noqa: F811
    """Records a few microseconds apart, some without a shape."""
    rng = random.Random(2)
    rows = []
    for number in range(1_500):
        level = rng.choice(LEVELS)
        shape = None if number % 11 == 0 else min(int(rng.paretovariate(0.5)), 60)
        row = record(f"word {number % 4}", level=level)
        at = START + timedelta(microseconds=rng.randrange(10_000_000))
        rows.append({**row, "timestamp": at, "shape_id": shape})
    return filled_stream(elastic, "patterns", rows)


@pytest.fixture(scope="module")
def engine() -> Iterator[ResidualEngine]:
    opened = ResidualEngine(max_records=1_600)
    yield opened
    opened.close()


def counted(filled: Filled, engine: ResidualEngine, limit: int = 50, residual: Query | None = None) -> PatternsResult:
    with Question(filled.es, filled.stream, 30.0) as question:
        read = partial(engine.table, question, ORGANISATION, everything(), residual)
        return count_patterns(question, everything(), PATTERNS, limit, read, is_exact=residual is None)


def expected(rows: list[Row]) -> list[PatternCount]:
    of_id: dict[int | None, list[Row]] = {}
    for row in rows:
        of_id.setdefault(PATTERNS.get(row["shape_id"], (None, ""))[0], []).append(row)
    found = []
    for number, own in of_id.items():
        times = sorted(row["timestamp"] for row in own)
        levels = Counter(row["level"] for row in own)
        ordered = tuple(sorted(levels.items(), key=lambda pair: -LEVEL_NUMBER[pair[0]]))
        template = "" if number is None else f"pattern {number}"
        found.append(PatternCount(number, template, len(own), ordered, times[0], times[-1]))
    return sorted(found, key=lambda each: (-each.count, each.id is None, each.id))


@pytest.mark.parametrize("page", [7, 20_000])
def test_counts_levels_and_times_of_all_patterns(
    filled: Filled, engine: ResidualEngine, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pattern_counts, "_PAGE", page)
    monkeypatch.setattr(pattern_counts, "_PATTERNS_AT_ONCE", page)
    found = counted(filled, engine)
    assert found.patterns == expected(filled.rows)
    assert (found.total, found.pattern_count, found.other_count) == (1_500, len(found.patterns), 0)
    assert not found.is_partial


def test_what_lies_beyond_the_limit_is_one_number(filled: Filled, engine: ResidualEngine) -> None:
    every = expected(filled.rows)
    found = counted(filled, engine, limit=2)
    assert found.patterns == every[:2]
    assert (found.total, found.pattern_count) == (1_500, len(every))
    assert found.other_count == sum(each.count for each in every[2:])


def test_patterns_of_records_that_are_checked_are_the_same(filled: Filled, engine: ResidualEngine) -> None:
    matching = [row for row in filled.rows if row["message"].endswith(("1", "2"))]
    found = counted(filled, engine, residual=parse("message:/word [12]/"))
    assert (found.patterns, found.total) == (expected(matching), len(matching))
    assert not found.is_partial


def test_patterns_of_some_of_the_records_say_so(filled: Filled) -> None:
    engine = ResidualEngine(max_records=100)
    assert counted(filled, engine, residual=parse("message:/word [12]/")).is_partial
    engine.close()


def test_no_records_have_no_patterns(elastic: Elastic, engine: ResidualEngine) -> None:  # noqa: F811
    found = counted(filled_stream(elastic, "empty", []), engine)
    assert (found.patterns, found.total, found.pattern_count) == ([], 0, 0)
