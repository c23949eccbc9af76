"""What a page does to a query: texts or trees in, text out. The other clauses stay, in their order.

A query is seen as clauses joined by AND. A clause is the same as another where it asks the same: `timeout` as
`message:"Timeout"`, `level:WARN` as `log.level:warning`. A query that an edit leaves as it was keeps its text. All
raise `InvalidQuery` where a text cannot be read.
"""

from collections.abc import Callable

from services.query.fields import Kind as FieldKind
from services.query.fields import canonical_level, resolve
from services.query.language import parse
from services.query.printing import canonical, to_text
from services.query.tokens import fold, tokens
from services.query.tree import (
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
    all_of,
    any_of,
)

Text = str | Query
"""A query as its text or its tree: a page makes trees of what records hold, and need not escape it."""


def add(query: Text, clause: Text) -> str:
    """`query` AND `clause`. It is not said twice; a clause that was excluded is wanted now, at the same place."""
    clauses = _clauses(query)
    for wanted in _clauses(clause):
        clauses = _with(clauses, wanted, instead_of=_opposite(wanted))
    return _edited(query, all_of(clauses))


def exclude(query: Text, clause: Text) -> str:
    """`query` AND NOT `clause`, in its place where it was wanted before."""
    wanted = _tree(clause)
    return _edited(query, all_of(_with(_clauses(query), _opposite(wanted), instead_of=wanted)))


def replace(query: Text, old: Text, new: Text) -> str:
    """`query` with `new` wherever `old` stood; as it was where `old` is not in it."""
    tree, wanted = _tree(query), _same(_tree(old))
    by = _tree(new)
    replaced = _mapped(tree, lambda each: by if _same(each) == wanted else each)
    return _edited(query, tree if replaced == tree else all_of(_once(_clauses(replaced))))


def remove(query: Text, clause: Text) -> str:
    """`query` without `clause`, among the clauses joined by AND and inside their alternatives; not under a NOT."""
    kept = _without(_tree(query), _same(_tree(clause)))
    return _edited(query, MatchAll() if kept is None else kept)


def has(query: Text, clause: Text) -> bool:
    """Whether every match of `query` must match `clause`, because it is one of the clauses joined by AND."""
    there = {_same(each) for each in _clauses(query)}
    return all(_same(each) in there for each in _clauses(clause))


def _tree(query: Text) -> Query:
    return canonical(parse(query) if isinstance(query, str) else query)


def _clauses(query: Text) -> list[Query]:
    tree = _tree(query)
    if isinstance(tree, MatchAll):
        return []
    return list(tree.children) if isinstance(tree, And) else [tree]


def _edited(query: Text, tree: Query) -> str:
    """The text of `tree`; as the user wrote it where it is still the same."""
    if isinstance(query, str) and canonical(tree) == _tree(query):
        return query
    return to_text(tree)


def _opposite(clause: Query) -> Query:
    return clause.child if isinstance(clause, Not) else Not(clause)


def _with(clauses: list[Query], wanted: Query, *, instead_of: Query) -> list[Query]:
    """The clauses with `wanted` among them, at the place of `instead_of` or at the end, where it is not there."""
    replaced = [wanted if _same(each) == _same(instead_of) else each for each in clauses]
    if replaced == clauses:
        return clauses if any(_same(each) == _same(wanted) for each in clauses) else [*clauses, wanted]
    return _once(replaced)


def _once(clauses: list[Query]) -> list[Query]:
    """The first of all clauses that are the same."""
    seen: dict[object, Query] = {}
    for each in clauses:
        seen.setdefault(_same(each), each)
    return list(seen.values())


def _mapped(query: Query, change: Callable[[Query], Query]) -> Query:
    """The tree with `change` made to every node, from the root on; what was changed is not looked into."""
    changed = change(query)
    if changed is not query:
        return changed
    match query:
        case And(children):
            return all_of([_mapped(child, change) for child in children])
        case Or(children):
            return any_of([_mapped(child, change) for child in children])
        case Not(child):
            return Not(_mapped(child, change))
    return query


def _without(query: Query, unwanted: object) -> Query | None:
    """None where nothing is left."""
    if _same(query) == unwanted:
        return None
    match query:
        case And(children) | Or(children):
            kept = [each for each in (_without(child, unwanted) for child in children) if each is not None]
            if not kept:
                return None
            return all_of(kept) if isinstance(query, And) else any_of(kept)
    return query


def _same(query: Query) -> object:
    """What is equal for queries that ask the same, as far as their form shows."""
    match query:
        case And(children) | Or(children):
            return type(query), frozenset(_same(child) for child in children)
        case Not(child):
            return Not, _same(child)
        case Word(text) | Phrase(text):
            return _same_text("message", text)
        case Field(name, value):
            return _same_value(resolve(name).kind, resolve(name).name, value)
        case Range(name, low, high, includes_low, includes_high) if resolve(name).kind is FieldKind.LEVEL:
            bounds = [bound and canonical_level(bound) for bound in (low, high)]
            return Range, resolve(name), *bounds, includes_low, includes_high
        case Wildcard(name, pattern) if resolve(name).kind is FieldKind.TEXT:
            return Wildcard, resolve(name), fold(pattern)
        case Wildcard() | Regex() | Range() | Exists() | Network():
            return canonical(query)
    return query


def _same_value(kind: FieldKind, name: str, value: str) -> object:
    if kind is FieldKind.TEXT:
        return _same_text(name, value)
    if kind is FieldKind.LEVEL:
        return Field, kind, name, canonical_level(value)
    return Field, kind, name, value


def _same_text(column: str, text: str) -> object:
    words = tokens(text)
    return Word, column, tuple(words) if words else fold(text.strip())
