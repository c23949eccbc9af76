"""Search history: GET, POST and DELETE logs/search-history/, GET and DELETE logs/search-history/{id}/."""

from typing import Any

from app.api.answers import any_json, paged, rfc3339
from app.api.caller import caller, services
from app.api.models.base import IdPath, Paging
from app.api.models.history import Deleted, HistoryEntry, HistoryList, RememberedSearch
from app.api.resource import Resource
from services import history as services_history

history = Resource("history", "Your earlier searches.")


@history.get("/logs/search-history/", responses={200: HistoryList})
def list_searches(query: Paging) -> dict[str, Any]:
    """Your searches, newest first."""
    return paged(
        query, lambda limit, offset: services().history.list(caller(), limit=limit, offset=offset), search_json
    )


@history.post("/logs/search-history/", responses={201: RememberedSearch})
def remember_search(body: HistoryEntry) -> dict[str, Any]:
    """Remember a search."""
    return search_json(services().history.add(caller(), body.query, body.filters, body.total))


@history.get("/logs/search-history/<id>/", responses={200: RememberedSearch})
def get_search(path: IdPath) -> dict[str, Any]:
    """One search of yours."""
    return search_json(services().history.get(caller(), path.id))


@history.delete("/logs/search-history/<id>/", responses={204: None})
def forget_search(path: IdPath) -> None:
    """Forget one search."""
    services().history.delete(caller(), path.id)


@history.delete("/logs/search-history/", responses={200: Deleted})
def forget_searches() -> dict[str, Any]:
    """Forget all your searches."""
    return {"deleted": services().history.clear(caller())}


def search_json(entry: services_history.HistoryEntry) -> dict[str, Any]:
    """A remembered search as the API writes it."""
    return {
        "id": entry.id,
        "query": entry.query,
        "filters": any_json(entry.filters),
        "total": entry.total,
        "count": entry.count,
        "first_at": rfc3339(entry.first_at),
        "last_at": rfc3339(entry.last_at),
    }
