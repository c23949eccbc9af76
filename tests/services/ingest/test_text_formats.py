"""Text is read without being told how: which records its lines are, when, how severe, and what they say."""

import json
from datetime import UTC, datetime
from itertools import pairwise

import duckdb
import pyarrow as pa
import pytest

from services.errors import InvalidInput
from services.ingest.detect_text import detect_text
from services.ingest.formats.continuations import MOST_LINES
from services.ingest.formats.json_exact import NO_TIME
from services.ingest.formats.parsed import PARSED
from services.ingest.options import ParseOptions
from tests.services.ingest.text_lines import SYSTEMS

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
LOG4J = "2015-05-17 10:05:03,123 INFO [main] a.b.C: "
ACCESS = '1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a?b=c HTTP/1.1" 500 5 "http://r/" "agent \\"x\\""'
SYSLOG = "May 17 10:05:03 host sshd[71]: "


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as connection:
        yield connection


def table_of(lines):
    return pa.table({"line_no": pa.array(range(1, len(lines) + 1), pa.int64()), "line": pa.array(lines, pa.string())})


def parse(con, lines, options=None):
    options = options or ParseOptions()
    table = table_of(lines)
    found = detect_text(con, table, options).parse(con, table, options, NOW)
    assert found.schema == PARSED
    return found.to_pylist()


def starts(con, lines, options=None):
    table = table_of(lines)
    return detect_text(con, table, options or ParseOptions()).starts_record(con, table).to_pylist()


def messages(con, lines, options=None):
    return [each["message"] for each in parse(con, lines, options)]


def attributes(con, lines):
    return [json.loads(each["attributes"] or "{}") for each in parse(con, lines)]


@pytest.mark.parametrize("system", SYSTEMS)
def test_lines_become_the_records_that_they_are(con, system):
    lines, expected = SYSTEMS[system]
    found = [
        (str(each["timestamp"]) if each["timestamp"] else None, each["level"], each["message"])
        + ((each["service"],) if each["service"] else ())
        for each in parse(con, lines)
    ]
    assert found == expected


def test_access_lines_become_nested_fields(con):
    (found,) = attributes(con, [ACCESS])
    assert found == {
        "client": {"ip": "1.2.3.4"},
        "http": {
            "version": "1.1",
            "request": {"method": "GET", "referrer": "http://r/"},
            "response": {"status_code": 500, "body": {"bytes": 5}},
        },
        "url": {"path": "/a", "query": "b=c"},
        "user_agent": {"original": 'agent \\"x\\"'},
    }


def test_structured_data_of_syslog_becomes_an_object(con):
    line = '<165>1 2003-10-11T22:14:15.003Z host app 12 ID47 [a@1 k="v" q="x\\"y"][b@1 c="d"] text'
    (found,) = attributes(con, [line])
    assert found["log"]["syslog"] == {
        "priority": 165,
        "msgid": "ID47",
        "structured_data": {"a@1": {"k": "v", "q": 'x"y'}, "b@1": {"c": "d"}},
    }


def test_logfmt_keeps_what_is_no_column(con):
    (found,) = attributes(con, ['time=2015-05-17T10:05:03Z level=info msg="a b" status=200 ok=true who="x y" id=007'])
    assert found == {"status": 200, "ok": True, "who": "x y", "id": "007"}


def test_daemons_that_let_people_in_tell_who_and_from_where(con):
    found = attributes(
        con,
        [
            SYSLOG + "Failed password for invalid user bob from 10.1.2.3 port 4711 ssh2",
            SYSLOG + "Accepted publickey for ann from ::1 port 22 ssh2",
        ],
    )
    assert [(each["user"]["name"], each["source"]) for each in found] == [
        ("bob", {"ip": "10.1.2.3", "port": 4711}),
        ("ann", {"ip": "::1", "port": 22}),
    ]


def test_words_in_messages_are_no_levels(con):
    assert [each["level"] for each in parse(con, [SYSLOG + "error: failed", SYSLOG + "fatal: no"])] == [None, None]


def test_lines_of_several_formats_are_read_each_in_its_own(con):
    lines = [LOG4J + "one", ACCESS, SYSLOG + "two", "\tmore", LOG4J + "three"] * 5
    found = parse(con, lines)[:4]
    assert [each["message"] for each in found] == ["one", "GET /a?b=c HTTP/1.1 500", "two\n\tmore", "three"]
    assert [each["line_no"] for each in found] == [1, 2, 3, 5]


def test_free_text_joins_the_record_before_where_nearly_all_lines_have_headers(con):
    lines = [LOG4J + "dump:", "key = value", "", "other = 1", *[LOG4J + "x"] * 9]
    assert messages(con, lines)[0] == "dump:\nkey = value\nother = 1"
    assert starts(con, lines) == [True, False, False, False, *[True] * 9]


def test_free_text_stands_alone_where_headers_are_rare(con):
    lines = [LOG4J + "x", *["free"] * 30, "\tat a.b(C.java)"]
    assert messages(con, lines) == ["x", *["free"] * 29, "free\n\tat a.b(C.java)"]
    assert starts(con, lines) == [*[True] * 31, False]


def test_lines_are_not_joined_when_the_user_says_so(con):
    lines = [LOG4J + "x", "\tat a.b(C.java)", LOG4J + "y"]
    assert messages(con, lines, ParseOptions(multiline=False)) == ["x", "\tat a.b(C.java)", "y"]


def test_a_trace_without_end_is_cut_with_a_problem(con):
    found = parse(con, [LOG4J + "x", *["\tat a.b(C.java:1)"] * (2 * MOST_LINES), LOG4J + "y"])
    assert [each["message"].count("\n") for each in found] == [MOST_LINES, MOST_LINES - 1, 0]
    assert [bool(each["problem"]) for each in found] == [False, True, False]


