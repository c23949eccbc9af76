"""The form of a JSON record: its text with holes where the values are, and which hole fills which column."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from services.ingest.formats import json_exact
from services.ingest.formats.json_aliases import NUMBER_SCALE, PARENTS, RANK, WINDOWS_HOSTS, WINDOWS_MARKS
from services.ingest.formats.json_exact import Row
from services.ingest.formats.json_text import Member, members

MOST_HOLES = 400
TEXT, JSON = "VARCHAR", "JSON"


class Comparison(Enum):
    """How the text that was put together is compared with the line.

    PLAIN    strings that fill columns have no escapes
    ESCAPED  they have those that DuckDB writes itself
    MASKED   they may have any (ASCII-only JSON, `\\/`, `\\u003c` for <), in attributes too, which keep them: before the line
             is taken apart a character of private use takes the place of each backslash, and gives it back behind
    """

    PLAIN = "plain"
    ESCAPED = "escaped"
    MASKED = "masked"


_MASKS = (("\\\\", "\ue000"), ("\\u", "\ue001"), ('\\"', "\ue002"), ("\\", "\ue003"))
"""What is masked, in this order: pairs of backslashes first, so that a `u` or a quote behind one is no escape."""
_MASK = "[\ue000-\ue003]"


@dataclass(frozen=True)
class Hole:
    """A value's place. `kind` is TEXT for a string that fills a column, else JSON; `column` None: it is an attribute.

    spaced  commas and colons in the value have a blank behind them
    flat    the value is no object: in one there might be what fills a column
    """

    path: tuple[str, ...]
    kind: str
    column: str | None = None
    spaced: bool = False
    flat: bool = False


Part = str | Hole


@dataclass(frozen=True)
class Form:
    """Parts of the whole text, in order, and parts of the text of its attributes (empty: none are left).

    `aliases` maps column to alias.
    """

    parts: tuple[Part, ...]
    attributes: tuple[Part, ...]
    aliases: tuple[tuple[str, str], ...]
    level_scale: str

    def has(self, column: str) -> bool:
        """True where a member fills the column."""
        return any(name == column for name, _ in self.aliases)

    def brackets(self) -> int:
        """How many opening brackets the text of the attributes has at least."""
        return sum(part.count("[") + part.count("{") for part in self.attributes if isinstance(part, str))

    def sql(self, table: str, comparison: Comparison) -> str:
        """SELECT over `table` (line_no, line): the columns (time_text and level_text as they stand), and `same`.

        One row per line, in order.
        """
        escaped, masked = comparison is Comparison.ESCAPED, comparison is Comparison.MASKED
        holes = [part for part in self.parts if isinstance(part, Hole)]
        kinds = {hole.path: JSON if escaped else hole.kind for hole in holes}
        columns = [f"{_value(hole, self._alias(hole), comparison)} AS {_label(hole)}" for hole in holes if hole.column]
        if not self.has("message"):
            columns.append("line AS message")
        if self.attributes:
            attributes = _joined(self.attributes, comparison)
            columns.append(f"{_unmasked(attributes) if masked else attributes} AS attributes")
        checks = [f"{_joined(self.parts, comparison)} = text", *_checks(holes, escaped)]
        checks += _mask_checks() if masked else []
        columns.append(f"coalesce({' AND '.join(checks)}, false) AS same")
        structure = _literal(json.dumps(_tree(kinds), ensure_ascii=True))
        text = f"CASE WHEN json_valid(line) THEN {_masked('line')} END" if masked else "line"
        texts = f"SELECT line, {text} AS text FROM {table}"
        return f"SELECT {', '.join(columns)} FROM (SELECT *, json_transform(text, {structure}) AS s FROM ({texts}))"

    def _alias(self, hole: Hole) -> str:
        return dict(self.aliases)[hole.column or ""]


def form_of(text: str) -> Form | None:
    """The form of one record, or None where it is not of a sort that the columnar way reads."""
    row = json_exact.read(text, 0)
    if row.problems or row.message is not None or not row.top or len({m.name.lower() for m in row.top}) < len(row.top):
        return None
    if text.count("[") + text.count("{") >= json_exact.MAX_DEPTH:
        return None
    spaced = '": ' in text
    try:
        parts = tuple(_merge(_object(row, row.top, text, (), spaced)))
        attributes = tuple(_merge(_left_over(row, row.top, (), spaced)))
    except _Unusual:
        return None
    if sum(isinstance(part, Hole) for part in parts) > MOST_HOLES:
        return None
    start = text.index("{")
    end = text.rindex("}") + 1
    whole = (text[:start], *parts, text[end:])
    aliases = tuple(sorted((column, pick.alias) for column, pick in row.picks.items()))
    windows = any(member.name.lower() in WINDOWS_MARKS for member in row.top)
    level = row.picks.get("level")
    scale = NUMBER_SCALE.get(level.alias, "windows" if windows else "any") if level else "any"
    return Form(tuple(_merge(whole)), attributes, aliases, scale)


class _Unusual(Exception):
    """A value that the columnar way does not read."""


def _object(row: Row, found: list[Member], text: str, path: tuple[str, ...], spaced: bool) -> Iterator[Part]:
    """The parts of an object, from its opening brace to its closing one."""
    names = {member.name.lower() for member in found}
    if len(names) < len(found) or "" in names or any("\0" in name for name in names):
        raise _Unusual
    yield "{"
    end = found[0].start
    for index, member in enumerate(found):
        if index:
            yield text[end : member.start]
        yield text[member.start : member.value_start]
        yield from _member_value(row, member, text, (*path, member.name), spaced)
        end = member.end
    yield "}"


def _member_value(row: Row, member: Member, text: str, path: tuple[str, ...], spaced: bool) -> Iterator[Part]:
    column = next((name for name, pick in row.picks.items() if pick.member is member), None)
    inner = _inner(row, member, spaced)
    if column is not None and isinstance(member.value, list):
        yield Hole(path, _kind(column, member), column, spaced)
    elif column is not None:
        yield Hole(path, _kind(column, member), column)
    elif inner:
        if _blank_inside(text, member, inner):
            raise _Unusual
        yield from _object(row, inner, text, path, spaced)
    else:
        yield _attribute(row, member, path, spaced)


def _attribute(row: Row, member: Member, path: tuple[str, ...], spaced: bool) -> Part:
    """The hole of a value that fills no column; its very text where another value in its place might fill one."""
    name = ".".join(path).lower()
    is_list = isinstance(member.value, list) and bool(member.value)
    if _might_fill(row, name) or (name in PARENTS and isinstance(member.value, dict)):
        return row.text[member.value_start : member.end]
    return Hole(path, JSON, None, spaced and is_list, name in PARENTS)


def _might_fill(row: Row, name: str) -> bool:
    """True where a member of this name would have filled a column, had it another value."""
    if name in WINDOWS_HOSTS and any(member.name.lower() in WINDOWS_MARKS for member in row.top):
        return True
    if name not in RANK:
        return False
    column, rank = RANK[name]
    held = row.picks.get(column)
    return held is None or rank < RANK[held.alias][1]


def _blank_inside(text: str, member: Member, inner: list[Member]) -> bool:
    return text[member.value_start : inner[0].start] != "{" or text[inner[-1].end : member.end] != "}"


def _inner(row: Row, member: Member, spaced: bool) -> list[Member]:
    """The members of an object that has to be looked into: there may be aliases in it, or blanks between them."""
    if not isinstance(member.value, dict) or not member.value:
        return []
    nested = row.nested.get(member.start)
    if nested is None and spaced:
        nested = row.nested[member.start] = members(row.text, member.value_start)[0]
    return nested or []


def _kind(column: str, member: Member) -> str:
    if isinstance(member.value, str):
        return TEXT
    if column == "tags" or (isinstance(member.value, float) and column != "message"):
        return JSON
    raise _Unusual


def _left_over(row: Row, found: list[Member], path: tuple[str, ...], spaced: bool) -> list[Part]:
    """The parts of the text of what fills no column; empty where nothing is left. As `json_exact` writes it."""
    used = {id(pick.member) for pick in row.picks.values()}
    kept: list[list[Part]] = []
    for member in found:
        if id(member) in used:
            continue
        name: Part = row.text[member.start : member.value_start]
        inner = _inner(row, member, spaced)
        if not inner:
            kept.append([name, _attribute(row, member, (*path, member.name), spaced)])
        elif any(id(each) in used for each in _below(row, inner)):
            rest = _left_over(row, inner, (*path, member.name), spaced)
            kept.extend([[name, *rest]] if rest else [])
        else:
            kept.append([name, *_object(row, inner, row.text, (*path, member.name), spaced)])
    if not kept:
        return []
    return ["{", *[part for index, each in enumerate(kept) for part in ([","] if index else []) + each], "}"]


def _below(row: Row, found: list[Member]) -> Iterator[Member]:
    for member in found:
        yield member
        yield from _below(row, row.nested.get(member.start, []))


def _merge(parts: Iterator[Part] | tuple[Part, ...] | list[Part]) -> Iterator[Part]:
    """The same parts with neighbouring texts in one."""
    held = ""
    for part in parts:
        if isinstance(part, str):
            held += part
            continue
        if held:
            yield held
        held = ""
        yield part
    if held:
        yield held


def _tree(kinds: dict[tuple[str, ...], str]) -> dict[str, object]:
    tree: dict[str, object] = {}
    for path, kind in kinds.items():
        branch = tree
        for name in path[:-1]:
            branch = branch.setdefault(name, {})  # type: ignore[assignment]
        branch[path[-1]] = kind
    return tree


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _access(hole: Hole) -> str:
    return "s" + "".join('."' + name.replace('"', '""') + '"' for name in hole.path)


_RESPACED = "regexp_replace({}, '([,:])([\"\\[{{0-9tfn-])', '\\1 \\2', 'g')"
"""A guess that may go wrong in strings; the comparison with the line tells."""


def _piece(hole: Hole) -> str:
    """The hole's text as it stands in the line."""
    text = f"CAST({_access(hole)} AS VARCHAR)"
    if hole.spaced:
        text = _RESPACED.format(text)
    return text if hole.column else f"coalesce({text}, 'null')"


