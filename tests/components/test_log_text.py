"""Somebody else's text, made fit to be shown."""

import json

import pytest

from components.log_text import marked, matcher, one_line, segments, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("a\x07b", "a␇b"),
        ("a\x7fb", "a␡b"),
        ("\u202eabc", "⟨U+202E⟩abc"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
    ],
)
def test_what_cannot_be_seen_becomes_a_sign(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_message_of_many_lines_stands_on_one() -> None:
    assert one_line("one\r\ntwo\n\tthree", 100) == "one ↵ two ↵   three"


def test_a_long_message_is_cut_and_says_so() -> None:
    assert one_line("x" * 1_000_000, 10) == "xxxxxxxxxx…"


def test_segments_joined_again_are_the_text() -> None:
    text = "charge failed (timeout 10s) order=ord_8F2 attempt=2/3 timeout=1"
    cut = segments(text, matcher("timeout NOT charge"))
    assert "".join(part for _, part in cut) == text
    assert [part for kind, part in cut if kind == "m"] == ["timeout", "timeout"]
    assert [part for kind, part in cut if kind == "k"] == ["order=", "attempt="]


def test_matches_are_whole_tokens_in_a_row_whatever_stands_between() -> None:
    cut = segments("time-outs timeout Time: out x", matcher('"time out"'))
    assert [part for kind, part in cut if kind == "m"] == ["Time: out"]


def test_wildcards_and_clauses_on_the_message_are_marked_too() -> None:
    cut = segments("Timeout of pool order_8", matcher("t*out message:order_? service:pool"))
    assert [part for kind, part in cut if kind == "m"] == ["Timeout", "order_8"]


@pytest.mark.parametrize("query", ["", "level:error", "NOT a", "(broken"])
def test_without_words_nothing_is_marked(query: str) -> None:
    assert matcher(query) is None


def test_markup_stays_text_inside_components() -> None:
    made = marked("<script>alert(1)</script> a=1", None)
    assert made[0] == "<script>alert(1)</script> "
    assert json.loads(json.dumps(made[1].to_plotly_json()))["props"]["children"] == "a="
