"""The questions of the bench, each asked of the store on Elasticsearch and, as the plainest body for it, of `_search`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from bench import questions
from bench.data import BUSY_ADDRESS, RARE_WORD
from bench.questions import PAGES, Question
from bench.raw_elastic import Raw
from bench.vocabulary import COMMON, PHRASE, WILD

ORDER = [{"@timestamp": "desc"}, {"event.sequence": "desc"}]
HOUR = {"field": "@timestamp", "fixed_interval": "1h", "min_doc_count": 1}

Body = dict[str, Any]


def of_generated(batch: pa.Table) -> list[Question]:
    """The questions about generated records; ids and the like are those of a record of `batch`."""
    unique, address, trace, customer = _specimens(batch)
    wild = WILD[0][:7]
    asked: list[tuple[str, str, Body]] = [
        ("level", "level:error", {"term": {"log.level": "error"}}),
        ("common word", COMMON, _phrase(COMMON)),
        ("rare word", RARE_WORD, _phrase(RARE_WORD)),
        ("unique id", unique, _phrase(unique)),
        ("address", address, _phrase(address)),
        ("busy address", BUSY_ADDRESS, _phrase(BUSY_ADDRESS)),
        ("trace id", f"trace_id:{trace}", {"term": {"trace.id": trace}}),
        ("phrase", f'"{PHRASE}"', _phrase(PHRASE)),
        ("wildcard", f"{wild}*", {"wildcard": {"message": {"value": f"{wild}*"}}}),
        ("attribute", f"customer:{customer}", {"term": {"attributes.customer": customer}}),
        ("number range", "duration_ms:>4000", {"range": {"numbers.duration_ms": {"gt": 4000}}}),
    ]
    return [
        page("all", "", {"match_all": {}}),
        *(page(*each) for each in asked),
        *(count(*each) for each in asked),
        histogram("all", "", {"match_all": {}}),
        histogram("common word", COMMON, _phrase(COMMON)),
        top("service", "service", "service.name"),
        top("host", "host", "host.name"),
        top("trace id", "trace_id", "trace.id"),
        top("customer", "customer", "attributes.customer"),
        measure("p95 of duration", "p95", {"percentiles": {"field": "numbers.duration_ms", "percents": [95]}}),
        measure("average duration", "avg", {"avg": {"field": "numbers.duration_ms"}}),
        paging("all", "", {"match_all": {}}),
        paging("common word", COMMON, _phrase(COMMON)),
    ]


def page(name: str, text: str, query: Body) -> Question:
    """The newest 50 and the total."""

    def raw(asked: Raw) -> Any:
        found = asked.search(query=_filter(query), size=50, sort=ORDER, track_total_hits=True)["hits"]
        return [found["total"]["value"], *map(_time, found["hits"])]

    return _beside(questions.page(name, text), raw)


def count(name: str, text: str, query: Body) -> Question:
    """How many records match."""
    body = {"query": _filter(query), "size": 0, "track_total_hits": True}
    return _beside(questions.count(name, text, ""), lambda asked: asked.search(**body)["hits"]["total"]["value"])


def histogram(name: str, text: str, query: Body) -> Question:
    """Records by hour."""

    def raw(asked: Raw) -> Any:
        found = asked.search(query=_filter(query), size=0, aggs={"h": {"date_histogram": HOUR}})
        return [(_moment(each["key"]), each["doc_count"]) for each in found["aggregations"]["h"]["buckets"]]

    return _beside(questions.histogram(name, text), raw)


def top(name: str, field: str, path: str) -> Question:
    """The ten most frequent values, as `terms` alone tells them: over several shards its counts may be too low."""

    def raw(asked: Raw) -> Any:
        found = asked.search(size=0, aggs={"t": {"terms": {"field": path, "size": 10}}})
        return [each["doc_count"] for each in found["aggregations"]["t"]["buckets"]]

    return _beside(questions.top(name, field, ""), raw)


def measure(name: str, metric: Any, aggregation: Body) -> Question:
    """A metric of an attribute's numbers; percentiles are approximations on both sides, and not compared."""

    def raw(asked: Raw) -> Any:
        found = asked.search(size=0, aggs={"m": aggregation})["aggregations"]["m"]
        return [round(next(iter(found["values"].values())) if "values" in found else found["value"], 6)]

    return _beside(questions.measure(name, metric, "", "duration_ms", ""), raw)


def paging(name: str, text: str, query: Body) -> Question:
    """Twenty pages one after the other, without totals."""

    def raw(asked: Raw) -> Any:
        hits: list[Any] = []
        for _ in range(PAGES):
            after = {"search_after": hits[-1]["sort"]} if hits else {}
            hits = asked.search(query=_filter(query), size=50, sort=ORDER, track_total_hits=False, **after)["hits"][
                "hits"
            ]
        return [*map(_time, hits)]

    return _beside(questions.paging(name, text), raw)


def _beside(question: Question, raw: Callable[[Raw], Any]) -> Question:
    return replace(question, plain=raw)  # type: ignore[arg-type]


def _filter(query: Body) -> Body:
    return {"bool": {"filter": [query]}}


def _phrase(text: str) -> Body:
    return {"match_phrase": {"message": text}}


def _time(hit: Any) -> datetime:
    return datetime.fromisoformat(hit["_source"]["@timestamp"])


def _moment(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def _specimens(batch: pa.Table) -> tuple[str, str, str, str]:
    """An id, an address, a trace id and a customer that occur."""
    import duckdb

    con = duckdb.connect()
    con.register("logs", batch)

    def one(expression: str, where: str) -> str:
        row = con.execute(f"SELECT {expression} FROM logs WHERE {where} LIMIT 1 OFFSET 50").fetchone()
        assert row is not None
        return str(row[0])

    unique = one("regexp_extract(message, 'request ([0-9a-f]{16})', 1)", "contains(message, 'request ')")
    usual = f"regexp_matches(message, 'from [0-9]+\\.') AND NOT contains(message, '{BUSY_ADDRESS}')"
    address = one(r"regexp_extract(message, 'from ((\d+\.){3}\d+)', 1)", usual)
    return unique, address, one("trace_id", "true"), one("json_extract_string(attributes, '$.customer')", "true")
