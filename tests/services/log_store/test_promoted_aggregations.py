"""Aggregations by attributes that have columns of their own are those of plain Python over the records."""

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.log_store.duckdb import DuckDBLogStore, maintenance
from services.log_store.duckdb.promoted import ENOUGH_USES
from services.log_store.interface import Aggregation
from services.query.language import MatchAll
from tests.clocks import HandClock
from tests.contracts.plain_reads import aggregated, random_rows
from tests.contracts.test_log_store_aggregate import METRICS, same
from tests.records import batch, record

PATHS = ("ms", "user.id", "size", "absent.path")


def rows_with_sizes(seed: int, count: int) -> list[dict[str, Any]]:
    """Random records; of those with attributes each has a `size`, one number or text and never a list."""
    rng, rows = random.Random(seed), random_rows(random.Random(seed), count)
    for row in rows:
        if row["attributes"] and row["attributes"] != "{}":
            size = rng.choice(["1", '"1"', "2.50", '"large"', "true", "null"])
            row["attributes"] = f'{{"size": {size}, {row["attributes"][1:]}'
    return rows


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DuckDBLogStore, list[dict[str, Any]]]]:
    """A store with promoted paths, half of its records older than their columns."""
    folder: Path = tmp_path_factory.mktemp("logs")
    store, rows = DuckDBLogStore(folder, HandClock(), maintain=False), rows_with_sizes(1, 300)
    store.append("acme", batch(*rows[:150]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maintenance, "WORTH_RECORDS", 0)
        for _ in range(ENOUGH_USES):
            store.aggregate_all("acme", MatchAll(), [Aggregation((path,)) for path in PATHS])
        assert store.maintain("acme").promoted_paths == len(PATHS) - 1  # not the one that no record has
    store.append("acme", batch(*rows[150:]))
    yield store, rows
    store.close()


@pytest.mark.parametrize("with_other", [False, True])
@pytest.mark.parametrize("by", [*((path,) for path in PATHS), *itertools.permutations([*PATHS[:3], "tags"], 2)])
def test_counts(filled: Any, by: tuple[str, ...], with_other: bool) -> None:
    store, rows = filled
    asked = Aggregation(by, limit=2, with_other=with_other)
    assert store.aggregate("acme", MatchAll(), asked).table.to_pylist() == aggregated(rows, asked)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("path", PATHS)
def test_metrics(filled: Any, metric: Any, path: str) -> None:
    store, rows = filled
    groups = [(), ("level",), ("user.id",), ("time", "size"), ("tags", "ms")]
    width = 86_400
    asked = [
        Aggregation(by, width if "time" in by else None, 2, metric, path, with_other=with_other)
        for by in groups
        for with_other in (False, True)
    ]
    together = store.aggregate_all("acme", MatchAll(), asked)
    for each, result in zip(asked, together, strict=True):
        assert same(result.table.to_pylist(), aggregated(rows, each)), each
        assert same(store.aggregate("acme", MatchAll(), each).table.to_pylist(), result.table.to_pylist())


def test_fields_say_which_attributes_have_columns(filled: Any) -> None:
    store, _ = filled
    promoted = {info.name for info in store.fields("acme", MatchAll()).fields if info.is_promoted}
    assert promoted == {"ms", "user.id", "size"}


@pytest.mark.parametrize("others", [["x"], ["x", ["x", "y"], {"k": 1}]])
def test_values_that_begin_with_the_sign_for_complex_ones_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: list[Any]
) -> None:
    monkeypatch.setattr(maintenance, "WORTH_RECORDS", 0)
    store = DuckDBLogStore(tmp_path, HandClock(), maintain=False)
    rows = [record(attributes=json.dumps({"v": value})) for value in ["\x1a", "\x1ax", "\x1a[1]", *others, None]]
    store.append("acme", batch(*rows))
    asked = [
        Aggregation(("v",)),
        Aggregation(("v",), limit=2, with_other=True),
        Aggregation(metric="distinct", field="v"),
    ]
    before = [each.table.to_pylist() for each in store.aggregate_all("acme", MatchAll(), asked)]
    for _ in range(ENOUGH_USES):
        store.aggregate("acme", MatchAll(), asked[0])
    assert store.maintain("acme").promoted_paths == 1
    assert [each.table.to_pylist() for each in store.aggregate_all("acme", MatchAll(), asked)] == before
    store.close()
