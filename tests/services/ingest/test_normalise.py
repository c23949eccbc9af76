"""Limits, clamps, defaults and shapes."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from services.ingest import normalise as subject
from services.ingest.formats.parsed import PARSED
from services.ingest.normalise import normalise
from services.ingest.options import Defaults
from services.model import LOG_SCHEMA

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def stored(defaults: Defaults | None = None, **values: Any) -> dict[str, Any]:
    row = dict.fromkeys(PARSED.names) | {"line_no": 1, "message": "hello"} | values
    batch = normalise(pa.Table.from_pylist([row], schema=PARSED), defaults or Defaults(), NOW)
    assert batch.schema == LOG_SCHEMA
    return batch.to_pylist()[0]


@pytest.mark.parametrize(
    ("message", "shape"),
    [
        ("user 17 from 10.0.0.1", "user \x1a from \x1a.\x1a.\x1a.\x1a"),
        ("a1_b2-c d", "\x1a-c d"),
        ("ünï7 ٣ Ⅷ", "\x1a \x1a \x1a"),
        ("no digits, here", "no digits, here"),
        ("", ""),
    ],
)
def test_the_shape_masks_every_token_with_a_digit(message: str, shape: str) -> None:
    assert stored(message=message)["shape"] == shape


def test_a_record_without_time_and_level_gets_arrival_and_unknown() -> None:
    row = stored()
    assert (row["timestamp"], row["level"], row["problem"]) == (NOW, "unknown", None)


@pytest.mark.parametrize("year", [1969, 2262, 9999, 1])
def test_times_outside_the_range_become_arrival_with_a_problem(year: int) -> None:
    row = stored(timestamp=datetime(year, 6, 1), problem="first")
    assert (row["timestamp"], row["problem"]) == (NOW, f"first; {subject.OUT_OF_RANGE}")


def test_each_record_of_a_batch_has_its_own_problems_and_clean_ones_none() -> None:
    old = datetime(1890, 1, 1)
    given = [(NOW, None), (old, None), (NOW, "first"), (old, "first"), (NOW, None)]
    rows = [
        dict.fromkeys(PARSED.names)
        | {"line_no": 1, "message": "x", "timestamp": time.replace(tzinfo=None), "problem": problem}
        for time, problem in given
    ]
    batch = normalise(pa.Table.from_pylist(rows, schema=PARSED), Defaults(), NOW)
    out = subject.OUT_OF_RANGE
    assert batch["problem"].to_pylist() == [None, out, "first", f"first; {out}", None]


def test_controls_become_spaces_everywhere() -> None:
    row = stored(message="a\0b\x1ac", host="h\0", attributes='{"a":"\0"}', raw="\x1a")
    assert (row["message"], row["host"], row["attributes"], row["raw"]) == ("a b c", "h ", '{"a":" "}', " ")


def test_a_long_message_is_cut_and_kept_in_raw() -> None:
    message = "é" * subject.MAX_MESSAGE_BYTES
    row = stored(message=message)
    assert len(row["message"].encode()) == subject.MAX_MESSAGE_BYTES
    assert (row["raw"], row["problem"], row["shape"]) == (message, subject.LONG_MESSAGE, None)
    assert stored(message=message, raw="whole line")["raw"] == "whole line"


def test_huge_attributes_and_long_fields_go_to_raw() -> None:
    attributes = '{"a":"' + "x" * subject.MAX_ATTRIBUTES_BYTES + '"}'
    row = stored(attributes=attributes, host="h" * 5000)
    assert row["attributes"] is None
    assert row["raw"] == attributes
    assert row["problem"] == f"{subject.LARGE_ATTRIBUTES}; {subject.LONG_FIELD}"
    assert len(row["host"]) == subject.MAX_KEYWORD_BYTES


def test_defaults_fill_what_is_missing_and_never_replace() -> None:
    defaults = Defaults(
        source="s", service="v", environment="e", host="h", tags=("t", "u"), metadata={"run": 7, "a": 2}, upload_id="up"
    )
    row = stored(defaults, service="own", tags=["u", "own"], attributes='{"a":1}')
    assert (row["source"], row["service"], row["environment"], row["host"]) == ("s", "own", "e", "h")
    assert (row["tags"], row["upload_id"]) == (["u", "own", "t"], "up")
    assert row["attributes"] == '{"a":1,"run":7,"a":2}'
    row = stored(defaults)
    assert (row["tags"], row["attributes"]) == (["t", "u"], '{"run":7,"a":2}')


def test_an_empty_table_gives_an_empty_batch() -> None:
    assert len(normalise(PARSED.empty_table(), Defaults(source="x", tags=("a",), metadata={"b": 1}), NOW)) == 0
