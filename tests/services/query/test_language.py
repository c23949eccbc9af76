"""What a query text means, and what a wrong one is answered with."""

import json
import re
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.errors import InvalidQuery
from services.query.fields import MAX_PATH_PARTS, canonical_name, near_miss
from services.query.highlights import leaves
from services.query.language import (
    And,
    Exists,
    Field,
    MatchAll,
    Network,
    Not,
    Or,
    Phrase,
    Query,
    Range,
    Regex,
    Wildcard,
    Word,
    parse,
)
from services.query.lucene import MAX_CLAUSES, MAX_DEPTH, MAX_LENGTH, MAX_PATTERNS, MAX_REGEX, MAX_WILDCARD
from services.query.printing import to_text

A, B, C = Word("a"), Word("b"), Word("c")

MEANINGS: dict[str, Query] = {
    "": MatchAll(),
    "  \n": MatchAll(),
    "*": MatchAll(),
    "*:*": MatchAll(),
    "a": A,
    "a b": And((A, B)),
    "a\tb  c": And((A, B, C)),
    "a AND b": And((A, B)),
    "a && b": And((A, B)),
    "a OR b": Or((A, B)),
    "a || b": Or((A, B)),
    "NOT a": Not(A),
    "!a": Not(A),
    "-a": Not(A),
    "+a": A,
    "a -b": And((A, Not(B))),
    "a !b": And((A, Not(B))),
    "a AND NOT b": And((A, Not(B))),
    "NOT NOT a": Not(Not(A)),
    "a AND b OR c": Or((And((A, B)), C)),
    "a OR b c": Or((A, And((B, C)))),
    "a b OR c": Or((And((A, B)), C)),
    "a OR b AND c": Or((A, And((B, C)))),
    "(a OR b) c": And((Or((A, B)), C)),
    "!(a b)": Not(And((A, B))),
    "((a))": A,
    '"a b"': Phrase("a b"),
    '"a \\"b\\" \\\\ (c) AND"': Phrase('a "b" \\ (c) AND'),
    '"a && !b"': Phrase("a && !b"),
    "and or not": And((Word("and"), Word("or"), Word("not"))),
    "a-b": Word("a-b"),
    "foo/bar": Word("foo/bar"),
    "user@example.com": Word("user@example.com"),
    "a=b,c": Word("a=b,c"),
    "hello!": Word("hello!"),
    "a&&b": Word("a&&b"),
    "a\\:b": Word("a:b"),
    "a\\*b": Word("a*b"),
    "\\-a": Word("-a"),
    "\\AND": Word("AND"),
    "2026-01-01T12:30:00Z": Word("2026-01-01T12:30:00Z"),
    "f:a": Field("f", "a"),
    "f : a": Field("f", "a"),
    'f:"a b"': Field("f", "a b", True),
    "f:-5": Field("f", "-5"),
    "f:-4.5": Field("f", "-4.5"),
    "-f:a": Not(Field("f", "a")),
    "f:(a OR b)": Or((Field("f", "a"), Field("f", "b"))),
    'f:(a "b c" -d)': And((Field("f", "a"), Field("f", "b c", True), Not(Field("f", "d")))),
    "a.b.c:d": Field("a.b.c", "d"),
    "a b AND c": And((A, B, C)),
    "(a b) c": And((A, B, C)),
    "a OR (b || c)": Or((A, B, C)),
    "log.level:WARN": Field("level", "WARN"),
    "attributes.user.id:7": Field("user.id", "7"),
    "attributes.level:x": Field("attributes.level", "x"),
    "attributes.log.level:x": Field("attributes.log.level", "x"),
    "f\\ g:a": Field("f g", "a"),
    "@timestamp:2026-01-31": Field("timestamp", "2026-01-31"),
    "timestamp:2026-01-31T12:00": Field("timestamp", "2026-01-31T12:00"),
    "timestamp:2026-01-31T12:00:00.5+02:00": Field("timestamp", "2026-01-31T12:00:00.5+02:00"),
    "timestamp:now-2h/d": Field("timestamp", "now-2h/d"),
    "timestamp:2026-01-31||-1M/d": Field("timestamp", "2026-01-31||-1M/d"),
    "sshd[1]": Word("sshd[1]"),
    "::1": Word("::1"),
    "List<String>": Word("List<String>"),
    "a->b": Word("a->b"),
    "foo>bar": Word("foo>bar"),
    "foo>5ms": Word("foo>5ms"),
    "ip:fe80::1": Field("ip", "fe80::1"),
    "f:a>=5": Field("f", "a>=5"),
    "f:a\\:b": Field("f", "a:b"),
    "\\_f_:a": Field("_f_", "a"),
    "\\404:a": Field("404", "a"),
    "\\.a:b": Field(".a", "b"),
    "app.io/name:web": Field("app.io/name", "web"),
    "pattern:17": Field("pattern", "17"),
    "id:a-b": Field("id", "a-b"),
    "_id:a": Field("id", "a"),
    # wildcards
    "time*": Wildcard("message", "time*"),
    "*out t?me": And((Wildcard("message", "*out"), Wildcard("message", "t?me"))),
    "?": Wildcard("message", "?"),
    "**": MatchAll(),
    "-time*": Not(Wildcard("message", "time*")),
    "x && y*": And((Word("x"), Wildcard("message", "y*"))),
    "日*": Wildcard("message", "日*"),
    "f:a*": Wildcard("f", "a*"),
    "f:web-*.x\\:8": Wildcard("f", "web-*.x:8"),
    "f:\\*a*\\?\\-\\\\": Wildcard("f", "\\*a*\\?-\\\\"),
    "f:a\\*": Field("f", "a*"),
    'f:"a*"': Field("f", "a*"),
    "level:ERR*": Wildcard("level", "err*"),
    "tag:pro?": Wildcard("tags", "pro?"),
    'host:(web-* OR "db 1")': Or((Wildcard("host", "web-*"), Field("host", "db 1"))),
    # existence
    "f:*": Exists("f"),
    "_exists_:f.g": Exists("f.g"),
    "_exists_:trace.id": Exists("trace_id"),
    '_exists_:"a b"': Exists("a b"),
    "_exists_:(a OR b)": Or((Exists("a"), Exists("b"))),
    "f:(* -a)": And((Exists("f"), Not(Field("f", "a")))),
    "f:[* TO *]": Exists("f"),
    # regexes
    "/a.*b/": Regex("message", "a.*b"),
    'x /a b:(")/ y': And((Word("x"), Regex("message", 'a b:(")'), Word("y"))),
    r"f:/a\/b\d/": Regex("f", r"a/b\d"),
    "f:(/a/ OR b)": Or((Regex("f", "a"), Field("f", "b"))),
    "/tmp/": Regex("message", "tmp"),
    "/var/log/syslog": Word("/var/log/syslog"),
    "path:/var/log/x": Field("path", "/var/log/x"),
    "a /x b": And((A, Word("/x"), B)),
    # ranges
    "f:[1 TO 2]": Range("f", "1", "2"),
    "f:[a TO b}": Range("f", "a", "b", True, False),
    'f:{"a b" TO b]': Range("f", "a b", "b", False, True),
    "f:{1 TO *}": Range("f", "1", None, False),
    "f:[* TO -1.5e3}": Range("f", None, "-1.5e3", True, False),
    'f:["*" TO b]': Range("f", "*", "b"),
    "f:>5": Range("f", "5", None, False),
    "f:>= -5": Range("f", "-5", None),
    "f:<=5": Range("f", None, "5"),
    'f:<"a b"': Range("f", None, "a b", True, False),
    "status:(>=500 OR 404)": Or((Range("status", "500", None), Field("status", "404"))),
    "f:(>=1 <2)": And((Range("f", "1", None), Range("f", None, "2", True, False))),
    "level>=warning": Range("level", "warning", None),
    "log.level<err": Range("level", None, "err", True, False),
    "status>=500": Range("status", "500", None),
    "a.b-c<-1e3": Range("a.b-c", None, "-1e3", True, False),
    'f>"b c"': Range("f", "b c", None, False),
    "host>web": Range("host", "web", None, False),
    "(timestamp>now-1h)": Range("timestamp", "now-1h", None, False),
    "timestamp>=2026-01-01T10:00:00Z x": And((Range("timestamp", "2026-01-01T10:00:00Z", None), Word("x"))),
    "f>2026-01-01": Range("f", "2026-01-01", None, False),
    "timestamp:[2026-01-01 TO now/d]": Range("timestamp", "2026-01-01", "now/d"),
    # networks
    "ip:10.0.0.0/8": Network("ip", "10.0.0.0/8"),
    'ip:"10.0.0.0/8"': Field("ip", "10.0.0.0/8"),
    "host:(10.0.0.0/8 OR 2001:DB8::/32)": Or((Network("host", "10.0.0.0/8"), Network("host", "2001:db8::/32"))),
    "ip:::ffff:10.0.0.0/104": Network("ip", "10.0.0.0/8"),
    "ip:::/0": Network("ip", "::/0"),
    "ip:10.0.0.1": Field("ip", "10.0.0.1"),
    "f:1/2": Field("f", "1/2"),
    "10.0.0.0/8": Word("10.0.0.0/8"),
    "日本 ü": And((Word("日本"), Word("ü"))),
}


