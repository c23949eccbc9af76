"""logs/search-history/."""

from collections.abc import Callable

from tests.api.conftest import Caller

ADDRESS = "/api/logs/search-history/"


def test_searches_are_remembered_newest_first(admin: Caller) -> None:
    for query in ("first", "second"):
        assert admin.post(ADDRESS, json={"query": query, "filters": {"level": ["error"]}}).status_code == 201
    listed = admin.get(ADDRESS).json
    assert [each["query"] for each in listed["results"]] == ["second", "first"]
    assert (listed["total"], listed["page"], listed["next_cursor"]) == (2, 1, None)
    one = admin.get(f"{ADDRESS}{listed['results'][0]['id']}/").json
    assert one == listed["results"][0]
    assert one["filters"] == {"level": ["error"]}


def test_one_search_or_all_are_forgotten(admin: Caller) -> None:
    made = [admin.post(ADDRESS, json={"query": query}).json["id"] for query in ("a", "b", "c")]
    assert admin.delete(f"{ADDRESS}{made[0]}/").status_code == 204
    assert admin.get(f"{ADDRESS}{made[0]}/").status_code == 404
    assert admin.delete(ADDRESS).json == {"deleted": 2}
    assert admin.get(ADDRESS).json["total"] == 0


def test_colleagues_do_not_see_it(admin: Caller, joining: Callable[[Caller, str], Caller]) -> None:
    made = admin.post(ADDRESS, json={"query": "mine"}).json["id"]
    colleague = joining(admin, "admin")
    assert colleague.get(ADDRESS).json["results"] == []
    assert colleague.get(f"{ADDRESS}{made}/").status_code == 404
    assert colleague.delete(f"{ADDRESS}{made}/").status_code == 404


def test_pages_beyond_the_end_are_empty(admin: Caller) -> None:
    admin.post(ADDRESS, json={"query": "only"})
    answer = admin.get(f"{ADDRESS}?page=2147483647&page_size=1000").json
    assert (answer["results"], answer["total"]) == ([], 1)
