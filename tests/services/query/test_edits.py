"""What a page does to the text of a query."""

import pytest
from hypothesis import given, settings

from services.errors import InvalidQuery
from services.query.edits import add, exclude, has, remove, replace
from services.query.language import Field, Not, Query, Word, parse
from tests.services.query.trees import leaves, trees


@pytest.mark.parametrize(
    ("query", "clause", "edited"),
    [
        ("", "a", "a"),
        ("*", "a", "a"),
        ("a  b", "c", "a AND b AND c"),
        ("a OR b", "c", "(a OR b) AND c"),
        ("a OR b", "c OR d", "(a OR b) AND (c OR d)"),
        ("a  b", "b", "a  b"),
        ("a  b", "b c", "a AND b AND c"),
        ("a -b c", "b", "a AND b AND c"),
        ("a", "", "a"),
        ("a -b", "-b", "a -b"),
        ("a b", "-b", "a AND NOT b"),
        ('message:"Time out"', "time-out", 'message:"Time out"'),
        ("log.level:WARN", "level:warning", "log.level:WARN"),
        ("a", Field("service", 'my "shop"'), 'a AND service:"my \\"shop\\""'),
        (Word("a"), Word("a"), "a"),
    ],
)
def test_a_clause_is_added_once(query: str, clause: str, edited: str) -> None:
    assert add(query, clause) == edited


@pytest.mark.parametrize(
    ("query", "clause", "edited"),
    [
        ("", "a", "NOT a"),
        ("a  b", "c", "a AND b AND NOT c"),
        ("a b c", "b", "a AND NOT b AND c"),
        ("a  -b", "b", "a  -b"),
        ("a b -b", "b", "a AND NOT b"),
        ("a -b", "-b", "a AND b"),
        ("a", "b OR c", "a AND NOT (b OR c)"),
        ("level:(error OR critical)", "level:error", "level:(error OR critical) AND NOT level:error"),
    ],
)
def test_an_excluded_clause_takes_the_place_of_the_wanted_one(query: str, clause: str, edited: str) -> None:
    assert exclude(query, clause) == edited


@pytest.mark.parametrize(
    ("query", "old", "new", "edited"),
    [
        ("a b c", "b", "d", "a AND d AND c"),
        ("a  b", "x", "d", "a  b"),
        ("a b c", "b", "c", "a AND c"),
        ("a -b (c OR b)", "b", "d", "a AND NOT d AND (c OR d)"),
        ("a b", "b", "c OR d", "a AND (c OR d)"),
        ("timestamp>now-1h a", "timestamp:>now-1h", "timestamp:>now-2h", "timestamp:>now-2h AND a"),
        ("a b", "a b", "c", "c"),
    ],
)
def test_a_clause_is_replaced_where_it_stands(query: str, old: str, new: str, edited: str) -> None:
    assert replace(query, old, new) == edited


@pytest.mark.parametrize(
    ("query", "clause", "edited"),
    [
        ("a b c", "b", "a AND c"),
        ("a", "a", ""),
        ("a b", "b a", ""),
        ("a  b", "c", "a  b"),
        ("a -b", "-b", "a"),
        ("a  -b", "b", "a  -b"),
        ("level:(error OR critical) a", "level:error", "level:critical AND a"),
        ("(a OR b) c", "a OR b", "c"),
        ("(b OR a) c", "a OR b", "c"),
        ("a  -(b OR c)", "b", "a  -(b OR c)"),
    ],
)
def test_a_clause_is_removed(query: str, clause: str, edited: str) -> None:
    assert remove(query, clause) == edited


@pytest.mark.parametrize(
    ("query", "clause", "is_there"),
    [
        ("a b", "a", True),
        ("a b", "b a", True),
        ("a OR b", "a", False),
        ("a -b", "b", False),
        ("a -b", "NOT b", True),
        ("", "a", False),
        ("a", "*", True),
        ("LEVEL:x log.level:err", "level:error", True),
        ("level>=warn", "level>=WARNING", True),
        ("TIME*", "message:time*", True),
        ("Größe", "GRÖSSE", False),
        ("ΣΑΣ", "σας", False),
        ("ΣΑΣ", "σασ", True),
    ],
)
def test_what_every_match_must_match_is_there(query: str, clause: str, is_there: bool) -> None:
    assert has(query, clause) is is_there


@settings(max_examples=200, deadline=None)
@given(trees, leaves)
def test_edits_do_what_they_say_to_any_tree(tree: Query, leaf: Query) -> None:
    added = add(tree, leaf)
    assert has(added, leaf)
    assert add(added, leaf) == added
    excluded = exclude(tree, leaf)
    assert has(excluded, Not(leaf))
    assert exclude(excluded, leaf) == excluded
    assert has(remove(added, leaf), leaf) is has("", leaf)
    parse(replace(tree, leaf, Word("x")))


@pytest.mark.parametrize("edit", [add, exclude, remove, has])
def test_a_text_that_cannot_be_read_is_refused(edit: object) -> None:
    assert callable(edit)
    with pytest.raises(InvalidQuery):
        edit("(a", "b")
    with pytest.raises(InvalidQuery):
        edit("a", "(b")
