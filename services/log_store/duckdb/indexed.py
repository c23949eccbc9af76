"""The query compiler that reads the word index instead of messages, wherever that gives the same answer.

Records with a shape: a clause about tokens without digits is a condition on the dictionary (`Indexed.dictionary`); AND, OR
and NOT of such conditions stay one, and become one `shape_id IN (…)`. Any other clause on the message reads it.
Every clause also says which blocks and which shapes can hold a match at all (`blocks`, `shapes`; None: any). These only
narrow what is read, in front of the exact condition: AND takes what both can, OR what either can, NOT everything.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from services.log_store.duckdb import attribute_numbers, dictionary, promoted
from services.log_store.duckdb.block_index import BlockIndex
from services.log_store.duckdb.filters import trace_key, windows
from services.log_store.duckdb.promoted import Promoted
from services.query.sql import Compiler, Condition, MatchRegex, Tokens, joined
from services.query.sql_patterns import INSIDE, Piece
from services.query.sql_texts import searched
from services.query.sql_values import ValueTest
from services.query.tree import And, Not, Or, Query

MAX_NARROWING_SHAPES = 200
"""Beyond this many shapes it costs more to compare them than the reading that they spare."""
MAX_NARROWING_BLOCKS = 1_000
MANY_TOKENS = 8
"""From here on it is cheaper to cut a message into all its tokens than to look for each."""


@dataclass
class Indexed(Condition):
    """A condition with what the index knows of it.

    dictionary where it is a condition on shapes alone; token where it says that the message has this one token
    """

    dictionary: Condition | None = None
    blocks: frozenset[int] | None = None
    shapes: frozenset[int] | None = None
    token: str | None = None


@dataclass(frozen=True)
class Engine:
    """What the compiler asks of the file, all in the snapshot of the search.

    tokens       folds and cuts a text            has_digits  for each token whether shapes mask it
    hashes       of filter keys                   shape_ids   ids of the shapes that fulfil a condition on the dictionary,
                                                              None where they are more than `MAX_NARROWING_SHAPES`
    shapes_table, patterns_table  SQL names of the dictionary and of the patterns
    index        the blocks                       match_regex whether an RE2 pattern matches each of the texts
    promoted     the columns of an attribute path that has some
    """

    tokens: Tokens
    has_digits: Callable[[Sequence[str]], list[bool]]
    hashes: Callable[[Sequence[str]], list[int]]
    shape_ids: Callable[[Condition], frozenset[int] | None]
    shapes_table: str
    patterns_table: str
    index: BlockIndex
    match_regex: MatchRegex
    promoted: Callable[[str], Promoted | None]


class ScanCompiler(Compiler):
    """Reads everything; only what a pattern is, the dictionary alone knows."""

    def __init__(self, engine: Engine):
        super().__init__(engine.tokens, engine.match_regex)
        self.engine = engine

    def pattern(self, pattern_id: int) -> Condition:
        """See `Compiler`."""
        return _of_shapes(self.engine, _of_pattern(self.engine, pattern_id))

    def has_pattern(self) -> Condition:
        """See `Compiler`."""
        return _of_shapes(self.engine, _GROUPED)


class IndexedCompiler(ScanCompiler):
    """What both kinds of blocks have in common: trees of conditions, and trace ids."""

    def __init__(self, engine: Engine, blocks: frozenset[int]):
        super().__init__(engine)
        self.all_blocks = blocks
        self.asks_index = False
        self.asked_paths: list[str] = []

    def compile(self, query: Query) -> Condition:
        """See `Compiler.compile`; the condition may be an `Indexed`."""
        match query:
            case Not(child):
                return self._negated(self.compile(child))
            case And(children):
                return self._combined(" AND ", [self.compile(child) for child in children])
            case Or(children):
                return self._combined(" OR ", [self.compile(child) for child in children])
        return super().compile(query)

    def narrowed(self, condition: Condition) -> Condition:
        """The condition behind what shuts out blocks and shapes that cannot hold a match."""
        blocks, shapes = blocks_of(condition), _shapes_of(condition)
        parts = []
        if blocks is not None and len(blocks) < len(self.all_blocks) and len(blocks) <= MAX_NARROWING_BLOCKS:
            parts.append(one_of("block", blocks))
        if shapes is not None and len(shapes) <= MAX_NARROWING_SHAPES and condition.is_heavy:
            parts.append(one_of("shape_id", shapes))
        sql = " AND ".join([*parts, condition.sql])
        return Indexed(sql, condition.values, condition.is_heavy, None, blocks, shapes)

    def keyword_equals(self, column: str, value: str) -> Condition:
        """A trace id is in the filters."""
        exact = super().keyword_equals(column, value)
        if column != "trace_id":
            return exact
        return Indexed(exact.sql, exact.values, exact.is_heavy, None, self._admitting([trace_key(value)]), None)

    def attribute(self, path: str, test: ValueTest) -> Condition:
        """A promoted path has columns; the others are counted, and may get some."""
        exact = super().attribute(path, test)
        column = self.engine.promoted(path)
        if column is not None:
            return promoted.condition(column, test, exact)
        self.asked_paths.append(path)
        return attribute_numbers.condition(path, test, exact)

    def _admitting(self, keys: list[str]) -> frozenset[int]:
        self.asks_index = True
        return self.engine.index.admitting(self.all_blocks, self.engine.hashes(keys))

    def _combined(self, operator: str, parts: list[Condition]) -> Condition:
        on_shapes = [part for part in parts if isinstance(part, Indexed) and part.dictionary is not None]
        if len(on_shapes) > 1:
            both = joined(operator, [part.dictionary for part in on_shapes if part.dictionary is not None])
            others = [part for part in parts if not isinstance(part, Indexed) or part.dictionary is None]
            parts = [*others, self.on_dictionary(both)]
        if len(parts) == 1:
            return parts[0]
        exact = joined(operator, _with_one_list_of_tokens(operator, parts))
        merge = _in_all if operator == " AND " else _in_any
        blocks = merge([blocks_of(part) for part in parts])
        shapes = merge([self._narrowing_shapes(part) if exact.is_heavy else None for part in parts])
        return Indexed(exact.sql, exact.values, exact.is_heavy, None, blocks, shapes)

    def _negated(self, part: Condition) -> Condition:
        if isinstance(part, Indexed) and part.dictionary is not None:
            inner = part.dictionary
            return self.on_dictionary(Condition(f"(NOT {inner.sql})", inner.values))
        return Indexed(f"(NOT {part.sql})", part.values, part.is_heavy)

    def on_dictionary(self, condition: Condition) -> Condition:
        """Records whose shape fulfils `condition`."""
        self.asks_index = True
        sql = f"(shape_id IN (SELECT shape_id FROM {self.engine.shapes_table} WHERE {condition.sql}))"
        return Indexed(sql, condition.values, False, condition)

    def _narrowing_shapes(self, part: Condition) -> frozenset[int] | None:
        if not isinstance(part, Indexed):
            return None
        return part.shapes if part.dictionary is None else self.engine.shape_ids(part.dictionary)


class ShapedCompiler(IndexedCompiler):
    """For blocks whose records all have a shape."""

    def tokens_in_a_row(self, column: str, words: list[str]) -> Condition:
        """Without digits a question to the dictionary; with them the message is read where filter and shape admit it."""
        exact = super().tokens_in_a_row(column, words)
        if column != "message":
            return exact
        masked = self.engine.has_digits(words)
        row = dictionary.row_of_tokens(
            [dictionary.MASK if is_masked else word for word, is_masked in zip(words, masked, strict=True)]
        )
        if not any(masked):
            return self.on_dictionary(row)
        keys = [word for word, is_masked in zip(words, masked, strict=True) if is_masked]
        blocks = self._admitting([*keys, *windows(words, masked)])
        return Indexed(
            exact.sql, exact.values, exact.is_heavy, None, blocks, self.engine.shape_ids(row), _only_one(words)
        )

    def literal(self, column: str, text: str) -> Condition:
        """A text without tokens stands between the tokens, in the shape as in the message."""
        if column != "message":
            return super().literal(column, text)
        return self.on_dictionary(dictionary.literal(text))

    def token_matches(self, column: str, parts: list[Piece]) -> Condition:
        """Unmasked tokens in the dictionary; messages are read only where a masked token might match."""
        exact = super().token_matches(column, parts)
        if column != "message":
            return exact
        unmasked = self.on_dictionary(dictionary.token_matches(parts))
        masked = self.on_dictionary(Condition(dictionary.MASKED_SQL))
        either = f"({unmasked.sql} OR ({masked.sql} AND {exact.sql}))"
        return Indexed(either, [*unmasked.values, *masked.values, *exact.values], exact.is_heavy)

    def pattern(self, pattern_id: int) -> Condition:
        """Records whose shape belongs to the pattern, or to the one that took it in."""
        return self.on_dictionary(_of_pattern(self.engine, pattern_id))

    def has_pattern(self) -> Condition:
        """Records whose shape belongs to any pattern."""
        return self.on_dictionary(_GROUPED)


class PlainCompiler(IndexedCompiler):
    """For blocks whose records have no shape, or one of an older mask: messages are read where the filter admits all tokens.

    Shapes of an older mask say nothing of the message any more, but which pattern it belongs to.
    """

    def tokens_in_a_row(self, column: str, words: list[str]) -> Condition:
        """See the class."""
        exact = super().tokens_in_a_row(column, words)
        if column != "message":
            return exact
        blocks = self._admitting([*words, *windows(words, self.engine.has_digits(words))])
        return Indexed(exact.sql, exact.values, exact.is_heavy, None, blocks, None, _only_one(words))


_GROUPED = Condition("(pattern_id IS NOT NULL)")


def _of_shapes(engine: Engine, condition: Condition) -> Condition:
    """Records, with a shape or without one, whose shape fulfils a condition on the dictionary."""
    shapes = f"SELECT shape_id FROM {engine.shapes_table} WHERE {condition.sql}"
    return Condition(f"coalesce(shape_id IN ({shapes}), false)", condition.values)


def _only_one(words: list[str]) -> str | None:
    return words[0] if len(words) == 1 else None


def _with_one_list_of_tokens(operator: str, parts: list[Condition]) -> list[Condition]:
    """Many single tokens as one condition: each on its own would be a pattern to compile (20 ms with Unicode's classes)."""
    single = [part for part in parts if isinstance(part, Indexed) and part.token is not None]
    if len(single) < MANY_TOKENS:
        return parts
    tokens = f"regexp_extract_all({searched('message')}, '{INSIDE}+')"
    holds = "list_has_all" if operator == " AND " else "list_has_any"
    words = [str(part.token) for part in single]
    possible = "regexp_matches(lower(message), ?)"  # spares most messages the cutting, which takes 5 µs
    sql = f"(CASE WHEN {possible} THEN {holds}({tokens}, ?::VARCHAR[]) ELSE false END)"
    asked = Condition(sql, ["|".join(words), words], True)
    return [part for part in parts if not isinstance(part, Indexed) or part.token is None] + [asked]


def _of_pattern(engine: Engine, pattern_id: int) -> Condition:
    survivor = f"(SELECT max(merged_into) FROM {engine.patterns_table} WHERE pattern_id = ?)"
    return Condition(f"coalesce(pattern_id = coalesce({survivor}, ?), false)", [pattern_id] * 2)


def blocks_of(condition: Condition) -> frozenset[int] | None:
    return condition.blocks if isinstance(condition, Indexed) else None


def _shapes_of(condition: Condition) -> frozenset[int] | None:
    return condition.shapes if isinstance(condition, Indexed) else None


def _in_all(sets: Iterable[frozenset[int] | None]) -> frozenset[int] | None:
    known = [each for each in sets if each is not None]
    return frozenset.intersection(*known) if known else None


def _in_any(sets: Iterable[frozenset[int] | None]) -> frozenset[int] | None:
    known = list(sets)
    union: frozenset[int] = frozenset()
    for each in known:
        if each is None:
            return None
        union |= each
    return union


def one_of(column: str, numbers: Iterable[int]) -> str:
    """Numbers of our own, as text: DuckDB skips row groups only by what it sees in the statement."""
    listed = ", ".join(str(int(number)) for number in sorted(numbers))
    return f"{column} IN ({listed})" if listed else "false"
