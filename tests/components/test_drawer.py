"""One record as fields and as JSON."""

import json
import time
from datetime import UTC, datetime
from typing import Any

from components.drawer import MOST_FIELDS, as_json, attributes_of, drawer, flat


def record(**more: Any) -> dict[str, Any]:
    moment = datetime(2026, 11, 23, 14, 32, 7, 418000, tzinfo=UTC)
    return {"id": "0" * 16 + "-" + "0" * 16, "timestamp": moment, "level": "error", "message": "failed", **more}


def test_numbers_keep_every_digit() -> None:
    attributes = '{"price":1.10,"big":12345678901234567890,"list":[1.50,2],"e":1e400}'
    text = as_json(record(attributes=attributes))
    for digits in ("1.10", "12345678901234567890", "1.50", "1e400"):
        assert digits in text
    assert json.loads(text)["attributes"]["list"] == [1.5, 2]
    fields = list(flat(attributes_of(record(attributes=attributes))))
    assert ("price", "1.10", "n") in fields
    assert ("list", "[1.50, 2]", "j") in fields


def test_json_in_texts_is_left_alone() -> None:
    inner = '{"a": [1, 2], "b": "}"}'
    text = as_json(record(attributes=json.dumps({"body": inner})))
    assert json.loads(text)["attributes"]["body"] == inner


def test_leaves_stand_under_dotted_paths() -> None:
    tree = {"http": {"request": {"method": "GET"}, "empty": {}}, "ok": True, "none": None, "many": [1]}
    assert list(flat(tree)) == [
        ("http.request.method", "GET", "s"),
        ("http.empty", "{}", "j"),
        ("ok", "true", "b"),
        ("none", "null", "b"),
        ("many", "[1]", "j"),
    ]


def test_a_thousand_levels_and_a_hundred_thousand_keys_are_shown_soon_and_small() -> None:
    deep = '{"a":' * 900 + "1" + "}" * 900
    wide = json.dumps({f"key{index}": index for index in range(100_000)})
    began = time.monotonic()
    for attributes in (deep, wide):
        made = json.dumps(
            [part.to_plotly_json() for part in drawer(record(attributes=attributes), zone="UTC", matches=None)],
            default=lambda each: each.to_plotly_json(),
        )
        assert len(made) < 2_000_000
        assert made.count('"ev-tr"') <= MOST_FIELDS + 1
    assert time.monotonic() - began < 5


def test_a_line_of_a_megabyte_is_cut_and_says_how_long_it_is() -> None:
    made = str(drawer(record(message="x" * 1_000_000, raw="y" * 1_000_000), zone="UTC", matches=None))
    assert "1,000,000 characters" in made
    assert len(made) < 400_000
