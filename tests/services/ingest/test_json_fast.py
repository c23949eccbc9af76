"""The columnar way gives the very records of the exact one."""

import json
import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.formats import json_exact, json_fast
from services.ingest.options import ParseOptions
from tests.services.ingest.reading import CON, NOW, lines
from tests.services.ingest.test_json_exact import json_values


def both(*texts: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """(records of the columnar way, of the exact way, how many lines the columnar way left over)."""
    left = 0
    exact = json_exact.parse

    def counted(con, rest, options, now):
        nonlocal left
        left += len(rest)
        return exact(con, rest, options, now)

    json_exact.parse = counted
    try:
        fast = json_fast.parse(CON, lines(*texts), ParseOptions(), NOW).to_pylist()
    finally:
        json_exact.parse = exact
    return fast, exact(CON, lines(*texts), ParseOptions(), NOW).to_pylist(), left


def record(number: int, **more: Any) -> dict[str, Any]:
    return {
        "@timestamp": f"2026-01-02T03:04:{number % 60:02}.{number % 1000:03}Z",
        "log": {"level": ("info", "warn", "error")[number % 3], "file": {"line": number}},
        "service": {"name": "shop"},
        "message": f"request {number} took {number * 7} ms",
        "tags": ["a", "b"],
        "http": {"status_code": 200 + number % 3, "ok": None},
        "ratio": number / 8,
    } | more


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("message", ["plain", 'a "quoted" \\ line\nbreak\tand\u0001', "ünïcödé 😀"])
def test_records_that_are_alike_are_read_as_columns(separators: tuple[str, str], message: str) -> None:
    texts = [json.dumps(record(n, msg=f"{message} {n}"), separators=separators, ensure_ascii=False) for n in range(200)]
    fast, exact, left = both(*texts)
    assert fast == exact
    assert left == 0


@pytest.mark.parametrize("message", ["ünïcödé 😀", "a <b> & c \u2028", "\\u00e9 stays", "\\\\u003c"])
def test_escaped_messages_are_read_as_columns(message: str) -> None:
    texts = [
        json.dumps(record(n, msg=1), separators=(",", ":")).replace("request", json.dumps(message)[1:-1])
        for n in range(200)
    ]
    texts = [text.replace("<", "\\u003c").replace("&", "\\u0026") for text in texts]
    fast, exact, left = both(*texts)
    assert fast == exact
    assert left == 0


@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_python_writes_is_read_as_columns(ascii_only: bool) -> None:
    more = {
        "path": "C:\\x\\u00e9",
        "note": 'say "é", 1\n',
        "ids": [1, {"a": "v, w"}, []],
        "by": {"name": "ü\t", "at": [1.5]},
    }
    texts = [json.dumps(record(n, **more, user=f"ö{n}"), ensure_ascii=ascii_only) for n in range(200)]
    fast, exact, left = both(*texts)
    assert fast == exact
    assert left == 0


@pytest.mark.parametrize(
    "odd",
    ["\\q", "\\ud800", "\\u00zz", "\ue001", "\ue002", "\\\\u00e9", "\\u0000", "\\u001a", "\\ud83d\\ude00", '"', "\\"],
)
@pytest.mark.parametrize("place", ["message", "x", "level", "host", "tags"])
def test_an_odd_escape_among_many_is_read_exactly(odd: str, place: str) -> None:
    texts = [
        f'{{"message":"\\u00fc {n}","x":"\\/ö","level":"info","host":"h\\u00e9","tags":["a","b"],"n":{n}}}'
        for n in range(100)
    ]
    value = f'["{odd}"]' if place == "tags" else f'"{odd}"'
    texts[50] = re.sub(rf'"{place}":("[^"]*"|\[[^]]*\])', lambda _: f'"{place}":{value}', texts[50])
    fast, exact, left = both(*texts)
    assert fast == exact
    assert left <= 1


@pytest.mark.parametrize(
    ("usual", "odd"),
    [
        ({"log": {"foo": 1}}, {"log": {"level": "error"}}),
        ({"log": 5}, {"log": {"level": "error"}}),
        ({"log": {}}, {"log": {"level": "error"}}),
        ({"level": None}, {"level": "error"}),
        ({"level": {}}, {"level": "error"}),
        ({"host": [1]}, {"host": "h"}),
        ({"host": {"a": 1}}, {"host": {"name": "x"}}),
        ({"time": None}, {"time": "2026-01-02T03:04:05Z"}),
        ({"time": "2026-01-02T03:04:05Z"}, {"time": "2026-01-02T03:04:05Z", "@timestamp": "2025-01-02T03:04:05Z"}),
    ],
)
def test_a_value_that_fills_a_column_in_one_record_only_fills_it(usual: dict[str, Any], odd: dict[str, Any]) -> None:
    texts = [json.dumps({"message": f"m {n}"} | (odd if n == 50 else usual), separators=(",", ":")) for n in range(100)]
    fast, exact, _ = both(*texts)
    assert fast == exact


@pytest.mark.parametrize("value", ["é", "<", "\\u00e9", "\u0001"])
def test_escapes_in_attributes_stay_as_they_came(value: str) -> None:
    texts = [json.dumps({"message": f"ü {n}", "x": value}, separators=(",", ":")) for n in range(100)]
    fast, exact, _ = both(*[text.replace("<", "\\u003c") for text in texts])
    assert fast == exact


ODD = [
    '{"@timestamp":"2026-01-02T03:04:05Z","message":"x","level":"info","n":VALUE}'.replace("VALUE", value)
    for value in ("1.10", "1E5", "NaN", "Infinity", "-0", "12345678901234567890123", '"\\u00e9"', "[1,]", "null", '"\\ud800"')
] + [
    '{"@timestamp":"2026-01-02T03:04:05Z","message":"x","level":"info","n":1,"n":2}',
    '{"@timestamp":"2026-01-02T03:04:05Z","message":"x","level":"info","n":1,}',
    '{"@timestamp":"2026-01-02T03:04:05Z","message":"x","level":"nonsense","n":1}',
    '{"@timestamp":"never","message":"x","level":"info","n":1}',
    '{"@timestamp":"2026-01-02T03:04:05Z","message":null,"level":"info","n":1}',
    '{"@timestamp":"2026-01-02T03:04:05Z","message":"x","level":"","n":1}',
    '{"@timestamp":1767323045,"message":"x","level":30,"n":1}',
    '{"@timestamp":"2026-01-02T03:04:05Z","message":"x","level":"info","n":' + "[" * 25 + "]" * 25 + "}",
    '{"level":"info","@timestamp":"2026-01-02T03:04:05Z","message":"x","n":1}',
    " ", "", "[1,2]", "17", '"text"', "not json", "{", '{"a":"\x01"}', "{}",
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_line_among_many_costs_only_itself(odd: str) -> None:
    usual = [f'{{"@timestamp":"2026-01-02T03:04:05Z","message":"m {n}","level":"info","n":{n}}}' for n in range(100)]
    usual.insert(50, odd)
    fast, exact, left = both(*usual)
    if not odd.strip():
        exact = [row for row in exact if row["message"] != odd]
    assert fast == exact
    assert left <= 1


@pytest.mark.parametrize("shift", range(4))
def test_what_is_not_json_may_hold_any_character(shift: int) -> None:
    usual = [f'{{"message":"é {n}","level":"info"}}' for n in range(100)]
    usual[50] = '{"message":"' + "x" * shift + "😀" * 100 + '","level":"\\"}'
    fast, exact, left = both(*usual)
    assert fast == exact
    assert left == 1


def test_many_forms_in_one_content() -> None:
    dice = random.Random(3)
    texts = [
        json.dumps({"time": 1767323045 + n, f"field{n % 12}": dice.random(), "msg": f"a {n}"}, separators=(",", ":"))
        for n in range(6000)
    ]
    fast, exact, left = both(*texts)
    assert fast == exact
    assert left < len(texts) / 10


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"message": st.text(st.characters(blacklist_categories=["Cs"]), max_size=6), "x": json_values},
            optional={
                "level": st.sampled_from(["info", "WARN", 30, "", None, "odd"]),
                "log": st.sampled_from(
                    ["text", 5, None, {}, {"level": "error"}, {"level": None, "x": [1, {"a": "b,c"}]}]
                ),
                "host": json_values,
                "time": json_values,
            },
        ),
        min_size=3,
        max_size=5,
    ),
    st.booleans(),
    st.booleans(),
)
def test_both_ways_agree_on_anything(records: list[dict[str, Any]], compact: bool, ascii_only: bool) -> None:
    texts = [
        json.dumps(each, separators=(",", ":") if compact else None, ensure_ascii=ascii_only) for each in records
    ] * (json_fast.WORTH_ROWS // 3 + 1)
    fast, exact, _ = both(*texts)
    assert fast == exact


@pytest.mark.parametrize("depth", range(17, 23))
@pytest.mark.parametrize(("opening", "closing"), [('{"":', "}"), ("[", "]")])
def test_the_shortest_text_of_a_deep_value_is_seen(depth: int, opening: str, closing: str) -> None:
    usual = [f'{{"message":"m {number}","a":{number}}}' for number in range(100)]
    innermost = "{}" if closing == "}" else "[]"
    deep = opening * (depth - 1) + innermost + closing * (depth - 1)
    fast, exact, left = both(*usual, f'{{"message":"deep","a":{deep}}}')
    assert fast == exact
    assert left <= 1


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-Infinity", '"N"', '"I"', '"NaN of Infinity"'])
def test_words_that_are_no_json_values_are_seen(odd: str) -> None:
    usual = [f'{{"message":"m {number}","a":{number}}}' for number in range(100)]
    fast, exact, left = both(*usual, f'{{"message":"odd","a":{odd}}}')
    assert fast == exact
    assert left <= 1
