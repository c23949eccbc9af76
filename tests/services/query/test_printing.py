"""A tree written as text, and read again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.errors import InvalidQuery
from services.query.language import And, Exists, Field, MatchAll, Not, Or, Query, Range, Regex, Wildcard, Word, parse
from services.query.printing import canonical, to_text
from tests.services.query.test_language import MEANINGS
from tests.services.query.trees import trees

WRITTEN: dict[str, str] = {
    "": "",
    "*": "",
    "a b": "a AND b",
    "a && !b": "a AND NOT b",
    "((a)) (b OR (c))": "a AND (b OR c)",
    "a OR b c": "a OR b AND c",
    "-(a b)": "NOT (a AND b)",
    "--a": "NOT NOT a",
    '"a b" user@x.y a=b hello!': '"a b" AND user@x.y AND a=b AND hello!',
    "\\AND a\\:b": "\\AND AND a\\:b",
    "2026-01-01T12:30:00Z": "2026-01-01T12:30:00Z",
    "f : a": "f:a",
    "f:a\\ b": 'f:"a b"',
    "service.name:web": "service:web",
    "level>=warn": "level:>=warn",
    "level:error OR level:critical": "level:(error OR critical)",
    "level:(error OR critical) a": "level:(error OR critical) AND a",
    "a OR f:1 OR f:2 OR -f:3": "a OR f:(1 OR 2 OR NOT 3)",
    "f:(a b)": "f:a AND f:b",
    "NOT f:(a OR b)": "NOT f:(a OR b)",
    "f:(a OR (b c))": "f:(a OR b AND c)",
    "f:-5 OR f:>-5": 'f:("-5" OR >-5)',
    "f:{* TO 5]": "f:<=5",
    'f:["a b" TO "*"}': 'f:["a b" TO "*"}',
    "timestamp>=now-2h/d": "timestamp:>=now-2h/d",
    "timestamp:[2026-01-01 TO 2026-01-02T10:00:00Z}": "timestamp:[2026-01-01 TO 2026-01-02T10:00:00Z}",
    "_exists_:f.g": "f.g:*",
    "time* f:w-*": "time* AND f:w-*",
    "f:\\*a*": "f:\\*a*",
    r"/a\/b/ f:/a b/": r"/a\/b/ AND f:/a b/",
    "ip:10.0.0.0/8": "ip:10.0.0.0/8",
    'ip:"10.0.0.0/8"': 'ip:"10.0.0.0/8"',
    "ip:2001:db8::/32": "ip:2001:db8::/32",
    "path:/var/log/x": 'path:"/var/log/x"',
    "f\\ g:a": "f\\ g:a",
    "\\_f_:a": "\\_f_:a",
    "attributes.level:a": "attributes.level:a",
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_tree_is_written_in_one_way(text: str) -> None:
    written = to_text(parse(text))
    assert written == WRITTEN[text]
    assert to_text(parse(written)) == written


@pytest.mark.parametrize("text", MEANINGS)
def test_what_is_written_means_the_same(text: str) -> None:
    assert parse(to_text(MEANINGS[text])) == MEANINGS[text]


@settings(max_examples=600, deadline=None)
@given(trees)
def test_any_tree_is_read_again_as_it_was(tree: Query) -> None:
    assert parse(to_text(tree)) == canonical(tree)


@settings(max_examples=600, deadline=None)
@given(
    st.one_of(
        st.text(alphabet='abf:"()\\-+!&|*?/[]{}<>=. \n', max_size=25),
        st.lists(st.sampled_from([*'ab*?-():."/', "f:", "AND", "OR", "NOT", "T12:30", "[1 TO 2]", ">=5", "::1", " "]))
        .map("".join)
        .filter(lambda text: len(text) < 200),
    )
)
def test_any_text_that_is_read_is_written_with_the_same_meaning(text: str) -> None:
    try:
        tree = parse(text)
    except InvalidQuery:
        return
    assert parse(to_text(tree)) == tree
    assert canonical(tree) == tree


def test_what_cannot_be_said_is_written_as_what_means_the_same() -> None:
    assert to_text(Word("")) == '""'
    assert to_text(Wildcard("f", "*")) == "f:*"
    assert to_text(Regex("f", r"a\/b")) == r"f:/a\/b/"
    assert to_text(Range("f", None, None)) == "f:*"
    assert to_text(And(())) == ""
    assert to_text(Or(())) == "NOT *"
    assert to_text(Not(MatchAll())) == "NOT *"


@pytest.mark.parametrize("name", ["", "attributes."])
def test_a_field_without_a_name_cannot_be_written(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        to_text(Exists(name))
    with pytest.raises(ValueError, match="name"):
        to_text(Field(name, "a"))


def test_a_long_query_is_written_with_fewer_words() -> None:
    text = " ".join(["-" + "a" * 18] * 495)
    written = to_text(parse(text))
    assert len(written) <= 10_000
    assert parse(written) == parse(text)