def _joined(parts: tuple[Part, ...], comparison: Comparison) -> str:
    """One call for all parts: a chain of || copies the text once per part. NULL counts as empty, which no line equals."""
    texts: list[str] = []
    quoted = [piece for part in parts for piece in _quoted(part, comparison is Comparison.ESCAPED)]
    for part in _merge(quoted):
        if isinstance(part, Hole):
            texts.append(_piece(part))
        else:
            texts.append(_literal(_with_masks(part) if comparison is Comparison.MASKED else part))
    return f"concat({', '.join(texts)})"


def _with_masks(text: str) -> str:
    for escape, mask in _MASKS:
        text = text.replace(escape, mask)
    return text


def _masked(text: str) -> str:
    for escape, mask in _MASKS:
        text = f"replace({text}, '{escape}', '{mask}')"
    return text


def _unmasked(text: str) -> str:
    for escape, mask in _MASKS:
        text = f"replace({text}, '{mask}', '{escape}')"
    return text


def _mask_checks() -> Iterator[str]:
    """The line has no such characters of its own."""
    for _, mask in _MASKS:
        yield f"NOT contains(line, '{mask}')"


def _quoted(part: Part, escaped: bool) -> list[Part]:
    quoted = isinstance(part, Hole) and part.column is not None and part.kind == TEXT and not escaped
    return ['"', part, '"'] if quoted else [part]


