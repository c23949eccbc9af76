"""The query compiler for frames of the live tail: what many filters ask of a record is worked out once per frame.

A frame has derived columns beside its own: the message as folded tokens between spaces (` a b c `), in which a word or
phrase is found by `contains`; and, for the fields that filters use, lists of their values. Each derived column is
SQL over the frame, made by the same parts as the store's conditions.
"""

from dataclasses import dataclass

from services.query.fields import FieldRef, Kind
from services.query.sql import FALSE, Compiler, Condition, MatchRegex, Tokens
from services.query.sql_attributes import holds_at_path, texts_at_path
from services.query.sql_networks import address_number, number_in_network
from services.query.sql_patterns import ONE, RUN, Literal, Piece
from services.query.sql_texts import norm_sql, searched
from services.query.sql_values import Between, Equals, InNetwork, Present, ValueTest, is_number_sql


@dataclass(frozen=True)
class Derived:
    """A column that is worked out once per frame. `sql` may use columns of the frame; `values` are its question marks'."""

    sql: str
    values: tuple[str | tuple[str, ...], ...] = ()


class LiveCompiler(Compiler):
    """Compiles one query for frames; afterwards `derived` tells which derived columns the condition needs, by name.

    `is_slow` where a regex is matched, whose time depends on the pattern. `names` is shared by all compilers of a
    filter, so that equal columns have one name.
    """

    def __init__(
        self, tokens: Tokens, match_regex: MatchRegex, names: dict[Derived, str], *, knows_patterns: bool = False
    ):
        super().__init__(tokens, match_regex)
        self.knows_patterns = knows_patterns
        self.derived: dict[str, Derived] = {}
        self.is_slow = False
        self._names = names

    def _column(self, derived: Derived) -> str:
        name = self._names.setdefault(derived, f"d{len(self._names)}")
        self.derived[name] = derived
        return name

    # -- texts -------------------------------------------------------------------------------------------------------

    def tokens_in_a_row(self, column: str, words: list[str]) -> Condition:
        """Tokens between spaces; a column other than the message has none where it is NULL."""
        return _contains(self._norm(column), f" {' '.join(words)} ")

    def literal(self, column: str, text: str) -> Condition:
        """The text as it stands, folded."""
        folded = self._column(Derived(searched(column)))
        return Condition(f"coalesce(contains({folded}, lower(?)), false)", [text])

    def token_matches(self, column: str, parts: list[Piece]) -> Condition:
        """A space on either side stands for the ends of a token."""
        before, after = ("" if parts[0] == RUN else " "), ("" if parts[-1] == RUN else " ")
        inner = parts[0 if before else 1 : len(parts) if after else -1] if len(parts) > 1 else parts
        norm = self._norm(column)
        match inner:
            case [Literal(text)]:
                return _contains(norm, before + text + after)
        self.is_slow = True
        written = {RUN: "[^ ]*", ONE: "[^ ]"}
        regex = "".join(part.text if isinstance(part, Literal) else written[part] for part in inner)
        pattern = "[^ ]" if all(part == RUN for part in parts) else before + regex + after
        return Condition(f"coalesce(regexp_matches({norm}, ?), false)", [pattern])

    def _norm(self, column: str) -> str:
        return self._column(Derived(norm_sql(column)))

    def text_regex(self, column: str, pattern: str) -> Condition:
        """See `Compiler`."""
        self.is_slow = True
        return super().text_regex(column, pattern)

    # -- values ------------------------------------------------------------------------------------------------------

    def attribute(self, path: str, test: ValueTest) -> Condition:
        """Asked of the list of values of the path."""
        if isinstance(test, Present):
            present = holds_at_path("attributes", path, test)
            return Condition(self._column(_derived(present)))
        texts = texts_at_path("attributes", path, reads_digits=test.reads_digits)
        return self._in_list(_derived(texts), test)

    def _values(self, ref: FieldRef, test: ValueTest) -> Condition:
        if isinstance(test, InNetwork) and ref.kind is Kind.KEYWORD:
            return self._in_list(Derived(f"[{ref.name}]"), test)
        if ref.kind is Kind.TAGS:
            return self._in_list(Derived("tags"), test)
        self.is_slow = self.is_slow or _is_pattern(test)
        return super()._values(ref, test)

    def _in_list(self, texts: Derived, test: ValueTest) -> Condition:
        if isinstance(test, InNetwork):
            addresses = (
                f"list_transform({texts.sql}, lambda t: ({address_number('t')})::VARCHAR)"  # Arrow has no UHUGEINT
            )
            column = self._column(Derived(addresses, texts.values))
            return _any(column, number_in_network("x::UHUGEINT", test.network))
        number = test.number if isinstance(test, Equals) else None
        between = test.compared("x") if isinstance(test, Between) and test.is_numeric else None
        if number is not None or between is not None:
            numbers = (
                f"list_transform({texts.sql}, lambda t: CASE WHEN {is_number_sql('t')} THEN TRY_CAST(t AS DOUBLE) END)"
            )
            column = self._column(Derived(numbers, texts.values))
            if between is not None:
                return _any(column, between)
            return Condition(f"coalesce(list_contains({column}, ?::DOUBLE), false)", [number])
        column = self._column(texts)
        if isinstance(test, Equals):
            return Condition(f"coalesce(list_contains({column}, ?), false)", [test.value])
        self.is_slow = self.is_slow or _is_pattern(test)
        return _any(column, test.on("x"))

    # -- patterns ----------------------------------------------------------------------------------------------------

    def pattern(self, pattern_id: int) -> Condition:
        """Records whose shape has the pattern; none where nobody tells the patterns of shapes."""
        return Condition("coalesce(pattern_id = ?, false)", [pattern_id]) if self.knows_patterns else FALSE

    def has_pattern(self) -> Condition:
        """Records whose shape has a pattern."""
        return Condition("(pattern_id IS NOT NULL)") if self.knows_patterns else FALSE


def _contains(column: str, text: str) -> Condition:
    return Condition(f"coalesce(contains({column}, ?), false)", [text])


def _any(column: str, test: Condition) -> Condition:
    sql = f"coalesce(len(list_filter({column}, lambda x: coalesce({test.sql}, false))) > 0, false)"
    return Condition(sql, test.values)


def _is_pattern(test: ValueTest) -> bool:
    return test.reads_digits and not isinstance(test, Equals)


def _derived(condition: Condition) -> Derived:
    return Derived(condition.sql, tuple(tuple(v) if isinstance(v, list) else v for v in condition.values))
