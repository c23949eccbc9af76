"""A line format is a table row: a pattern for the header of a line, and what its named groups mean.

The header is matched twice: as a whole on the line (RE2's DFA, no captures: 5 M lines/s), then with its groups on the
header alone (captures cost by length: 0.5 M whole log4j lines/s, four times as many headers). What follows the header is
the message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from services.ingest.formats.attributes import Member, attributes_sql
from services.ingest.levels import priority_level_sql
from services.ingest.times import NOTATIONS, Notation, strptime_sql

GROUP = re.compile(r"\(\?P<(\w+)>")
ANY_TIME = "TIME"
"""Stands in a pattern for the notations of the file, as in `(?P<time>TIME)`."""

GROUP_ATTRIBUTES: dict[str, tuple[str, str]] = {
    "pid": ("process.pid", "number"),
    "tid": ("process.thread.id", "number"),
    "thread": ("process.thread.name", "text"),
    "program": ("process.name", "text"),
    "logger": ("log.logger", "text"),
    "file": ("log.origin.file.name", "text"),
    "lineno": ("log.origin.file.line", "number"),
    "function": ("log.origin.function", "text"),
    "client": ("client.ip", "text"),
    "user": ("user.name", "text"),
    "stream": ("stream", "text"),
    "node": ("node.name", "text"),
    "code": ("event.code", "text"),
    "request": ("http.request.id", "text"),
    "database": ("database.name", "text"),
    "header": ("log.header", "text"),
}
"""Group name to the attribute that it becomes (ECS 8 where ECS has one), and its kind."""


@dataclass(frozen=True)
class LineFormat:
    """How one sort of line is read.

    header      RE2 pattern from the start of the line, with named groups: time, level, pri, host, service and those of
                `GROUP_ATTRIBUTES` have a meaning of their own; others are for `columns` and `attributes`
    evidence    a pattern of a whole line that must hold as well, when the format is looked for
    notations   names of the time notations that may stand at TIME; empty: any
    always      notations that the time column may have beside those of TIME
    stages      (name, SQL) evaluated one after the other; they see line, h (struct of the groups), m (the message) and
                the stages before
    columns     PARSED column -> SQL over the same names, where it is not what the groups say
    attributes  dotted path -> (SQL, kind), beside those of the groups
    follows     a pattern of the second lines of records, whose group level is the level
    plain       whether the groups mean nothing by their names
    also        formats for what this one leaves of the lines of the same writer
    bound       the notations that TIME stands for, once a sample was seen
    """

    name: str
    header: str
    evidence: str = ""
    notations: tuple[str, ...] = ()
    always: tuple[str, ...] = ()
    stages: tuple[tuple[str, str], ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Member] = field(default_factory=dict)
    follows: str = ""
    plain: bool = False
    also: tuple["LineFormat", ...] = ()
    bound: tuple[Notation, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, in their order."""
        return tuple(GROUP.findall(self.header))

    @property
    def pattern(self) -> str:
        """The header with the notations in place, anchored at the start; quotes are doubled for SQL."""
        if self.plain:
            return "^(?:" + self.header.replace("'", "''") + ")"
        times = "|".join(each.pattern for each in self.bound or self.allowed())
        return "^" + self.header.replace(ANY_TIME, f"(?:{times})").replace("'", "''")

    def capturing(self, names: tuple[str, ...]) -> str:
        """The pattern with only these of its groups."""
        return GROUP.sub(lambda group: group[0] if group[1] in names else "(?:", self.pattern)

    @property
    def evidence_pattern(self) -> str:
        """The evidence with the notations in place."""
        times = "|".join(each.pattern for each in self.bound or self.allowed())
        return self.evidence.replace(ANY_TIME, f"(?:{times})").replace("'", "''")

    def allowed(self) -> tuple[Notation, ...]:
        """The notations that may stand at TIME."""
        return tuple(each for each in NOTATIONS if each.name in self.notations or not self.notations)

    def bind(self, notations: tuple[Notation, ...]) -> "LineFormat":
        """The same format for a file with these notations."""
        return replace(self, bound=notations, also=tuple(each.bind(notations) for each in self.also))


