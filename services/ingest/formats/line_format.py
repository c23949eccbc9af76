"""A line format is a table row: a pattern for the header of a line, and what its named groups mean.

The header is matched twice: as a whole on the line (RE2's DFA, no captures: 5 M lines/s), then with its groups on the
header alone (captures cost by length: 0.5 M whole log4j lines/s, four times as many headers). What follows the header is
the message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from services.ingest.formats.attributes import Member, attributes_sql
from services.ingest.levels import level_sql, priority_level_sql
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
    stages      (name, SQL) evaluated one after the other; they see line, h (struct of the groups), m (the message) and
                the stages before
    columns     PARSED column -> SQL over the same names, where it is not what the groups say
    attributes  dotted path -> (SQL, kind), beside those of the groups
    bound       the notations that TIME stands for, once a sample was seen
    """

    name: str
    header: str
    evidence: str = ""
    notations: tuple[str, ...] = ()
    stages: tuple[tuple[str, str], ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Member] = field(default_factory=dict)
    bound: tuple[Notation, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups, in their order."""
        return tuple(GROUP.findall(self.header))

    @property
    def pattern(self) -> str:
        """The header with the notations in place, anchored at the start; quotes are doubled for SQL."""
        times = "|".join(each.pattern for each in self.bound or self.allowed())
        return "^" + self.header.replace(ANY_TIME, f"(?:{times})").replace("'", "''")

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
        return replace(self, bound=notations)


def records_sql(form: LineFormat, *, zone: str, now: str, time_format: str | None = None) -> str:
    """SELECT over the table `headed` (line_no, line, header): one row per line whose header is not empty.

    Columns: line_no, time (its text), timestamp, level, message, source, service, host, trace_id, span_id, attributes,
    raw, problem.
    """
    groups = ", ".join(f"'{name}'" for name in form.groups)
    extracted = f"regexp_extract(header, '{form.pattern}', [{groups}])" if groups else "{'none': ''}"
    inner = (
        f"SELECT line_no, line, {extracted} AS h, trim(substr(line, length(header) + 1), ' \t\r') AS m"
        " FROM headed WHERE header <> ''"
    )
    for name, sql in form.stages:
        inner = f"SELECT *, {sql} AS {name} FROM ({inner})"
    columns = _columns(form, zone, now, time_format)
    return f"SELECT line_no, {', '.join(f'{sql} AS {name}' for name, sql in columns.items())} FROM ({inner})"


def _columns(form: LineFormat, zone: str, now: str, time_format: str | None) -> dict[str, str]:
    groups = form.groups
    columns = {
        "time": "h.time" if "time" in groups else "CAST('' AS VARCHAR)",
        "timestamp": "CAST(NULL AS TIMESTAMP)",
        "level": _level(groups),
        "message": "m",
        "source": "CAST(NULL AS VARCHAR)",
        "service": "nullif(h.program, '')" if "program" in groups else "CAST(NULL AS VARCHAR)",
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
        columns["timestamp"] = time_sql(columns["time"], form.bound, zone=zone, now=now, time_format=time_format)
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


def _level(groups: tuple[str, ...]) -> str:
    word = level_sql("h.level") if "level" in groups else "CAST(NULL AS VARCHAR)"
    if "pri" not in groups:
        return word
    return f"coalesce({word}, {priority_level_sql('try_cast(h.pri AS INTEGER)')})"


def _attributes(form: LineFormat) -> dict[str, Member]:
    members = {path: (f"h.{group}", kind) for group, (path, kind) in GROUP_ATTRIBUTES.items() if group in form.groups}
    if "pri" in form.groups:
        members["log.syslog.priority"] = ("h.pri", "number")
    return members | dict(form.attributes)
