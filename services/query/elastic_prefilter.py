"""What every text must have that a regex matches: tokens, or beginnings and ends of tokens.

A regex on a text cannot be asked of Elasticsearch, which keeps tokens. What is asked narrows down which records are read.
"""

from services.query.compiling import Tokens
from services.query.elastic_patterns import MAX_HELD
from services.query.elastic_queries import ALL, Json, all_of, any_of
from services.query.elastic_regex import Characters, Either, Node, Repeat, Sequence, Unreadable, read

SHORTEST = 3
"""Characters of a part of a token that is worth asking for."""

MAX_ASKED = 8


def required(pattern: str, field: str, tokens: Tokens) -> Json:
    """A query that every text must answer to in which the RE2 pattern matches; `match_all` where nothing is known."""
    try:
        node = read(pattern)
    except Unreadable:
        return ALL
    return _required(node, field, tokens)


def longest_literal(pattern: str) -> str:
    """The longest text that stands in every match of the RE2 pattern, as it is written; empty where none is known."""
    try:
        node = read(pattern)
    except Unreadable:
        return ""
    items = node.items if isinstance(node, Sequence) else (node,)
    return max(_runs(items, folded=False), key=len, default="")


def _required(node: Node, field: str, tokens: Tokens) -> Json:
    match node:
        case Either(branches):
            return any_of([_required(branch, field, tokens) for branch in branches])
        case Repeat(item, low) if low > 0:
            return _required(item, field, tokens)
        case Sequence(items):
            inner = [_required(item, field, tokens) for item in items if not isinstance(item, Characters)]
            return all_of(
                [*inner, *(each for run in _runs(items, folded=True) for each in _of_run(run, field, tokens))][
                    :MAX_ASKED
                ]
            )
        case Characters(folded=str() as character):
            return all_of(_of_run(character, field, tokens))
    return ALL


def _runs(items: tuple[Node, ...], *, folded: bool) -> list[str]:
    """Characters that stand side by side in every match; `folded` where their case does not matter."""
    found = [""]
    for item in items:
        character = (item.folded if folded else item.only) if isinstance(item, Characters) else None
        if character is None:
            found.append("")
        else:
            found[-1] += character
    return [run for run in found if run]


def _of_run(run: str, field: str, tokens: Tokens) -> list[Json]:
    """Tokens of a text that holds the run; the first and the last one may go on outside it."""
    words = tokens(run)
    if not words:
        return []
    folded = tokens(run[0]), tokens(run[-1])
    asked = []
    for at, word in enumerate(words):
        before = "*" if at == 0 and folded[0] else ""
        after = "*" if at == len(words) - 1 and folded[1] else ""
        if not before and not after:
            asked.append({"match": {field: {"query": word}}})
        elif len(word) >= SHORTEST:
            part = word[:MAX_HELD] if after else word[-MAX_HELD:]
            asked.append({"wildcard": {field: {"value": f"{before}{part}{after}"}}})
    return asked
