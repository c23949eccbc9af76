"""Queries that are being answered: GET and DELETE queries/{id}/."""

from typing import Any

from app.api.caller import caller, services
from app.api.models.queries import QueryCancelled, QueryPath, QueryProgress
from app.api.resource import Resource

queries = Resource("queries", "Your queries that are being answered, by the `query_id` that they were sent with.")


@queries.get("/queries/<id>/", responses={200: QueryProgress})
def get_query(path: QueryPath) -> dict[str, Any]:
    """How far a query is."""
    return {"id": path.id, "progress": services().queries.progress(caller(), path.id)}


@queries.delete("/queries/<id>/", responses={200: QueryCancelled})
def cancel_query(path: QueryPath) -> dict[str, Any]:
    """Cancel a query; whoever waits for its answer gets 409."""
    return {"id": path.id, "cancelled": services().queries.cancel(caller(), path.id)}
