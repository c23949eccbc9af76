"""The questions of the bench: each is asked of the store and, as the plainest SQL for it, of the bare table.

Both sides give the same plain Python value, which the bench compares: a different one is printed as a MISMATCH.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bench.plain import Plain
from services.log_store.duckdb import DuckDBLogStore
from services.log_store.interface import AggregateResult, Aggregation, LogQuery, Metric
from services.query.language import parse

ORGANISATION = "bench"
NEWEST = "ORDER BY timestamp DESC LIMIT 50"
PAGES = 20
_PROMOTED = " (promoted)"

WORD_COUNT_MS, WORD_HISTOGRAM_MS, UNIQUE_MS, AGGREGATE_MS = 5.0, 15.0, 25.0, 40.0
"""Aims, for 2 M records with up to 1,000 shapes; `UNIQUE_MS` for 10 M as well."""


@dataclass(frozen=True)
class Question:
    """`store` and `plain` answer it. `aim_ms` is how long the store may take.

    is_promotable  it reads an attribute, and is asked once more when the attribute has a column of its own; the aim is for
                   then
    is_central     it is asked while records are written and by many clients as well
    """

    name: str
    store: Callable[[DuckDBLogStore], Any]
    plain: Callable[[Plain], Any]
    aim_ms: float | None = None
    is_promotable: bool = False
    is_central: bool = False

    @property
    def unpromoted_name(self) -> str:
        return self.name.removesuffix(_PROMOTED)


def page(name: str, text: str, where: str = "true", **marks: Any) -> Question:
    """The newest 50 and how many there are, as the search page asks; the answer is that total and the times.

    No two records have the same time.
    """
    query = LogQuery(parse(text))
    page_sql, total_sql = f"SELECT * FROM logs WHERE {where} {NEWEST}", f"SELECT count(*) FROM logs WHERE {where}"

    def store(asked: DuckDBLogStore) -> Any:
        found = asked.search(ORGANISATION, query)
        return [found.total, *(record["timestamp"] for record in found.records)]

    def plain(asked: Plain) -> Any:
        times = [row[0] for row in asked.rows(page_sql)]
        return [asked.rows(total_sql)[0][0], *times]

    return Question(f"newest 50, {name}", store, plain, **marks)


def paging(name: str, text: str, where: str = "true") -> Question:
    """Twenty pages of 50 one after the other; the answer is the times on the last one. The bare table is asked for no totals."""

    def store(asked: DuckDBLogStore) -> Any:
        found = asked.search(ORGANISATION, LogQuery(parse(text)))
        for _ in range(PAGES - 1):
            if found.next_cursor is not None:
                found = asked.search(ORGANISATION, LogQuery(parse(text), cursor=found.next_cursor))
        return [record["timestamp"] for record in found.records]

    def plain(asked: Plain) -> Any:
        times = _times(asked, where)
        for _ in range(PAGES - 1):
            if len(times) == 50:
                times = _times(asked, f"timestamp < '{times[-1]}' AND {where}")
        return times

    return Question(f"{PAGES} pages, {name}", store, plain)


def _times(plain: Plain, where: str) -> list[Any]:
    return [row[0] for row in plain.rows(f"SELECT * FROM logs WHERE {where} {NEWEST}")]


def count(name: str, text: str, where: str, **marks: Any) -> Question:
    """How many records match."""
    sql = f"SELECT count(*) FROM logs WHERE {where}"
    return Question(
        f"count, {name}",
        lambda store: _aggregate(store, text, Aggregation()).table.column("count")[0].as_py(),
        lambda plain: plain.rows(sql)[0][0],
        **marks,
    )


def histogram(name: str, text: str = "", where: str = "true", **marks: Any) -> Question:
    """Records by hour."""
    sql = f"SELECT date_trunc('hour', timestamp), count(*) FROM logs WHERE {where} GROUP BY 1 ORDER BY 1"

    def store(asked: DuckDBLogStore) -> Any:
        table = _aggregate(asked, text, Aggregation(("time",), 3_600)).table
        return list(zip(table.column("time").to_pylist(), table.column("count").to_pylist(), strict=True))

    return Question(f"by hour, {name}", store, lambda plain: plain.rows(sql), **marks)


def top(name: str, field: str, expression: str, **marks: Any) -> Question:
    """The ten most frequent values of a field; the answer is how often they occur."""
    sql = f"SELECT count(*), {expression} FROM logs GROUP BY 2 ORDER BY 1 DESC LIMIT 10"
    return Question(
        f"top 10, {name}",
        lambda store: _aggregate(store, "", Aggregation((field,), limit=10)).table.column("count").to_pylist(),
        lambda plain: [row[0] for row in plain.rows(sql)],
        **marks,
    )


def measure(name: str, metric: Metric, function: str, field: str, expression: str, **marks: Any) -> Question:
    """A metric of an attribute's numbers; the answer is rounded, since sums depend on their order."""
    sql = f"SELECT {function.format(f'TRY_CAST({expression} AS DOUBLE)')} FROM logs"
    return Question(
        name,
        lambda store: _values(_aggregate(store, "", Aggregation(metric=metric, field=field))),
        lambda plain: [round(float(row[0]), 6) for row in plain.rows(sql)],
        **marks,
    )


def measure_by(name: str, by: str, field: str, expression: str, **marks: Any) -> Question:
    """p95 of an attribute for each value of a column."""
    sql = f"SELECT quantile_cont(TRY_CAST({expression} AS DOUBLE), 0.95), count(*) FROM logs GROUP BY {by} ORDER BY 2 DESC"
    return Question(
        name,
        lambda store: _values(_aggregate(store, "", Aggregation((by,), limit=50, metric="p95", field=field))),
        lambda plain: [round(float(row[0]), 6) for row in plain.rows(sql)],
        **marks,
    )


def patterns(name: str = "patterns of all records") -> Question:
    """What sorts of messages there are; in the bare table by masking numbers, which tells more sorts. The answer is the total."""
    masked = r"regexp_replace(message, '[A-Za-z0-9_]*[0-9][A-Za-z0-9_]*', '*', 'g')"
    sql = f"SELECT sum(n)::BIGINT FROM (SELECT {masked} AS sort, count(*) AS n FROM logs GROUP BY 1)"
    return Question(
        name,
        lambda store: store.patterns(ORGANISATION, parse("")).total,
        lambda plain: plain.rows(sql)[0][0],
    )


def contains(text: str) -> str:
    """SQL: the message holds the text, which is in lower case."""
    return f"contains(lower(message), '{text}')"


def attribute(path: str) -> str:
    """SQL: the text of an attribute."""
    return f"json_extract_string(attributes, '$.{path}')"


def promoted(questions: list[Question]) -> list[Question]:
    """Those about attributes, as they are called after the promotion."""
    return [replace(each, name=each.name + _PROMOTED) for each in questions if each.is_promotable]


def unpromoted(questions: list[Question]) -> list[Question]:
    """All, those about attributes without their aim and not to be asked again."""
    plain = {"aim_ms": None, "is_central": False}
    return [replace(each, **plain) if each.is_promotable else each for each in questions]


def _aggregate(store: DuckDBLogStore, text: str, aggregation: Aggregation) -> AggregateResult:
    return store.aggregate(ORGANISATION, parse(text), aggregation)


def _values(result: AggregateResult) -> list[float]:
    return [round(value, 6) for value in result.table.column("value").to_pylist()]
