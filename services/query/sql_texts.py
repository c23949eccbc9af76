"""Clauses on texts that are read: what is looked at of them, tokens in a row, wildcards, regexes."""

from services.query.sql_condition import Condition, never_null
from services.query.sql_patterns import INSIDE, NOT_INSIDE, Literal, Piece, token_regex

TEXT_LIMIT = 32_768
"""Characters of a message that words are looked for in: one hostile message must not stop everybody's search."""

MANY_WORDS = 20

TOKENS_SQL = rf"regexp_extract_all(lower(?), '{INSIDE}+')"


def literal(column: str, text: str) -> Condition:
    """The text as it stands, folded, somewhere in the first `TEXT_LIMIT` characters of the column."""
    return _if_any(column, Condition(f"contains({searched(column)}, lower(?))", [text], True))


def searched(column: str) -> str:
    """What of a column of text is looked at, folded."""
    return f"lower(left({column}, {TEXT_LIMIT}))"


def tokens_in_a_row(column: str, words: list[str]) -> Condition:
    """Tokens in a row somewhere in the first `TEXT_LIMIT` characters of the column.

    Two cheap questions decide most rows: is it there at all, and does it stand between spaces. The pattern decides the
    rest. CASE, not AND and OR: under a NOT the pattern would be matched against every row (126 ms instead of 45 a
    million).
    """
    exact, wanted = _in_a_row(column, words)
    sql = f"""(CASE WHEN NOT contains(lower({column}), ?) THEN false
        WHEN strlen({column}) <= {TEXT_LIMIT} AND contains(lower({column}), ?) THEN true
        ELSE {exact} END)"""
    values = [max(words, key=len), f" {' '.join(words)} ", wanted]
    return _if_any(column, Condition(sql, values, True))


def _in_a_row(column: str, words: list[str]) -> tuple[str, str]:
    """The exact question and its value: a pattern, which RE2 refuses with some 400 words and needs 2 ms for each."""
    if len(words) <= MANY_WORDS:
        pattern = f"(?:^|{NOT_INSIDE})" + f"{NOT_INSIDE}+".join(words) + f"(?:$|{NOT_INSIDE})"
        return f"regexp_matches({searched(column)}, ?)", pattern
    return f"contains({norm_sql(column)}, ?)", f" {' '.join(words)} "


def norm_sql(column: str) -> str:
    """The tokens of what is looked at of a column, folded, each between two spaces; slower to make than to search."""
    return f"' ' || regexp_replace({searched(column)}, '{NOT_INSIDE}+', ' ', 'g') || ' '"


def token_matches(column: str, parts: list[Piece]) -> Condition:
    """A token that matches, somewhere in the first `TEXT_LIMIT` characters of the column."""
    longest = max((part.text for part in parts if isinstance(part, Literal)), key=len, default="")
    match parts:
        case ("*", Literal(middle), "*"):
            return literal(column, middle)
    sql = f"""(CASE WHEN NOT contains(lower({column}), ?) THEN false
        ELSE regexp_matches({searched(column)}, ?) END)"""
    return _if_any(column, Condition(sql, [longest, token_regex(parts)], True))


def text_regex(column: str, pattern: str) -> Condition:
    """An RE2 pattern that matches somewhere in the first `TEXT_LIMIT` characters of the column, as they stand."""
    return _if_any(column, Condition(f"regexp_matches(left({column}, {TEXT_LIMIT}), ?)", [pattern], True))


def _if_any(column: str, condition: Condition) -> Condition:
    return condition if column == "message" else never_null(condition)  # a message is never NULL
