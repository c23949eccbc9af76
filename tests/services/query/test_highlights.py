"""The fields that a query names, and what it marks in a message."""

import re
import time

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.query.highlights import fields_used, highlights, spans
from services.query.language import Phrase, Wildcard, Word, parse
from services.query.tokens import TOKEN, fold


def marked(query: str, message: str) -> list[str]:
    return [message[start:end] for start, end in spans(parse(query), message)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", []),
        ("a /b/ c*", ["message"]),
        ("log.level:error AND NOT user.id:7 a", ["level", "user.id", "message"]),
        ("f:[1 TO 2] f:* ip:10.0.0.0/8 attributes.level:/x/ f:a*", ["f", "ip", "attributes.level"]),
        ("_exists_:service.name pattern:1 tag:x", ["service", "pattern", "tags"]),
    ],
)
def test_the_fields_of_a_query_by_their_shortest_names(query: str, names: list[str]) -> None:
    assert fields_used(parse(query)) == names


@pytest.mark.parametrize(
    ("query", "message", "found"),
    [
        ("timeout", "Timeout: timeouts, TIMEOUT!", ["Timeout", "TIMEOUT"]),
        ('"connection lost"', "a connection -- lost; connection\nlost", ["connection -- lost", "connection\nlost"]),
        ("10.0.0.1", "from 10.0.0.1:80 and 110.0.0.1", ["10.0.0.1"]),
        ("time*", "time timeout mistime", ["time", "timeout"]),
        ("*out t?me", "Timeout time tme", ["Timeout", "time"]),
        ("a*b*c", "aXbYc abc ab acb", ["aXbYc", "abc"]),
        ('"-->"', "a --> b", ["-->"]),
        ("a b", "a b ab", ["a", "b"]),
        ('a "a b"', "a b a", ["a b", "a"]),
        ("a OR b", "b c", ["b"]),
        ("a NOT b", "a b", ["a"]),
        ("message:a raw:b service:c d:e level:error", "a b c e error", ["a"]),
        ("message:(a* OR b)", "ab b", ["ab", "b"]),
        ("/a.b/", "axb", []),
        ("*", "a", []),
        ("", "a", []),
        ('""', "a", []),
        # one character for one, so that places are those of the message
        ("İstanbul", "x İstanbul istanbul", ["İstanbul", "istanbul"]),
        ("ΣΑΣ", "σας σασ ΣΑΣ", ["σασ", "ΣΑΣ"]),
        ("straße", "STRASSE Straße", ["Straße"]),
        ("cafe", "cafe\u0301 cafés", ["cafe"]),
        ("日本", "日本 日本語", ["日本"]),
        ("日*", "日本 x日", ["日本"]),
        ("a", "🙂a🙂", ["a"]),
        ("🙂", "a🙂b", ["🙂"]),
    ],
)
def test_what_matched_is_marked(query: str, message: str, found: list[str]) -> None:
    assert marked(query, message) == found


def test_places_are_in_order_and_apart() -> None:
    assert spans(parse('b "a b" a*'), "b a b ab") == [(0, 1), (2, 5), (6, 8)]


def test_only_what_is_searched_is_marked() -> None:
    assert spans(parse("a"), "x" * 32_767 + " a") == []
    assert spans(parse("a"), "a " + "x " * 40_000) == [(0, 1)]


def test_each_thing_is_marked_once() -> None:
    assert len(highlights(parse('a A "a" message:a b* b* -c'))) == 2


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abAB_1 -Σσ", max_size=30), st.text(alphabet="abAB_1*?", min_size=1, max_size=6))
def test_a_wildcard_marks_the_tokens_that_it_matches(message: str, pattern: str) -> None:
    expected = re.compile(fold(pattern).replace("*", ".*").replace("?", "."))
    found = [token.span() for token in TOKEN.finditer(fold(message)) if expected.fullmatch(token[0])]
    assert spans(Wildcard("message", pattern), message) == found


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), st.text(min_size=1, max_size=4))
def test_what_is_marked_is_there(message: str, text: str) -> None:
    for query in (Word(text), Phrase(text)):
        for start, end in spans(query, message):
            assert 0 <= start < end <= len(message)
            assert fold(message[start:end]) in fold(message)


def test_hostile_patterns_and_messages_take_no_time() -> None:
    message = "a" * 100_000
    started = time.monotonic()
    for pattern in ("a*" * 120 + "b", "?*" * 120 + "b", "*" + "a?" * 120 + "b", "?" * 250):
        assert spans(Wildcard("message", pattern), message) == []
    assert spans(Phrase("a " * 2_000 + "b"), "a " * 16_000) == []
    assert time.monotonic() - started < 2


def test_characters_fold_and_separate_as_in_the_engine() -> None:
    """What Python's Unicode does not know yet is left out; nothing else differs."""
    characters = [chr(number) for number in range(1, 0x110000) if not 0xD800 <= number < 0xE000]
    connection = duckdb.connect()
    rows = connection.execute(
        r"SELECT c, regexp_matches(c, '^[\pL\pN_]$'), lower(c) FROM (SELECT unnest(?::VARCHAR[]) AS c)", [characters]
    ).fetchall()
    assert [c for c, is_token, _ in rows if TOKEN.fullmatch(c) and not is_token] == []
    assert sum(bool(is_token) and not TOKEN.fullmatch(c) for c, is_token, _ in rows) < 5_000
    assert [c for c, _, lowered in rows if fold(c) != lowered] == []