def test_a_chunk_may_end_inside_a_record_without_end(con):
    lines = [LOG4J + "x", *["\tat a.b(C.java:1)"] * (2 * MOST_LINES + 5)]
    assert [line for line, start in enumerate(starts(con, lines)) if start] == [0, MOST_LINES, 2 * MOST_LINES]


def test_chunks_cut_where_records_start_give_the_same_records(con):
    lines = [f"{LOG4J}{n}" if n % 3 else "\tat a.b(C.java:1)" for n in range(1, 200)]
    form = detect_text(con, table_of(lines), ParseOptions())
    table = table_of(lines)
    whole = form.parse(con, table, ParseOptions(), NOW).to_pylist()
    cuts = [
        0,
        *(n for n, start in enumerate(form.starts_record(con, table).to_pylist()) if start and n % 20 == 0),
        len(lines),
    ]
    parts = [
        row
        for begin, end in pairwise(cuts)
        for row in form.parse(con, table.slice(begin, end - begin), ParseOptions(), NOW).to_pylist()
    ]
    assert parts == whole


def test_partial_lines_of_a_container_are_not_torn_apart_at_chunks(con):
    lines = [
        "2016-10-06T00:17:09.1Z stdout P one ",
        "2016-10-06T00:17:09.2Z stderr F other",
        "2016-10-06T00:17:09.3Z stdout F two",
        "2016-10-06T00:17:09.4Z stdout F three",
    ]
    assert messages(con, lines) == ["one two", "other", "three"]
    assert starts(con, lines) == [True, False, False, True]


def test_levels_inside_the_lines_of_containers_are_found(con):
    prefix = "2016-10-06T00:17:09.1Z stdout F "
    lines = [
        '{"msg":"x","level":"warn"}',
        "E0314 12:34:56.789012       1 a.go:1] broken",
        "time=now level=info msg=x",
        "2016-10-06 00:17:09,123 ERROR [main] x",
        "an ERROR in the text",
    ]
    found = parse(con, [prefix + line for line in lines])
    assert [each["level"] for each in found] == ["warning", "error", "info", "error", None]
    assert [each["message"] for each in found] == lines


def test_a_time_that_is_none_is_a_problem(con):
    found = parse(con, [LOG4J + "x", *["2015-13-45 10:05:03,123 INFO [main] a.b.C: y"], *[LOG4J + "z"] * 9])
    assert found[1]["timestamp"] is None
    assert found[1]["problem"] == NO_TIME
    assert found[1]["message"] == "y"


def test_a_torn_access_line_is_a_problem(con):
    found = parse(con, [*[ACCESS] * 9, ACCESS[:60]])
    assert found[-1]["problem"]
    assert found[-1]["message"] == '"GET /a?b=c HTTP/1.'


def test_plain_text_is_a_record_per_line(con):
    assert messages(con, ["one", "  two", "", "\x00", "three"]) == ["one", "  two", "three"]


def test_nothing_gives_no_records(con):
    assert parse(con, []) == []
    assert parse(con, ["", "   "]) == []


def test_long_lines_and_odd_characters_are_kept(con):
    long = LOG4J + "x" * 2_000_000
    odd = LOG4J + "a\rb\x00c 日本 \U0001f600"
    assert messages(con, [long, odd]) == ["x" * 2_000_000, "a\rb\x00c 日本 \U0001f600"]


@pytest.mark.parametrize(
    "hostile", ["[" * 300_000, "2015-05-17 10:05:03 " * 20_000, "a=b " * 100_000, "(" * 300_000, '"' * 300_000]
)
def test_hostile_lines_take_no_longer_than_their_length(con, hostile):
    assert messages(con, [LOG4J + hostile, ACCESS, hostile])


def test_day_and_month_are_told_apart_by_the_sample(con):
    found = parse(con, [f"0{day}/06/2015 13:05:03 INFO a: x" for day in range(1, 8)])
    assert {each["timestamp"].month for each in found} == {6}


def test_a_given_notation_and_zone_are_used(con):
    options = ParseOptions(timestamp_format="%d|%m|%Y %H.%M", timezone="Europe/Berlin")
    (found,) = parse(con, ["03|06|2005 15.42 INFO hello"], options)
    assert (found["timestamp"], found["level"], found["message"]) == (datetime(2005, 6, 3, 13, 42), "info", "hello")


def test_a_given_pattern_names_columns_and_attributes(con):
    options = ParseOptions(pattern=r"^(?<code>\w+)\|(?P<timestamp>[^|]+)\|(?P<severity>\w+)\|(?P<message>.*)$")
    first, second = parse(con, ["A7|2015-05-17 10:05:03|warn|hello", "junk"], options)
    assert (first["timestamp"], first["level"], first["message"]) == (
        datetime(2015, 5, 17, 10, 5, 3),
        "warning",
        "hello",
    )
    assert json.loads(first["attributes"]) == {"code": "A7"}
    assert (second["message"], bool(second["problem"])) == ("junk", True)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (ParseOptions(timezone="Nowhere/Land"), "timezone"),
        (ParseOptions(timestamp_format="%Q"), "timestamp_format"),
        (ParseOptions(pattern="("), "pattern"),
        (ParseOptions(pattern="no groups"), "pattern"),
        (ParseOptions(pattern="(?P<a>x)(y)"), "pattern"),
        (ParseOptions(pattern="(?P<a>x)(?P<a>y)"), "pattern"),
        (ParseOptions(pattern=r"(?P<a>x)(?=y)"), "pattern"),
    ],
)
def test_options_that_cannot_be_used_are_named(con, options, field):
    with pytest.raises(InvalidInput) as caught:
        detect_text(con, table_of(["x"]), options)
    assert caught.value.field == field
