"""Numbers of other tools' documents: what the server counts exactly, and what is counted here."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from services.log_store.elasticsearch.cancelling import Question
from services.log_store.elasticsearch.external_candidates import asked
from services.log_store.elasticsearch.external_documents import TIME
from services.log_store.elasticsearch.external_fields import Json
from services.log_store.elasticsearch.residual import ResidualTable
from services.log_store.interface import AggregateResult, Aggregation, PatternCount, PatternsResult
from services.model import EARLIEST, LEVELS

_TIMES = pa.timestamp("us", tz="UTC")


def count(question: Question, query: Json, bound: int | None = None) -> tuple[int, bool]:
    """How many documents match, and whether counting ended at the bound. Raises like `Question.search`."""
    wanted: bool | int = True if bound is None else bound
    answer = asked(question, {"query": query, "size": 0, "track_total_hits": wanted})
    total = answer["hits"]["total"]
    return int(total["value"]), total["relation"] != "eq"


def is_of_server(aggregation: Aggregation) -> bool:
    """Whether the server gives the answer exactly, of documents that it finds exactly: how many, by time or in all."""
    by_width = aggregation.by == ("time",) and aggregation.calendar is None
    return aggregation.metric == "count" and (aggregation.by == () or by_width)


def answer_of_server(question: Question, query: Json, aggregation: Aggregation) -> AggregateResult:
    """The answer to an aggregation that `is_of_server`. Raises like `Question.search`."""
    began = time.perf_counter()
    body: Json = {"query": query, "size": 0, "track_total_hits": True}
    if aggregation.by:
        buckets = {"field": TIME, "fixed_interval": f"{aggregation.interval_s}s", "min_doc_count": 1}
        body["aggs"] = {"time": {"date_histogram": buckets}}
    answer = asked(question, body)
    total = int(answer["hits"]["total"]["value"])
    table = _by_time(answer) if aggregation.by else pa.table({"count": pa.array([total], pa.int64())})
    return AggregateResult(table, (time.perf_counter() - began) * 1000, total)


def _by_time(answer: Mapping[str, Any]) -> pa.Table:
    buckets = answer.get("aggregations", {"time": {"buckets": []}})["time"]["buckets"]
    times = pa.array([int(each["key"]) * 1000 for each in buckets], pa.int64()).cast(_TIMES)
    return pa.table({"time": times, "count": pa.array([each["doc_count"] for each in buckets], pa.int64())})


def moment_at_end(question: Question, query: Json, *, newest: bool) -> datetime | None:
    """The time of the newest or the oldest document, None where there is none. Raises like `Question.search`."""
    order = {"order": "desc" if newest else "asc", "numeric_type": "date_nanos", "unmapped_type": "date"}
    body = {"query": query, "size": 1, "sort": [{TIME: order}], "_source": False, "track_total_hits": False}
    hits = asked(question, body)["hits"]["hits"]
    return EARLIEST + timedelta(microseconds=int(hits[0]["sort"][0]) // 1000) if hits else None


def patterns_of_table(table: ResidualTable, began: float) -> PatternsResult:
    """No dictionary knows the messages of other tools: all records are those without a pattern."""
    sql = f"""SELECT level, count(*), epoch_us(min(timestamp)), epoch_us(max(timestamp)) FROM {table.table}
        GROUP BY level ORDER BY level DESC"""
    rows = table.cursor.execute(sql).fetchall()
    took_ms = (time.perf_counter() - began) * 1000
    if not rows:
        return PatternsResult([], 0, 0, 0, took_ms, table.is_partial)
    levels = tuple((LEVELS[level], records) for level, records, _, _ in rows)
    first, last = (_moment(us) for us in (min(row[2] for row in rows), max(row[3] for row in rows)))
    found = PatternCount(None, "", table.rows, levels, first, last)
    return PatternsResult([found], table.rows, 1, 0, took_ms, table.is_partial)


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us)
