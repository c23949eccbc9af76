"""What a query text means, and what a wrong one is answered with."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.errors import InvalidQuery
from services.query.language import And, Field, MatchAll, Not, Or, Phrase, Query, Word, parse

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
    "log.level:WARN": Field("log.level", "WARN"),
    "f\\ g:a": Field("f g", "a"),
    "@timestamp:2026-01-31": Field("@timestamp", "2026-01-31"),
    "日本 ü": And((Word("日本"), Word("ü"))),
}


@pytest.mark.parametrize("text", MEANINGS)
def test_a_text_means_its_tree(text: str) -> None:
    assert parse(text) == MEANINGS[text]


WRONG: dict[str, tuple[int, str | None]] = {
    "a AND": (5, None),
    "AND a": (0, '"AND" a'),
    "a AND OR b": (6, 'a AND "OR" b'),
    "(a": (2, "(a)"),
    "((a) b": (6, "((a) b)"),
    "a)": (1, None),
    "()": (1, None),
    '"a b': (0, '"a b"'),
    'x AND "a b': (6, 'x AND "a b"'),
    "f:": (2, None),
    "a && b &&": (9, None),
    "err*": (0, '"err*"'),
    "x te?t": (2, 'x "te?t"'),
    "f:a*": (2, None),
    "f:*": (2, None),
    "_exists_:f": (0, None),
    "f*:a": (0, None),
    "[a TO b]": (0, None),
    "f:[1 TO 2]": (0, None),
    "f:>5": (0, None),
    "x /a.*b/": (2, 'x "/a.*b/"'),
    "http://x.y/z": (0, '"http://x.y/z"'),
    "12:30:45": (0, '"12:30:45"'),
    "x 10.0.0.1:8080": (2, 'x "10.0.0.1:8080"'),
    "[main] x": (5, '"[main]" x'),
    "a~": (0, None),
    "a~2": (0, None),
    '"a b"~2': (0, None),
    "a^2": (0, None),
    "a OR +b": (5, None),
    "f:-x": (2, None),
    "level:loud": (6, None),
    "@timestamp:yesterday": (11, None),
    "a\x00b": (1, None),
    "x && y*": (5, 'x && "y*"'),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_text_is_refused_with_its_place_and_a_mend(text: str) -> None:
    position, suggestion = WRONG[text]
    with pytest.raises(InvalidQuery) as caught:
        parse(text)
    error = caught.value
    assert (error.position, error.suggestion) == (position, suggestion)
    assert error.position + error.length <= len(text) + 1
    assert str(error)
    if text != "a\x00b":
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
        if error.suggestion is not None:
            assert error.suggestion != text


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20).filter(lambda text: "\x00" not in text))
def test_quoted_text_is_taken_as_it_stands(text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert parse(quoted) == Phrase(text)
    assert parse("f:" + quoted) == Field("f", text, True)


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
