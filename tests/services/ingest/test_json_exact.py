"""JSON records: aliases, what is left over, what is no record."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.formats import json_exact
from services.ingest.formats.json_aliases import ALIASES
from services.ingest.formats.json_text import NotJson, depth, escape_lone, scan_value, skip_value
from services.ingest.options import ParseOptions
from tests.services.ingest.reading import CON, NOW, lines


def parsed(*texts: str) -> list[dict[str, Any]]:
    return json_exact.parse(CON, lines(*texts), ParseOptions(), NOW).to_pylist()


def one(text: str) -> dict[str, Any]:
    return {name: value for name, value in parsed(text)[0].items() if value is not None and name != "line_no"}


@pytest.mark.parametrize(("column", "alias"), [(column, alias) for column in ALIASES for alias in ALIASES[column]])
def test_every_alias_fills_its_column_dotted_and_nested(column: str, alias: str) -> None:
    value: Any = {"timestamp": "2026-01-02T03:04:05Z", "level": "WARN", "tags": ["a"]}.get(column, "some text")
    nested: Any = value
    for name in reversed(alias.split(".")):
        nested = {name: nested}
    for record in ({alias: value}, {alias.upper(): value}, nested):
        found = one(json.dumps(record))
        expected = {"timestamp": "2026-01-02 03:04:05", "level": "warning", "tags": "['a']"}.get(column, "some text")
        assert str(found[column]) == expected
        assert "attributes" not in found


def test_the_first_alias_is_used_and_only_that_one_leaves() -> None:
    found = one('{"msg":"second","message":"first","lvl":"debug","level":"error"}')
    assert (found["message"], found["level"]) == ("first", "error")
    assert found["attributes"] == '{"msg":"second","lvl":"debug"}'


def test_a_nested_alias_needs_an_object_and_leaves_its_neighbours() -> None:
    assert one('{"log":"the only text"}') == {"message": "the only text"}
    found = one('{"log": {"level": "info", "file": {"line": 1.0}}, "msg": "x"}')
    assert (found["level"], found["attributes"]) == ("info", '{"log": {"file": {"line": 1.0}}}')
    assert "attributes" not in one('{"log":{"level":"info"},"msg":"x"}')


def test_what_is_left_keeps_its_bytes() -> None:
    rest = '{"n":1.10,"big":123456789012345678901234567890,"e":1E+2,"s":"\\u00e9\\/","z":{"b":[1, 2],"a":-0}}'
    assert one(rest[:-1] + ',"msg":"x"}')["attributes"] == rest


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ('"ts":1767323045', "2026-01-02 03:04:05"),
        ('"ts":1767323045.25', "2026-01-02 03:04:05.250000"),
        ('"ts":1767323045250', "2026-01-02 03:04:05.250000"),
        ('"ts":1767323045250001', "2026-01-02 03:04:05.250001"),
        ('"ts":1767323045250001999', "2026-01-02 03:04:05.250001"),
        ('"ts":1.767323045e9', "2026-01-02 03:04:05"),
        ('"timeUnixNano":"1767323045250001999"', "2026-01-02 03:04:05.250001"),
        ('"__REALTIME_TIMESTAMP":"1767323045250001"', "2026-01-02 03:04:05.250001"),
        ('"time":"2026-01-02T03:04:05.123456789Z"', "2026-01-02 03:04:05.123456"),
        ('"time":"2026-01-02 04:04:05+01:00"', "2026-01-02 03:04:05"),
        ('"time":"02/Jan/2026:03:04:05 +0000"', "2026-01-02 03:04:05"),
    ],
)
def test_times_in_all_units(member: str, expected: str) -> None:
    assert str(one("{" + member + "}")["timestamp"]) == expected


@pytest.mark.parametrize(
    ("record", "level"),
    [
        ('{"level":30}', "info"),
        ('{"level":60}', "critical"),
        ('{"level":3}', "error"),
        ('{"level":"4"}', "warning"),
        ('{"PRIORITY":"2"}', "critical"),
        ('{"levelno":40}', "error"),
        ('{"severity_number":17}', "error"),
        ('{"SeverityText":"Warning"}', "warning"),
        ('{"Level":"4","EventID":7}', "info"),
        ('{"level":"nonsense"}', None),
    ],
)
def test_levels_of_all_scales(record: str, level: str | None) -> None:
    found = one(record)
    assert found.get("level") == level
    assert ("attributes" in found) is (level is None or "EventID" in record)


def test_a_time_that_is_none_stays_in_the_attributes_with_a_problem() -> None:
    found = one('{"time":"soon","msg":"x"}')
    assert found["attributes"] == '{"time":"soon"}'
    assert found["problem"] == json_exact.NO_TIME


def test_journald_docker_and_windows_records() -> None:
    found = one('{"MESSAGE":[72,105,32,255],"_HOSTNAME":"box","SYSLOG_IDENTIFIER":"sshd","PRIORITY":"6","_PID":"1"}')
    assert (found["message"], found["host"], found["service"], found["level"]) == ("Hi ÿ", "box", "sshd", "info")
    found = one('{"log":"text\\n","stream":"stderr","time":"2026-01-02T03:04:05.1Z"}')
    assert (found["message"], found["attributes"]) == ("text", '{"stream":"stderr"}')
    found = one('{"EventID":1,"Hostname":"own","host":"collector","Message":"m"}')
    assert (found["host"], found["attributes"]) == ("own", '{"EventID":1,"host":"collector"}')


@pytest.mark.parametrize("text", ["1", "-0.10", "null", "true", "[1, 2]", "[]"])
def test_values_that_are_no_objects_are_message_text(text: str) -> None:
    assert one(text) == {"message": text}


def test_a_string_is_its_own_message_and_its_text_is_kept() -> None:
    assert one('"a\\tb"') == {"message": "a\tb", "raw": '"a\\tb"'}


@pytest.mark.parametrize(
    "text", ["nul", "{", '{"a":1,}', '{"a":NaN}', "{'a':1}", '{"a":1} x', '{"a":01}', '{"a":"\x01"}', '["\\x"]']
)
def test_what_is_not_json_is_kept_whole_with_a_reason(text: str) -> None:
    found = one(text)
    assert found["message"] == text
    assert found["problem"].startswith("not JSON: ")


def test_lone_surrogates_are_written_as_their_escapes() -> None:
    text = '{"message":"a\\ud800","x":"\\uDC00","y":"\\ud83d\\ude00"}'
    found = one(text)
    assert found["message"] == "a\\ud800"
    assert found["attributes"] == '{"x":"\\\\uDC00","y":"\\ud83d\\ude00"}'
    assert (found["raw"], found["problem"]) == (text, json_exact.SURROGATES)


def test_deep_nesting_becomes_text() -> None:
    deep = "[" * 1000 + "]" * 1000
    found = one('{"a":' + deep + ',"b":[[1]]}')
    assert json.loads(found["attributes"]) == {"a": deep, "b": [[1]]}
    assert found["problem"] == json_exact.DEEP
    assert one("[" * 100_000)["problem"].startswith("not JSON")


def test_an_object_of_a_hundred_thousand_keys_keeps_them_all() -> None:
    text = "{" + ",".join(f'"k{number}":{number}' for number in range(100_000)) + "}"
    assert one(text)["attributes"] == text


def test_doubled_names_lose_nothing() -> None:
    found = one('{"message":"a","message":"b","x":1,"x":2}')
    assert (found["message"], found["attributes"]) == ("a", '{"message":"b","x":1,"x":2}')


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(blacklist_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["message", "msg", "level", "log", "service", "trace.id", "tags", "host", "time", "x", "name"]
) | st.text(max_size=3)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(names, json_values, max_size=6), st.booleans())
def test_input_is_columns_and_attributes(record: dict[str, Any], compact: bool) -> None:
    text = json.dumps(record, separators=(",", ":") if compact else None)
    found = one(text)
    left = json.loads(found.get("attributes", "{}"))
    used = {
        name
        for name in ("timestamp", "level", "service", "host", "trace_id", "source", "environment", "tags")
        if name in found
    }
    used |= {"message"} if found.get("message") != text else set()
    missing = _missing(record, left)
    assert len(missing) == len(used), (missing, used)
    for column in used - {"timestamp", "level", "message", "tags"}:
        assert found[column] in [str(value) for value in missing]


def _missing(record: dict[str, Any], left: dict[str, Any]) -> list[Any]:
    """Leaves of `record` that are not in `left`."""
    gone: list[Any] = []
    for name, value in record.items():
        if name not in left:
            gone.append(value if not isinstance(value, dict) or not value else next(iter(value.values())))
        elif left[name] != value:
            gone.extend(_missing(value, left[name]))
    return gone


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_the_two_scanners_agree(value: Any) -> None:
    text = json.dumps(value)
    assert skip_value(text, 0) == scan_value(text, 0)[1] == len(text)


@settings(max_examples=200, deadline=None)
@given(st.text('{}[]",:\\u0d8 1e-.tn', max_size=12))
def test_the_two_scanners_refuse_the_same(text: str) -> None:
    def outcome(scan: Any) -> Any:
        try:
            found = scan(text.lstrip(), 0)
        except NotJson:
            return None
        return found[1] if isinstance(found, tuple) else found

    assert outcome(scan_value) == outcome(skip_value)


def test_depth_does_not_count_brackets_in_strings() -> None:
    assert depth('{"a":"[[[","b":[{}]}') == 3


def test_only_lone_surrogates_are_escaped() -> None:
    assert (
        escape_lone(r'"\ud83d\ude00 \ud800 \\ud800 \ude00\ud83d"') == r'"\ud83d\ude00 \\ud800 \\ud800 \\ude00\\ud83d"'
    )
