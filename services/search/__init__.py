"""Finding, counting and deleting log records in the words of a request."""

from services.search.analytics import AggregateRequest, Analytics
from services.search.buckets import interval_for
from services.search.notices import Notice
from services.search.requests import SearchRequest, query_of
from services.search.running import RunningQueries
from services.search.search import Histogram, HistogramRow, Search, Stats

__all__ = [
    "AggregateRequest",
    "Analytics",
    "Histogram",
    "HistogramRow",
    "Notice",
    "RunningQueries",
    "Search",
    "SearchRequest",
    "Stats",
    "interval_for",
    "query_of",
]
