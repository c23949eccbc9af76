"""Batches whose columns of few texts are dictionaries."""

from pathlib import Path

import pyarrow as pa
import pytest

from services.log_store.coded import encoded
from services.log_store.duckdb.store import DuckDBLogStore
from services.log_store.interface import LogQuery
from services.model import CODED_SCHEMA, LOG_SCHEMA
from tests.clocks import HandClock
from tests.records import batch, record

TEXTS = ["a", None, "b", "a", "c", None]


def doubled() -> pa.DictionaryArray:
    """TEXTS as a dictionary with a text twice, one that does not occur, and none for the empty rows."""
    numbers = pa.array([0, None, 2, 3, 4, None], pa.int32())
    return pa.DictionaryArray.from_arrays(numbers, pa.array(["a", "unused", "b", "a", "c"]))


@pytest.mark.parametrize(
    "column",
    [
        pa.array(TEXTS),
        pa.chunked_array([TEXTS[:2], TEXTS[2:]]),
        pa.array(TEXTS).dictionary_encode(),
        doubled(),
        pa.chunked_array([doubled().slice(0, 3), doubled().slice(3)]),
        pa.chunked_array([pa.array(TEXTS[:4]).dictionary_encode(), pa.array(TEXTS[4:]).dictionary_encode()]),
        pa.DictionaryArray.from_arrays(
            pa.array([0, 1, 2, 0, 3, None], pa.int32()), pa.array(["a", None, "b", "c"], pa.string())
        ),
    ],
)
def test_a_dictionary_holds_each_text_that_occurs_once(column: pa.Array | pa.ChunkedArray) -> None:
    found = encoded(column)
    assert found.to_pylist() == TEXTS
    assert sorted(found.dictionary.to_pylist()) == ["a", "b", "c"]


@pytest.mark.parametrize("texts", [[], [None, None]])
def test_a_dictionary_without_texts_is_empty(texts: list[None]) -> None:
    found = encoded(pa.chunked_array([pa.array(texts, pa.string()).dictionary_encode()]))
    assert (found.to_pylist(), found.dictionary.to_pylist()) == (texts, [])


def test_coded_batches_are_stored_as_plain_ones(tmp_path: Path) -> None:
    rows = [
        record(f"m {number}", at=number, shape=None if number == 3 else "m \x1a", level=level, source=source)
        for number, (level, source) in enumerate([("info", "a"), ("error", None), ("critical", "b"), ("unknown", "a")])
    ]
    plain = batch(*rows)
    store = DuckDBLogStore(tmp_path, HandClock())
    for organisation_id, table in (("plain", plain), ("coded", plain.cast(CODED_SCHEMA))):
        assert store.append(organisation_id, table).count == 4
    found = {name: store.search(name, LogQuery()).records for name in ("plain", "coded")}
    without_ids = {name: [row | {"id": ""} for row in rows] for name, rows in found.items()}
    assert without_ids["plain"] == without_ids["coded"]
    assert len(found["coded"]) == 4
    assert plain.cast(CODED_SCHEMA).cast(LOG_SCHEMA).equals(plain)
    store.close()
