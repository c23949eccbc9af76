"""Between HTTP and the search service: parameters in, records out."""

from dataclasses import asdict
from typing import Any

from app.api.answers import json_text, listing, milliseconds, rfc3339
from app.api.caller import caller, services
from app.api.models.search import ContextQuery, Fresh, SearchBody, SearchFilters, SearchQuery
from services.errors import InvalidInput
from services.log_store.interface import SAME_STREAM, LogContext, LogPage, LogRecord
from services.search import Notice, SearchRequest, Stats
from services.search.completeness import PARTIAL_COUNTS, partial_page, remarks


def request_of(said: SearchQuery | SearchBody | SearchFilters) -> SearchRequest:
    """The search that was asked for; where a parameter has two names the long one counts."""
    paging = {} if isinstance(said, SearchFilters) and not isinstance(said, SearchQuery) else _paging(said)
    return SearchRequest(
        query=said.query or said.q,
        levels=_several(said.level),
        sources=_several(said.source),
        services=_several(said.service),
        environments=_several(said.environment),
        hosts=_several(said.host),
        start=said.start_date or said.from_ or None,
        end=said.end_date or said.to or None,
        timezone=said.tz,
        upload_id=said.upload_id or None,
        **paging,
    )


def found(said: SearchQuery | SearchBody) -> dict[str, Any]:
    """One page of what the caller may see of it."""
    request = request_of(said)
    with services().queries.running(caller(), said.query_id) as handle:
        fresh = settled(said)
        page = services().search.search(caller(), request, handle=handle)
    told = _told_json(partial_page(page, request), fresh)
    notices = told.pop("notices", [])
    if not page.total and not request.cursor:
        notices += _notices_json(services().search.notices(caller(), request))
    return page_json(page, request) | {"notices": notices} | told


def settled(said: Fresh) -> bool | None:
    """Wait for what is on its way, where that was asked for: whether it is all there now; None: not asked."""
    return services().search.settle(caller()) if said.fresh else None


def completeness_json(is_partial: bool, fresh: bool | None) -> dict[str, Any]:
    """What an answer of counts leaves out: `partial`, `fresh` and `notices`, each where it says something."""
    return _told_json(PARTIAL_COUNTS if is_partial else None, fresh)


def _told_json(partial: str | None, fresh: bool | None) -> dict[str, Any]:
    told = remarks(partial, is_fresh=fresh)
    members = {"partial": partial is not None or None, "fresh": fresh, "notices": _notices_json(told) or None}
    return {name: value for name, value in members.items() if value is not None}


def _notices_json(notices: list[Notice]) -> list[dict[str, Any]]:
    return [asdict(notice) for notice in notices]


def record_json(record: LogRecord) -> dict[str, Any]:
    """One record as the API writes it."""
    return record | {
        "timestamp": rfc3339(record["timestamp"]),
        "tags": record["tags"] or [],
        "attributes": json_text(record["attributes"]),
    }


def page_json(page: LogPage, request: SearchRequest) -> dict[str, Any]:
    """One page of records as the API writes it."""
    made = listing(
        [record_json(record) for record in page.records],
        page.total or 0,
        page=request.page,
        page_size=request.page_size,
        next_cursor=page.next_cursor,
        took_ms=page.took_ms,
    )
    is_bound = page.total_is_at_least or page.is_partial
    if is_bound or request.total_bound is not None:
        made["total_relation"] = "gte" if is_bound else "eq"
    return made


def same_of(said: ContextQuery) -> tuple[str, ...]:
    """The fields in which records around one agree with it. Raises `InvalidInput`."""
    if not said.same:
        return SAME_STREAM
    if "any" in said.same:
        if len(set(said.same)) > 1:
            raise InvalidInput("`any` means all records; no other name belongs beside it.", field="same")
        return ()
    return tuple(said.same)


def context_json(context: LogContext, fresh: bool | None) -> dict[str, Any]:
    """The records around one as the API writes them. They are all looked at, whatever the store."""
    return {
        "before": [record_json(record) for record in context.before],
        "record": record_json(context.record),
        "after": [record_json(record) for record in context.after],
        "has_more_before": context.has_more_before,
        "has_more_after": context.has_more_after,
        "took_ms": milliseconds(context.took_ms),
    } | completeness_json(False, fresh)


def _paging(said: SearchQuery | SearchBody) -> dict[str, Any]:
    return {
        "page": said.page,
        "page_size": said.page_size,
        "cursor": said.cursor or None,
        "total_bound": said.total_bound,
        "newest_first": said.sort.startswith("-"),
    }


def _several(value: list[str] | str) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def statistics_json(stats: Stats, fresh: bool | None) -> dict[str, Any]:
    """Counts as the API writes them."""
    counts = {
        f"by_{name}": [{"value": value, "count": count} for value, count in getattr(stats, f"by_{name}")]
        for name in ("level", "source", "service", "environment", "host")
    }
    over_time = [{"start": rfc3339(row.bucket), "level": row.level, "count": row.count} for row in stats.over_time]
    rest = {"over_time": over_time, "interval_s": stats.interval_s, "took_ms": milliseconds(stats.took_ms)}
    told = completeness_json(stats.is_partial, fresh)
    return {"total": stats.total, **counts, **rest, **told}
