"""Searching: GET and POST logs/search/, GET logs/stats/."""

from typing import Any

from app.api.caller import caller, services
from app.api.models.search import (
    LogList,
    SearchBody,
    SearchQuery,
    Statistics,
    StatisticsQuery,
)
from app.api.problem_docs import CANCELLED
from app.api.resource import Resource
from app.api.searching import found, request_of, settled, statistics_json

search = Resource("search", "Finding log records.")


@search.get("/logs/search/", responses={200: LogList} | CANCELLED)
def search_logs(query: SearchQuery) -> dict[str, Any]:
    """Records that match a query."""
    return found(query)


@search.post("/logs/search/", responses={200: LogList} | CANCELLED)
def search_logs_by_body(body: SearchBody) -> dict[str, Any]:
    """Records that match a query, its parameters as a JSON body."""
    return found(body)


@search.get("/logs/stats/", responses={200: Statistics} | CANCELLED)
def count_logs(query: StatisticsQuery) -> dict[str, Any]:
    """Counts by level, source, service, environment, host and time of the records that match."""
    with services().queries.running(caller(), query.query_id) as handle:
        fresh = settled(query)
        return statistics_json(services().search.stats(caller(), request_of(query), handle=handle), fresh)
