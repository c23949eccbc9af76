"""Wildcards and regular expressions: how they are written for RE2, and what they may cost.

RE2 (https://github.com/google/re2/wiki/Syntax) reads a text once, whatever the pattern; its time per character grows with the
size of the pattern after its counted repetitions are written out. That size is bounded here before RE2 sees it: DuckDB
looks for an interrupt only between 2,048 records. `.` does not match a newline unless `(?s)` says so, `^` and `$` stand for
the ends of the text unless `(?m)` does.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.errors import InvalidQuery

MatchRegex = Callable[[str, Sequence[str]], list[bool]]
"""Whether an RE2 pattern matches somewhere in each of the texts. Raises `ValueError` with RE2's complaint."""

MAX_COST = 2_000
"""Of all patterns of a query, in literal characters: 0.9 s per MB at worst (`a.{300}z` over random letters)."""
LITERAL, ANY, CLASS, UNICODE = 1, 4, 4, 40
"""Costs of a literal character, of `.`, of `[a-z]`, of `\\pL` (compiling 100 of them takes 74 ms, a literal nothing)."""

NETWORK = 50
"""Cost of a network: planning the arithmetic of one takes 15 ms."""

INSIDE = r"[\pL\pN_]"
NOT_INSIDE = r"[^\pL\pN_]"

RUN = "*"
ONE = "?"

_PIECE = re.compile(
    r"""\\Q(?P<quoted>.*?)(?:\\E|\Z) | (?P<unicode>\\[pP](?:\{[^}]*\}|.)) | \\x\{[^}]*\} | (?P<byte>\\C) | \\. |
    (?P<class>\[\^?\]?(?:\[:[^\]]*:\]|\\.|[^\]\\])*\]) | (?P<open>\((?:\?[^():]*:|\?P?<[^>]*>)?) | (?P<close>\)) |
    \{(?P<low>\d+)(?P<comma>,(?P<high>\d*))?\} | (?P<repeat>[*+?]) | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


@dataclass(frozen=True)
class Literal:
    """Characters of a wildcard pattern that stand for themselves."""

    text: str


Piece = Literal | str
"""A piece of a wildcard pattern: characters, `RUN` or `ONE`."""


def pieces(pattern: str) -> list[Piece]:
    """The pieces of a wildcard pattern, runs of `*` as one. A backslash takes the meaning from `*`, `?` and backslash."""
    found: list[Piece] = []
    for part in re.findall(r"\\[*?\\]|[*?]|(?:[^\\*?]|\\(?![*?\\]))+", pattern):
        if part in (RUN, ONE):
            if not (part == RUN and found and found[-1] == RUN):
                found.append(part)
            continue
        text = part[1:] if part[0] == "\\" and part[1:] in ("*", "?", "\\") else part
        if found and isinstance(found[-1], Literal):
            text = found.pop().text + text  # type: ignore[union-attr]
        found.append(Literal(text))
    return found


def whole_value_regex(parts: Sequence[Piece]) -> str:
    """RE2 for a wildcard pattern that a whole value must match, newlines and all; for `regexp_full_match`."""
    written = {RUN: ".*", ONE: "."}
    return "(?s)" + "".join(escaped(part.text) if isinstance(part, Literal) else written[part] for part in parts)


def token_regex(parts: Sequence[Piece]) -> str:
    """RE2 that finds a token that matches the wildcard pattern; its literals are folded and hold token characters only.

    A `*` at an end of the pattern needs nothing: what is found there is part of some token anyway.
    """
    written = {RUN: INSIDE + "*", ONE: INSIDE}
    inner = [part.text if isinstance(part, Literal) else written[part] for part in parts]
    if all(part == RUN for part in parts):
        return INSIDE
    inner[0] = f"(?:^|{NOT_INSIDE}){inner[0]}" if parts[0] != RUN else ""
    inner[-1] = f"{inner[-1]}(?:$|{NOT_INSIDE})" if parts[-1] != RUN else ""
    return "".join(inner)


def escaped(text: str) -> str:
    """RE2 for the text itself."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def wildcard_cost(parts: Sequence[Piece], *, in_tokens: bool) -> int:
    """What a wildcard pattern adds to the costs of a query."""
    one = UNICODE if in_tokens else ANY
    return sum(len(part.text) if isinstance(part, Literal) else one for part in parts)


def regex_cost(pattern: str) -> int:
    """What a regex adds to the costs of a query: its size with all repetitions written out, at most.

    Reads patterns that RE2 would refuse as well; then the figure means nothing. Raises `InvalidQuery` for `\\C`, which
    would cut characters into bytes.
    """
    sums: list[list[int]] = [[]]
    for match in _PIECE.finditer(pattern):
        if match["byte"]:
            raise InvalidQuery("\\C matches half characters and is not served.", expected=". for any character")
        if match["open"]:
            sums.append([])
        elif match["close"]:
            if len(sums) > 1:
                group = sum(sums.pop())
                sums[-1].append(group)
        elif match["low"]:
            _repeat(sums[-1], max(int(match["low"]) + bool(match["comma"]), int(match["high"] or 0)))
        elif not match["repeat"]:
            sums[-1].append(_piece_cost(match))
    return sum(sum(group) for group in sums)


def _repeat(group: list[int], times: int) -> None:
    if group:
        group[-1] *= times


def _piece_cost(match: re.Match[str]) -> int:
    if match["quoted"] is not None:
        return len(match["quoted"])
    if match["unicode"]:
        return UNICODE
    if match["class"]:
        return CLASS + UNICODE * len(re.findall(r"\\[pP]", match["class"]))
    return ANY if match["other"] == "." else LITERAL


def within_costs(cost: int) -> None:
    """Raise `InvalidQuery` where the patterns and networks of a query cost more than a search may."""
    if cost > MAX_COST:
        raise InvalidQuery(
            "The patterns and networks of this query cost too much: repetitions like {1000} count as often as they say.",
            expected="shorter patterns, or fewer patterns and networks",
        )
