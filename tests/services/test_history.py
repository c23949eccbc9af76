"""The search history: folding, order, the cap, and what it refuses."""

import pytest

from services import history as module
from services.database import Database
from services.documents.sql import SqlDocumentStore
from services.errors import Forbidden, InvalidInput, NotFound
from services.history import SearchHistory
from services.principal import Principal, Role, Scope
from tests.clocks import HandClock

ME = Principal("u1", "me", "o1", Role.VIEWER, frozenset({Scope.READ}))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def history(sqlite: Database, clock: HandClock) -> SearchHistory:
    return SearchHistory(SqlDocumentStore(sqlite), clock)


def queries(history: SearchHistory) -> list[str]:
    return [entry.query for entry in history.list(ME)[0]]


def test_searches_are_kept_newest_first(history: SearchHistory, clock: HandClock) -> None:
    for query in ("a", "b", "a"):
        clock.move(seconds=1)
        history.add(ME, query, {"levels": ["error"]}, 7)
    assert queries(history) == ["a", "b", "a"]
    entry = history.list(ME)[0][0]
    assert (entry.filters, entry.total, entry.count) == ({"levels": ["error"]}, 7, 1)
    assert (entry.first_at, entry.last_at) == (clock.now(), clock.now())
    assert history.get(ME, entry.id) == entry


def test_the_same_search_again_is_counted(history: SearchHistory, clock: HandClock) -> None:
    first = history.add(ME, "a", {"levels": ("error",)}, 7)
    clock.move(minutes=1)
    again = history.add(ME, "a", {"levels": ["error"]}, 9)
    assert (again.id, again.count, again.total) == (first.id, 2, 9)
    assert (again.first_at, again.last_at) == (first.first_at, clock.now())
    assert history.list(ME) == ([again], 1)


def test_other_filters_make_another_search(history: SearchHistory) -> None:
    history.add(ME, "a", {"levels": ["error"]})
    history.add(ME, "a", {"levels": ["warn"]})
    assert history.list(ME)[1] == 2


def test_the_oldest_go_when_there_are_too_many(history: SearchHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 5)
    for number in range(8):
        history.add(ME, str(number))
    assert [entry.query for entry in history.list(ME, limit=5)[0]] == ["7", "6", "5", "4", "3"]
    assert history.list(ME, limit=1)[1] == 5


def test_entries_are_removed_one_by_one_or_all(history: SearchHistory) -> None:
    ids = [history.add(ME, query).id for query in "abc"]
    history.delete(ME, ids[1])
    assert queries(history) == ["c", "a"]
    with pytest.raises(NotFound):
        history.delete(ME, ids[1])
    assert history.clear(ME) == 2
    assert history.list(ME) == ([], 0)


@pytest.mark.parametrize("entry_id", ["", "\0", "\ud800", "x" * 100_000])
def test_a_strange_id_is_not_found(history: SearchHistory, entry_id: str) -> None:
    with pytest.raises(NotFound):
        history.get(ME, entry_id)


def test_any_text_is_kept(history: SearchHistory) -> None:
    for query in ("", "a\0b", "\ud800", "<script>", "日本"):
        assert history.get(ME, history.add(ME, query).id).query == query


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("query", ("x" * 10_001,)),
        ("query", (1,)),
        ("filters", ("a", ["list"])),
        ("filters", ("a", {"x": object()})),
        ("filters", ("a", {"x": float("nan")})),
        ("filters", ("a", {"x": "y" * 20_000})),
        ("total", ("a", {}, -1)),
        ("total", ("a", {}, True)),
    ],
)
def test_what_does_not_fit_is_refused_by_field(
    history: SearchHistory, field: str, arguments: tuple[object, ...]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        history.add(ME, *arguments)  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (1001, 0), (10, -1)])
def test_a_page_has_bounds(history: SearchHistory, limit: int, offset: int) -> None:
    with pytest.raises(InvalidInput):
        history.list(ME, limit=limit, offset=offset)


def test_a_token_for_sending_only_has_no_history(history: SearchHistory) -> None:
    shipper = Principal("u1", "me", "o1", Role.ADMIN, frozenset({Scope.INGEST}))
    with pytest.raises(Forbidden):
        history.list(shipper)
