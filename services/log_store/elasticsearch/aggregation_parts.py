"""Aggregations cut into requests that the server can answer: it refuses more than 65,536 buckets at once.

How many buckets an answer can have is known before: times (no more than there are records) times the groups of the fields.
What is too large is cut by the groups of its first field, then by time; of a long time that holds few records it is first
asked where they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from services.log_store.elasticsearch.aggregation_fields import Clause
from services.log_store.elasticsearch.aggregation_ranking import Ask
from services.log_store.elasticsearch.aggregation_times import Times
from services.log_store.elasticsearch.aggregation_tree import Row, Tree

MOST_BUCKETS = 20_000
"""Of one request. The server's own limit, `search.max_buckets`, is 65,536; so many from each of several shards filled a heap
of 512 MB (measured)."""
_MOST_LARGE_BUCKETS = 2_000
_TREES_AT_ONCE = 30
_CUTS = 50


@dataclass(frozen=True)
class Part:
    """A tree over `records` records, all that match or those in `window`."""

    tree: Tree
    records: int
    window: Clause | None = None

    @property
    def most_buckets(self) -> int:
        return self.tree.most_buckets(self.records)


def rows_of(trees: Sequence[Tree], records: int, numbers: int, ask: Ask, most_rows: int) -> list[list[Row]]:
    """The rows of each tree in no order; at least one more than `most_rows` where a tree has more.

    records  how many match;  numbers  the most numbers that a field of a metric has
    """
    found: list[list[Row]] = [[] for _ in trees]
    whole = {at: Part(tree, records) for at, tree in enumerate(trees)}
    small = {at: part for at, part in whole.items() if part.most_buckets <= _limit(part.tree)}
    for group in _groups(small):
        answer = ask({"size": 0, "aggs": _named(group, numbers)})["aggregations"]
        for at, part in group.items():
            own = {name.partition(".")[2]: each for name, each in answer.items() if name.startswith(f"{at}.")}
            found[at].extend(part.tree.rows(own))
    for at in whole.keys() - small.keys():
        for part in _cut(whole[at], ask):
            found[at].extend(_rows(part, numbers, ask))
            if len(found[at]) > most_rows:
                break
    return found


def _limit(tree: Tree) -> int:
    return _MOST_LARGE_BUCKETS if tree.metric is not None and tree.metric.is_large else MOST_BUCKETS


def _groups(parts: dict[int, Part]) -> Iterator[dict[int, Part]]:
    """Parts that are asked for together: what they may answer fits into one answer."""
    group: dict[int, Part] = {}
    for at, part in parts.items():
        buckets = sum(each.most_buckets for each in group.values()) + part.most_buckets
        limit = min(_limit(each.tree) for each in (*group.values(), part))
        if group and (buckets > limit or len(group) == _TREES_AT_ONCE):
            yield group
            group = {}
        group[at] = part
    if group:
        yield group


def _named(group: dict[int, Part], numbers: int) -> Clause:
    clauses = {at: part.tree.clauses(part.records, numbers) for at, part in group.items()}
    return {f"{at}.{name}": each for at, tree in clauses.items() for name, each in tree.items()}


def _rows(part: Part, numbers: int, ask: Ask) -> Iterator[Row]:
    body: Clause = {"size": 0, "aggs": part.tree.clauses(part.records, numbers)}
    if part.window is not None:
        body["query"] = part.window
    return part.tree.rows(ask(body)["aggregations"])


def _cut(part: Part, ask: Ask) -> Iterator[Part]:
    """Parts that are small enough, oldest first."""
    limit = _limit(part.tree)
    for tree in _narrow(part.tree, limit):
        if tree.times is None:
            yield Part(tree, part.records, part.window)
        else:
            yield from _shorter(Part(tree, part.records, part.window), tree.times, limit, ask)


def _narrow(tree: Tree, limit: int) -> Iterator[Tree]:
    """The tree, in parts of its first field's groups where these are too many for one time."""
    if tree.width <= limit:
        yield tree
        return
    first, *others = tree.fields
    inside = Tree(None, tuple(others), tree.metric).width
    for kept in first.cut(max(1, limit // (inside + 1))):
        yield replace(tree, fields=(kept, *others))


def _shorter(part: Part, times: Times, limit: int, ask: Ask) -> Iterator[Part]:
    """The part, in shorter ones where it is too large; those without a record are left out."""
    if part.most_buckets <= limit or len(times) == 1:
        yield part
        return
    step = -(-len(times) // _CUTS)
    cuts = [times.part(start, min(start + step, len(times))) for start in range(0, len(times), step)]
    windows = {str(number): cut.window() for number, cut in enumerate(cuts)}
    answer = ask({"size": 0, "aggs": {name: {"filter": window} for name, window in windows.items()}})["aggregations"]
    for number, cut in enumerate(cuts):
        if records := answer[str(number)]["doc_count"]:
            shorter = Part(replace(part.tree, times=cut), records, windows[str(number)])
            yield from _shorter(shorter, cut, limit, ask)