def _label(hole: Hole) -> str:
    return {"timestamp": "time_text", "level": "level_text"}.get(hole.column or "", hole.column or "")


def _value(hole: Hole, alias: str, comparison: Comparison) -> str:
    """The hole's value for its column."""
    access = _access(hole)
    if hole.column == "tags":
        return f"[{_string(access, comparison)}]" if hole.kind == TEXT else f"CAST({access} AS VARCHAR[])"
    value = _string(access, comparison) if hole.kind == TEXT else f"CAST({access} AS VARCHAR)"
    if alias == "log":
        value = f"regexp_replace({value}, '\\r?\\n$', '')"
    return value


def _string(access: str, comparison: Comparison) -> str:
    if comparison is Comparison.PLAIN:
        return access
    if comparison is Comparison.ESCAPED:
        return f"({access} ->> '$')"
    whole = f"(TRY_CAST(concat('\"', {_unmasked(access)}, '\"') AS JSON) ->> '$')"
    return f"CASE WHEN regexp_matches({access}, '{_MASK}') THEN {whole} ELSE {access} END"


_PLAIN = r'[^"\\\x{E000}-\x{E003}]*'


def _checks(holes: list[Hole], escaped: bool) -> Iterator[str]:
    """What must hold beside the comparison: values that a column can take."""
    for hole in holes:
        access = _access(hole)
        text = f"CAST({access} AS VARCHAR)"
        if hole.column == "tags" and hole.kind == JSON:
            yield f"""regexp_full_match({text}, '\\["{_PLAIN}"(?:,"{_PLAIN}")*\\]')"""
        elif hole.flat:
            yield f"NOT starts_with(coalesce({text}, ''), '{{')"
        elif hole.column and hole.kind == JSON:
            yield f"regexp_matches({text}, '^[-0-9]')"
        elif hole.column and hole.column != "message":
            empty = '""' if escaped else ""
            yield f"{access} <> '{empty}'"
