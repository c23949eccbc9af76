"""Numbers about many records: GET logs/aggregate/, logs/fields/, logs/fields/{name}/values/, logs/patterns/."""

from dataclasses import asdict
from typing import Any

from app.api.answers import milliseconds, rfc3339
from app.api.caller import caller, services
from app.api.models.analytics import (
    Aggregated,
    AggregateQuery,
    FieldPath,
    Fields,
    FieldsQuery,
    FieldValues,
    Patterns,
    PatternsQuery,
    ValuesQuery,
)
from app.api.problem_docs import CANCELLED
from app.api.resource import Resource
from app.api.searching import completeness_json, request_of, settled
from services.log_store.interface import FieldsResult, PatternCount, PatternsResult
from services.search import values as services_values
from services.search.analytics import AggregateAnswer, AggregateRequest, AggregateRow

analytics = Resource("analytics", "Numbers about the records that match.")


@analytics.get("/logs/aggregate/", responses={200: Aggregated} | CANCELLED)
def aggregate_logs(query: AggregateQuery) -> dict[str, Any]:
    """One number of each group of the records that match: by time, by up to two fields, by both."""
    wanted = AggregateRequest(
        metric=query.metric,
        field=query.field or None,
        interval=query.interval or None,
        by=tuple(query.by),
        limit=query.limit,
        with_other=query.other,
    )
    with services().queries.running(caller(), query.query_id) as handle:
        fresh = settled(query)
        found = services().analytics.aggregate(caller(), request_of(query), wanted, handle=handle)
    return aggregate_json(found) | completeness_json(found.is_partial, fresh)


@analytics.get("/logs/fields/", responses={200: Fields} | CANCELLED)
def list_fields(query: FieldsQuery) -> dict[str, Any]:
    """The fields of the records that match, with their types and how many records have them."""
    with services().queries.running(caller(), query.query_id) as handle:
        fresh = settled(query)
        found = services().analytics.fields(caller(), request_of(query), handle=handle)
    return fields_json(found) | completeness_json(found.is_partial, fresh)


@analytics.get("/logs/fields/<field_name:name>/values/", responses={200: FieldValues} | CANCELLED)
def list_field_values(path: FieldPath, query: ValuesQuery) -> dict[str, Any]:
    """The most frequent values of one field, and what its numbers are like."""
    with services().queries.running(caller(), query.query_id) as handle:
        fresh = settled(query)
        found = services().analytics.field_values(
            caller(), request_of(query), path.name, limit=query.limit, prefix=query.prefix, handle=handle
        )
    return values_json(path.name, found) | completeness_json(found.is_partial, fresh)


@analytics.get("/logs/patterns/", responses={200: Patterns})
def list_patterns(query: PatternsQuery) -> dict[str, Any]:
    """The patterns of the messages that match."""
    fresh = settled(query)
    found = services().analytics.patterns(caller(), request_of(query), limit=query.limit)
    return patterns_json(found) | completeness_json(found.is_partial, fresh)


def aggregate_json(found: AggregateAnswer) -> dict[str, Any]:
    """Groups as the API writes them."""
    interval = found.interval
    return {
        "rows": [_row_json(row) for row in found.rows],
        "interval": None if interval is None else str(interval),
        "interval_s": None if interval is None else interval.seconds,
        "took_ms": milliseconds(found.took_ms),
    }


def _row_json(row: AggregateRow) -> dict[str, Any]:
    return {
        "time": rfc3339(row.time),
        "by": row.by,
        "other": row.other,
        "count": row.count,
        "value": row.value,
    }


def fields_json(found: FieldsResult) -> dict[str, Any]:
    """Fields as the API writes them."""
    fields = [
        {
            "name": each.name,
            "types": each.types,
            "count": each.count,
            "coverage": each.count / found.read_records if found.read_records else 0.0,
            "promoted": each.is_promoted,
        }
        for each in found.fields
    ]
    rest = {"total": found.total, "read_records": found.read_records, "has_more": found.has_more}
    return {"fields": fields, **rest, "took_ms": milliseconds(found.took_ms)}


def values_json(name: str, found: services_values.FieldValues) -> dict[str, Any]:
    """The values of a field as the API writes them."""
    return {
        "name": name,
        "values": [asdict(each) for each in found.values],
        "other": found.other,
        "present": found.present,
        "total": found.total,
        "numbers": None if found.numbers is None else asdict(found.numbers),
        "took_ms": milliseconds(found.took_ms),
    }


def patterns_json(found: PatternsResult) -> dict[str, Any]:
    """Patterns as the API writes them."""
    rest = {"pattern_count": found.pattern_count, "other_count": found.other_count, "total": found.total}
    patterns = [_pattern_json(each, found.total) for each in found.patterns]
    return {"patterns": patterns, **rest, "took_ms": milliseconds(found.took_ms)}


def _pattern_json(pattern: PatternCount, total: int) -> dict[str, Any]:
    return {
        "id": pattern.id,
        "template": pattern.template,
        "count": pattern.count,
        "share": pattern.count / total,
        "levels": [{"value": level, "count": count} for level, count in pattern.levels],
        "first": rfc3339(pattern.first),
        "last": rfc3339(pattern.last),
    }