@pytest.mark.parametrize("text", MEANINGS)
def test_a_text_means_its_tree(text: str) -> None:
    assert parse(text) == MEANINGS[text]


WRONG: dict[str, tuple[int, str | None]] = {
    # operators and parentheses
    "a AND": (2, "a"),
    "AND a": (0, "a"),
    "a AND OR b": (2, "a OR b"),
    "a OR (AND b)": (6, "a OR (b)"),
    "NOT": (0, '"NOT"'),
    "a -": (2, "a"),
    "AND OR": (0, '"OR"'),
    "a && b &&": (7, "a && b"),
    "(a": (2, "(a)"),
    "((a) b": (6, "((a) b)"),
    "(a AND": (3, "(a)"),
    "a)": (1, "a"),
    "()": (0, None),
    "main() x": (4, '"main()" x'),
    "a OR +b": (5, "a OR b"),
    "f:AND": (2, 'f:"AND"'),
    "f:NOT a": (2, "NOT f:a"),
    "f:-x": (2, "-f:x"),
    "f:+x": (2, 'f:"+x"'),
    # text that needs quotes
    '"a b': (0, '"a b"'),
    'x AND "a b': (6, 'x AND "a b"'),
    "'a b' c": (0, '"a b" c'),
    "http://x.y/z": (0, '"http://x.y/z"'),
    "12:30:45": (0, '"12:30:45"'),
    "x 10.0.0.1:8080": (2, 'x "10.0.0.1:8080"'),
    "x fe80::1": (2, 'x "fe80::1"'),
    "f:web:80": (2, 'f:"web:80"'),
    "f:(a:b c)": (3, 'f:("a:b" c)'),
    "[main] x": (0, '"[main]" x'),
    "[2026-01-01 10:00] x": (0, '"[2026-01-01 10:00]" x'),
    '{"a": 1}': (0, '"{\\"a\\": 1}"'),
    "-> b": (0, '"->" b'),
    "~/x": (0, '"~/x"'),
    "a\\": (1, "a\\\\"),
    "a\x00b": (1, None),
    "a\ud800b": (1, None),
    # names
    "f:": (2, "f:*"),
    "(f:)": (3, "(f:*)"),
    "f*:a": (0, None),
    "f : : a": (4, 'f : ":" a'),
    "a..b:c": (0, "a.b:c"),
    ".a:b": (0, "a:b"),
    "_seq_no_:1": (0, "\\_seq_no_:1"),
    "_exists_:f*": (9, None),
    '"a b":c': (0, "a\\ b:c"),
    # levels, times, patterns
    "level:loud": (6, None),
    "level:(info OR eror)": (15, "level:(info OR error)"),
    "level>=warnign": (5, "level>=warning"),
    "level!=error": (0, "NOT level:error"),
    "@timestamp:yesterday": (11, "@timestamp:now-1d/d"),
    "timestamp>15m": (9, "timestamp>now-15m"),
    "timestamp:2026-13-01": (10, None),
    "timestamp:2026-*": (10, None),
    "timestamp:/2026/": (10, None),
    "id:a*": (3, None),
    "pattern:x": (8, None),
    "pattern:99999999999999999999": (8, None),
    # wildcards and regexes
    "conn-* x": (0, "conn x"),
    "x 10.0.0.* y": (2, 'x "10.0.0" y'),
    "message:conn-*x": (8, "message:(conn AND *x)"),
    "message:\\*a*": (8, "message:a*"),
    "x /var/log/": (2, 'x "/var/log/"'),
    "/GET /api/": (0, '"/GET" /api/'),
    "// x": (0, '"//" x'),
    # ranges
    "f:[1 2]": (2, "f:[1 TO 2]"),
    "f:[1 TO]": (2, "f:[1 TO *]"),
    "f:[1, 2}": (2, "f:[1 TO 2}"),
    "f:[1 TO b]": (2, None),
    "f:[a* TO b]": (2, None),
    "level:[info TO loud]": (6, None),
    "message:>a": (8, None),
    "id:[a TO b]": (3, None),
    "f:>": (2, None),
    "f:>=*": (2, "f:*"),
    "level >= error": (6, "level:>=error"),
    # networks
    "ip:10.1.2.3/8": (3, "ip:10.0.0.0/8"),
    "ip:(::1/64)": (4, "ip:(::/64)"),
    "ip:10.0.0.0/33": (3, None),
    "ip:300.0.0.0/8": (3, None),
    "message:10.0.0.0/8": (8, 'message:"10.0.0.0/8"'),
    # what is not supported
    "a~": (0, "a"),
    "a~2 b": (0, "a b"),
    '"a b"~2': (0, '"a b"'),
    "a^2": (0, "a"),
    "(a b)^2 c": (5, "(a b) c"),
    "f:a~1": (2, "f:a"),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_text_is_refused_with_its_place_and_a_mend(text: str) -> None:
    position, suggestion = WRONG[text]
    with pytest.raises(InvalidQuery) as caught:
        parse(text)
    error = caught.value
    assert (error.position, error.suggestion) == (position, suggestion)
    assert error.position + error.length <= len(text)
    assert str(error)
    assert error.expected
    if suggestion is not None:
        parse(suggestion)


def test_a_level_that_there_is_not_is_answered_with_those_there_are() -> None:
    with pytest.raises(InvalidQuery) as caught:
        parse("level:loud")
    assert "warning" in caught.value.expected


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_001,
        "(" * 200 + "a" + ")" * 200,
        "-" * 300 + "a",
        " ".join("a" * 2 for _ in range(600)),
        ".".join("abcdefghi") + ":x",
        "f:/" + "a" * 1_001 + "/",
        "a" * 300 + "*",
        " ".join(["a*"] * 21),
        " ".join(["a*", "/b/"] * 11),
        "f:(" + " ".join(["a*"] * 21) + ")",
    ],
)
def test_a_query_without_measure_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery):
        parse(text)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=30), st.text(alphabet='ab:"()\\-+!&|*?/[]{}~^<> ', max_size=25)))
