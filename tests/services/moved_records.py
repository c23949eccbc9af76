"""Records that are hard to move: everything a record can hold at its limits."""

import json
from datetime import UTC, datetime
from typing import Any

from services.log_store.elasticsearch.mapping import MAX_KEYWORD, MAX_TOKEN
from services.model import LogBatch
from services.query.sql_texts import TEXT_LIMIT
from tests.records import batch, record

LONG = TEXT_LIMIT


def hostile_rows() -> list[dict[str, Any]]:
    """One record for each thing that was seen to go wrong somewhere, and some that might."""
    texts = [
        "",
        " ",
        "\n\r\t",
        "\\",
        '"',
        "\x01\x1f\x7f",
        "\u2028\u0085",
        "\ufeff",
        "é e\u0301",
        "\U0001f468‍\U0001f469",
        "İıΣσς",
    ]
    rows = [record(text, at=at, raw=text, problem=text, source=text, tags=[text]) for at, text in enumerate(texts)]
    rows += [
        record("long message " + "äö " * LONG, raw="r" * (2 * LONG + 1), problem="p" * (LONG + 1), shape=None),
        record("x" * LONG, shape=None),
        record("y" * (LONG + 1), shape=None),
        record("\U0001f600" * (LONG + 1), shape=None),
        record("one word", raw="w" * (MAX_TOKEN + 1)),
        record("keyword", source="s" * (MAX_KEYWORD + 1), host="h" * 40_000, tags=["t" * (MAX_KEYWORD + 1), "t", "t"]),
        record("noted before", problem="seen; twice", host="h" * 40_000),
        record("first", timestamp=datetime(1970, 1, 1, tzinfo=UTC)),
        record("last", timestamp=datetime(2261, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        record("between", timestamp=datetime(2026, 2, 3, 4, 5, 6, 789_012, tzinfo=UTC)),
        record("no tags at all", tags=None, trace_id="", span_id="", environment="", service="", upload_id=""),
    ]
    return rows + [record("attributes", at=at, attributes=text) for at, text in enumerate(_attributes())]


def _attributes() -> list[str]:
    deep: Any = 1
    for _ in range(40):
        deep = {"deep": deep}
    return [
        "{}",
        '{"a": 1.0, "a": 2, "b":   1e400, "c": -0.0, "d": 12345678901234567890123, "e": 0.1000}',
        '{"": {"": 1}, "a..b": 2, ".": 3, "a": {"b": 4}, "a.b": 5, "*": 6, "_id": "x", "numbers": {"x": 1}}',
        json.dumps({"list": [1, "1", None, [2, {"x": 3}], {}, []], "null": None, "true": True, "ip": "10.0.0.1"}),
        json.dumps({"unicode": "\x00\ud83d\ude00\u2028", "key\u0000": "nul", "nul": "a\u0000b"}),
        json.dumps(deep),
        json.dumps({"wide": {f"key{number}": number for number in range(600)}}),
        json.dumps({"long": "v" * 40_000}),
        json.dumps({"longer": "v " * (LONG + 100)}),
        json.dumps({"v6": "::ffff:10.0.0.1", "v6b": "2001:db8::1", "net": "10.0.0.0/8", "date": "2026-01-01"}),
    ]


def hostile() -> LogBatch:
    """The records as a batch."""
    return batch(*hostile_rows())