def records_sql(form: LineFormat, *, zone: str, now: str, time_format: str | None = None) -> str:
    """SELECT over the table `headed` (line_no, line, header): one row per line whose header is not empty.

    Columns: line_no, time (its text), timestamp, level, word (of the level, still to be looked up), message, source, service, host, trace_id, span_id, attributes,
    raw, problem.
    """
    message = "substr(line, length(header) + 1)"
    inner = f"SELECT line_no, line, header, {message} AS rest, {_captures(form)} FROM headed WHERE header <> ''"
    inner = f"SELECT line_no, line, header, {_struct(form)} AS h, if(starts_with(rest, ' '), ltrim(rest), rest) AS m FROM ({inner})"
    for name, sql in form.stages:
        inner = f"SELECT *, {sql} AS {name} FROM ({inner})"
    columns = _columns(form, zone, now, time_format)
    return f"SELECT line_no, {', '.join(f'{sql} AS {name}' for name, sql in columns.items())} FROM ({inner})"


def _captures(form: LineFormat) -> str:
    """Structs c0, c1, … of the groups, by fours: RE2 captures no more than that in one pass."""
    return (
        ", ".join(
            f"regexp_extract(header, '{form.capturing(group)}', {list(group)}) AS c{position}"
            for position, group in enumerate(_fours(form))
        )
        or "NULL AS c0"
    )


def _struct(form: LineFormat) -> str:
    members = [f"'{name}': c{position}.{name}" for position, group in enumerate(_fours(form)) for name in group]
    return f"{{{', '.join(members)}}}" if members else "NULL"


def _fours(form: LineFormat) -> list[tuple[str, ...]]:
    return [form.groups[start : start + 4] for start in range(0, len(form.groups), 4)]


def _columns(form: LineFormat, zone: str, now: str, time_format: str | None) -> dict[str, str]:
    groups = () if form.plain else form.groups
    columns = {
        "time": "h.time" if "time" in groups else "CAST('' AS VARCHAR)",
        "timestamp": "CAST(NULL AS TIMESTAMP)",
        "level": priority_level_sql("try_cast(h.pri AS INTEGER)") if "pri" in groups else "CAST(NULL AS VARCHAR)",
        "word": "h.level" if "level" in groups else "CAST(NULL AS VARCHAR)",
        "message": "m",
        "source": "CAST(NULL AS VARCHAR)",
        "service": "nullif(h.program, '')" if "program" in groups else "CAST(NULL AS VARCHAR)",
        "environment": "CAST(NULL AS VARCHAR)",
        "host": "nullif(h.host, '')" if "host" in groups else "CAST(NULL AS VARCHAR)",
        "trace_id": "nullif(h.trace_id, '')" if "trace_id" in groups else "CAST(NULL AS VARCHAR)",
        "span_id": "nullif(h.span_id, '')" if "span_id" in groups else "CAST(NULL AS VARCHAR)",
        "attributes": attributes_sql(_attributes(form)),
        "raw": "CAST(NULL AS VARCHAR)",
        "problem": "CAST(NULL AS VARCHAR)",
    }
    if "service" in groups:
        columns["service"] = "nullif(h.service, '')"
    columns |= form.columns
    if columns["time"] != "CAST('' AS VARCHAR)" and "timestamp" not in form.columns:
        notations = (*form.bound, *(each for each in NOTATIONS if each.name in form.always))
        columns["timestamp"] = time_sql(columns["time"], notations, zone=zone, now=now, time_format=time_format)
    return columns


def time_sql(text: str, notations: tuple[Notation, ...], *, zone: str, now: str, time_format: str | None) -> str:
    """TIMESTAMP of a column whose texts are of these notations, NULL for all others."""
    if time_format:
        return strptime_sql(text, time_format, zone=zone, now=now)
    if not notations:
        return "CAST(NULL AS TIMESTAMP)"
    if len(notations) == 1:
        return notations[0].sql(text, zone=zone, now=now)
    arms = " ".join(
        f"WHEN regexp_full_match({text}, '{each.pattern}') THEN {each.sql(text, zone=zone, now=now)}"
        for each in notations
    )
    return f"CASE {arms} END"


def _attributes(form: LineFormat) -> dict[str, Member]:
    if form.plain:
        return dict(form.attributes)
    members = {path: (f"h.{group}", kind) for group, (path, kind) in GROUP_ATTRIBUTES.items() if group in form.groups}
    if "pri" in form.groups:
        members["log.syslog.priority"] = ("h.pri", "number")
    return members | dict(form.attributes)