def test_any_text_is_a_tree_or_an_invalid_query_within_it(text: str) -> None:
    try:
        parse(text)
    except InvalidQuery as error:
        assert 0 <= error.position <= len(text)
        assert error.position + error.length <= len(text)
        if error.suggestion is not None:
            assert error.suggestion != text
            parse(error.suggestion)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20).filter(lambda text: "\x00" not in text))
def test_quoted_text_is_taken_as_it_stands(text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert parse(quoted) == Phrase(text)
    assert parse("f:" + quoted) == Field("f", text, True)


def test_every_leaf_knows_its_place() -> None:
    text = 'a  "b c" f:1 f>2 g : x* h:(d OR [1 TO 2]) -_exists_:i (timestamp:now AND /r/)'
    places = [text[at : at + length] for at, length in (leaf.at or (0, 0) for leaf in leaves(parse(text)))]
    assert places == ["a", '"b c"', "f:1", "f>2", "g : x*", "d", "[1 TO 2]", "_exists_:i", "timestamp:now", "/r/"]


def test_the_longest_text_is_read_or_refused_at_once() -> None:
    hostile = [
        "(",
        ")",
        "NOT ",
        "!",
        "-",
        "AND ",
        "a ",
        "a OR ",
        '"',
        "/",
        "/a ",
        "\\",
        "a:",
        "f:(",
        "f:[a TO ",
        "a>",
        "[",
        "{",
    ]
    hostile += [
        "a*b?",
        "a-*",
        "()",
        "1",
        "T12:30",
        ".",
        "a.",
        "^",
        "~",
        "a~",
        "'",
        ":",
        ":1",
        " ",
        "\\(",
        "||",
        "🙂",
        "a AND (",
    ]
    for piece in hostile:
        text = (piece * 10_000)[:10_000]
        started = time.monotonic()
        try:
            parse(text)
        except InvalidQuery as error:
            assert 0 <= error.position <= len(text)
        assert time.monotonic() - started < 3, piece


def test_naughty_strings_are_trees_or_refused_within_them(shared_data: Path) -> None:
    strings = json.loads((shared_data / "naughty-strings.json").read_text())
    assert len(strings) > 400
    for text in strings:
        for query in (text, "f:" + text, f"message:({text})"):
            try:
                assert parse(to_text(parse(query))) == parse(query)
            except InvalidQuery as error:
                assert 0 <= error.position <= len(query)
                assert error.position + error.length <= len(query)
                if error.suggestion is not None:
                    parse(error.suggestion)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("levle", "level"),
        ("servcie", "service"),
        ("mesage", "message"),
        ("messages", "message"),
        ("Level", "level"),
        ("timestanp", "timestamp"),
        ("tagss", "tags"),
        ("level", None),
        ("log.level", None),
        ("user", None),
        ("sevrcei", None),
        ("tgs", None),
        ("attributes.level", None),
    ],
)
def test_a_slip_of_the_pen_is_near_a_column(name: str, near: str | None) -> None:
    assert near_miss(name) == near
    assert parse(f"{name}:info") == Field(canonical_name(name), "info")


