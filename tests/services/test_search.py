"""Requests in the words of a user, on a real store."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.errors import Forbidden, InvalidInput, InvalidQuery, NotFound
from services.log_store.duckdb import DuckDBLogStore
from services.principal import Principal, Role, Scope
from services.query.language import MatchAll
from services.search import Histogram, HistogramRow, Search, SearchRequest, interval_for, query_of
from tests.clocks import HandClock
from tests.records import START, batch, record

ADMIN = Principal("1", "ada", "acme", Role.ADMIN, frozenset(Scope))
VIEWER = Principal("2", "vic", "acme", Role.VIEWER, frozenset({Scope.READ}))
RIVAL = Principal("3", "rob", "rival", Role.ADMIN, frozenset(Scope))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckDBLogStore]:
    opened = DuckDBLogStore(tmp_path / "logs", HandClock(START + timedelta(minutes=30)))
    rows = [
        record(
            f"request {n} done",
            at=n * 60,
            level=("info", "warning", "error")[n % 3],
            service=("web", "mail")[n % 2],
            host=None if n % 5 == 0 else f"h{n % 5}",
            source="app",
            upload_id="u1" if n < 3 else None,
        )
        for n in range(30)
    ]
    opened.append("acme", batch(*rows))
    yield opened
    opened.close()


@pytest.fixture
def search(store: DuckDBLogStore) -> Search:
    return Search(store, HandClock(START + timedelta(minutes=30)))


def total(search: Search, **request: object) -> int | None:
    return search.search(VIEWER, SearchRequest(**request)).total  # type: ignore[arg-type]


def test_values_of_one_filter_are_alternatives_and_filters_all_hold(search: Search) -> None:
    assert total(search) == 30
    assert total(search, levels=("error",)) == 10
    assert total(search, levels=("WARN", "fatal", "error")) == 20
    assert total(search, levels=("error",), services=("web",)) == 5
    assert total(search, services=("web", "mail")) == 30
    assert total(search, hosts=("h1", "h2"), sources=("app",)) == 12
    assert total(search, environments=("prod",)) == 0
    assert total(search, upload_id="u1") == 3
    assert total(search, query="request -level:error", upload_id="u1") == 2
    assert total(search, services=("we*b",)) == 0


def test_a_level_that_there_is_not_is_an_invalid_query(search: Search) -> None:
    with pytest.raises(InvalidQuery):
        total(search, levels=("loud",))


def test_dates_bound_the_search(search: Search) -> None:
    assert total(search, start="2026-03-01", end="2026-03-01") == 30
    assert total(search, end="2026-02-28") == 0
    assert total(search, start="now-10m") == 10
    assert total(search, start="2026-03-01T12:05:00Z", end="2026-03-01T12:10:00Z") == 5
    assert total(search, start="2026-03-01T13:05", end="2026-03-01T13:10", timezone="Europe/Berlin") == 5
    for wrong in ({"start": "soon"}, {"start": "now", "end": "now-1h"}, {"timezone": "Mars"}):
        with pytest.raises(InvalidQuery):
            total(search, **wrong)


def test_pages_by_number_and_by_cursor_agree(search: Search) -> None:
    first = search.search(VIEWER, SearchRequest(page_size=12))
    second = search.search(VIEWER, SearchRequest(page_size=12, page=2))
    by_cursor = search.search(VIEWER, SearchRequest(page_size=12, cursor=first.next_cursor, page=7))
    third = search.search(VIEWER, SearchRequest(page_size=12, page=3))
    assert second.records == by_cursor.records
    assert [len(page.records) for page in (first, second, third)] == [12, 12, 6]
    assert third.next_cursor is None
    oldest_first = search.search(VIEWER, SearchRequest(newest_first=False)).records
    assert oldest_first[::-1] == [*first.records, *second.records, *third.records]


@pytest.mark.parametrize(
    "request_", [{"page": 0}, {"page_size": 0}, {"page_size": 1001}, {"page": 11, "page_size": 1000}]
)
def test_a_page_that_is_not_served_is_an_invalid_query(search: Search, request_: dict[str, int]) -> None:
    with pytest.raises(InvalidQuery):
        search.search(VIEWER, SearchRequest(**request_))


def test_a_page_too_far_names_the_cursor(search: Search) -> None:
    assert search.search(VIEWER, SearchRequest(page=10, page_size=1000)).records == []
    with pytest.raises(InvalidQuery, match="cursor"):
        search.search(VIEWER, SearchRequest(page=201))


def test_rights_are_checked(search: Search) -> None:
    nobody = Principal("4", "no", "acme", Role.VIEWER, frozenset({Scope.INGEST}))
    record_id = search.search(VIEWER, SearchRequest()).records[0]["id"]
    for call in (search.search, search.stats, search.histogram, search.delete):
        with pytest.raises(Forbidden):
            call(nobody, SearchRequest())
    with pytest.raises(Forbidden):
        search.get(nobody, record_id)
    with pytest.raises(Forbidden):
        search.delete(VIEWER, SearchRequest())


def test_another_organisation_sees_nothing(search: Search) -> None:
    record_id = search.search(VIEWER, SearchRequest()).records[0]["id"]
    assert search.get(VIEWER, record_id)["message"] == "request 29 done"
    with pytest.raises(NotFound):
        search.get(RIVAL, record_id)
    assert search.search(RIVAL, SearchRequest()).total == 0
    assert search.stats(RIVAL, SearchRequest()).total == 0
    assert search.delete(RIVAL, SearchRequest(query="*")).matched == 0


def test_delete_removes_what_the_request_matches(search: Search) -> None:
    assert search.delete(ADMIN, SearchRequest(levels=("error",), end="2026-03-01T12:15:00Z")).matched == 5
    assert total(search) == 25


def test_a_dry_run_counts_what_would_go_and_removes_nothing(search: Search) -> None:
    request = SearchRequest(query="request", levels=("error",))
    assert search.delete(ADMIN, request, dry_run=True).matched == 10
    assert total(search) == 30
    assert search.delete(ADMIN, request).matched == 10
    assert search.delete(ADMIN, request, dry_run=True).matched == 0


@pytest.mark.parametrize(
    "request_", [SearchRequest(), SearchRequest(query="  "), SearchRequest(page=2, timezone="UTC")]
)
def test_everything_is_deleted_only_on_express_wish(search: Search, request_: SearchRequest) -> None:
    for dry_run in (True, False):
        with pytest.raises(InvalidInput, match="query="):
            search.delete(ADMIN, request_, dry_run=dry_run)
    assert search.delete(ADMIN, SearchRequest(query="*")).matched == 30


def test_statistics_are_exact(search: Search) -> None:
    stats = search.stats(VIEWER, SearchRequest(query="request", services=("web",)))
    assert stats.total == 15
    assert stats.by_level == [("error", 5), ("warning", 5), ("info", 5)]
    assert stats.by_service == [("web", 15)]
    assert stats.by_source == [("app", 15)]
    assert stats.by_environment == [(None, 15)]
    assert stats.by_host == [("h1", 3), ("h2", 3), ("h3", 3), ("h4", 3), (None, 3)]
    assert sum(row.count for row in stats.over_time) == 15
    assert stats.interval_s == 30


def test_buckets_of_a_histogram_are_round_and_add_up(search: Search) -> None:
    histogram: Histogram = search.histogram(VIEWER, SearchRequest(start="2026-03-01T12:00:30Z", end="now"), buckets=6)
    assert histogram.interval_s == 300
    assert histogram.start == START
    assert histogram.end == START + timedelta(minutes=30)
    assert histogram.rows[0] == HistogramRow(START, "info", 1)
    assert sum(row.count for row in histogram.rows) == 29
    assert [row.bucket for row in histogram.rows] == sorted(row.bucket for row in histogram.rows)
    assert all(row.bucket.utcoffset() == timedelta(0) for row in histogram.rows)


def test_a_histogram_of_nothing_is_empty(search: Search) -> None:
    assert search.histogram(RIVAL, SearchRequest()).rows == []
    with pytest.raises(InvalidQuery):
        search.histogram(VIEWER, SearchRequest(), buckets=0)


def test_a_request_without_wishes_is_everything() -> None:
    assert query_of(SearchRequest()) == MatchAll()


@pytest.mark.parametrize(
    ("span", "buckets", "width"),
    [
        (timedelta(0), 60, 1),
        (timedelta(minutes=1), 60, 1),
        (timedelta(minutes=15), 60, 15),
        (timedelta(hours=1), 60, 60),
        (timedelta(days=1), 60, 1_800),
        (timedelta(days=30), 60, 43_200),
        (timedelta(days=365 * 290), 60, 1_825 * 86_400),
    ],
)
def test_bucket_widths_are_round(span: timedelta, buckets: int, width: int) -> None:
    start = datetime(1970, 1, 1, tzinfo=UTC)
    assert interval_for(start, start + span, buckets) == width


def test_times_at_the_edge_of_what_a_time_can_be_are_answered(search: Search) -> None:
    for odd in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31"):
        with pytest.raises(InvalidQuery, match="no time"):
            total(search, query=f'timestamp:"{odd}"')
    for odd in ("0001-01-01", "9999-12-30", "0001-01-01T00:00:00Z"):
        assert total(search, query=f'timestamp:"{odd}"') == 0
    assert search.stats(VIEWER, SearchRequest(start="0001-01-01")).total == 30
    assert search.stats(VIEWER, SearchRequest(start="0001-01-01", end="9999-12-30")).total == 30
    for odd in ("0001-01-01T00:00:00+14:00", "9999-12-31"):
        with pytest.raises(InvalidQuery):
            search.stats(VIEWER, SearchRequest(end=odd))