def test_texts_are_parsed_in_many_threads_at_once() -> None:
    texts = [text for text in MEANINGS if text]
    wrong: list[str] = []

    def run() -> None:
        for _ in range(20):
            wrong.extend(text for text in texts if parse(text) != MEANINGS[text])

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_readings_of_dotted_names_have_a_budget() -> None:
    long = "a.b.c.d.e.f.g.h:0"
    parse(f"{long} {long}")
    parse(" OR ".join(f"user.id:{number}" for number in range(256)))
    parse(" OR ".join(f"code:{number}" for number in range(500)))
    with pytest.raises(InvalidQuery, match="dotted") as refused:
        parse(f"{long} {long} {long}")
    assert refused.value.position > 2 * len(long)
    assert refused.value.expected


GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "query-language.md"


def guide_rows() -> list[list[str]]:
    """The cells of the tables of the guide."""
    lines = [line for line in GUIDE.read_text().splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def example(cell: str) -> str:
    return cell.strip("`").replace("\\|", "|")


def test_what_the_guide_shows_is_read_and_what_it_refuses_is_refused() -> None:
    rows = guide_rows()
    assert len(rows) > 30
    for row in rows:
        if len(row) == 2:
            parse(example(row[0]))
            continue
        parse(example(row[2]))
        with pytest.raises(InvalidQuery):
            parse(example(row[0]))


def test_the_guide_names_the_limits() -> None:
    text = " ".join(GUIDE.read_text().split())
    for limit, unit in (
        (MAX_LENGTH, "characters"),
        (MAX_CLAUSES, "words and values"),
        (MAX_DEPTH, "parentheses"),
        (MAX_PATTERNS, "wildcards"),
        (MAX_WILDCARD, "and"),
        (MAX_REGEX, "characters"),
        (MAX_PATH_PARTS, "names in a path"),
    ):
        assert f"{limit:,} {unit}" in text


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("duration_ms:[100 TO 20", "duration_ms:[100 TO 20]"),
        ("(a:{1 TO 5) AND x", "(a:{1 TO 5}) AND x"),
        ("a:[1 TO 5 AND x", "a:[1 TO 5] AND x"),
    ],
)
def test_a_range_that_is_not_closed_is_closed_by_the_mend(text: str, mend: str) -> None:
    with pytest.raises(InvalidQuery) as refused:
        parse(text)
    assert refused.value.suggestion == mend
