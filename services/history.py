"""What a user searched for: newest first, the same search again counted instead of repeated.

The history is the user's own: other members of the organisation do not see it.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from services.clock import Clock
from services.documents.interface import Document, DocumentStore
from services.errors import InvalidInput, NotFound
from services.identifiers import new_id
from services.principal import Principal, Right, require

COLLECTION = "search_history"
MOST = 1_000
_MAX_QUERY = 10_000
_MAX_FILTERS_BYTES = 16_000


@dataclass(frozen=True)
class HistoryEntry:
    """One search. `count`: how often it ran in a row; `total`: records found the last time, None where unknown.

    `filters` is whatever JSON object narrows the search besides its text: levels, sources, the time range.
    """

    id: str
    query: str
    filters: dict[str, Any]
    total: int | None
    count: int
    first_at: datetime
    last_at: datetime


HistoryPage = tuple[list[HistoryEntry], int]


class SearchHistory:
    """Keeps the last 1,000 searches of each user."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock

    def add(
        self, principal: Principal, query: str, filters: dict[str, Any] | None = None, total: int | None = None
    ) -> HistoryEntry:
        """Note a search; one equal to the newest raises that one's count. Raises `InvalidInput`."""
        require(principal, Right.READ_LOGS)
        filters = _checked(query, filters or {}, total)
        now = self._clock.now()
        newest, count = self._page(principal, 1, 0)
        if newest and (newest[0].query, newest[0].filters) == (query, filters):
            entry = HistoryEntry(newest[0].id, query, filters, total, newest[0].count + 1, newest[0].first_at, now)
        else:
            entry = HistoryEntry(new_id(), query, filters, total, 1, now, now)
            self._make_room(principal, count)
        self._documents.put(principal.organisation_id, COLLECTION, entry.id, _document(principal, entry))
        return entry

    def list(self, principal: Principal, *, limit: int = 50, offset: int = 0) -> HistoryPage:
        """One page, newest first, and how many there are. `limit` is at most 1,000."""
        require(principal, Right.READ_LOGS)
        if not 1 <= limit <= MOST or offset < 0:
            raise InvalidInput(f"A page has 1 to {MOST:,} entries.", field="page_size")
        return self._page(principal, limit, offset)

    def get(self, principal: Principal, entry_id: str) -> HistoryEntry:
        """One entry of the caller's own. Raises `NotFound`."""
        require(principal, Right.READ_LOGS)
        document = self._documents.get(principal.organisation_id, COLLECTION, entry_id)
        if document["owner"] != principal.user_id:
            raise NotFound("No such entry in your search history.")
        return _entry(document)

    def delete(self, principal: Principal, entry_id: str) -> None:
        """Remove one entry. Raises `NotFound`."""
        self.get(principal, entry_id)
        self._documents.delete(principal.organisation_id, COLLECTION, entry_id)

    def clear(self, principal: Principal) -> int:
        """Remove all of the caller's entries; says how many."""
        require(principal, Right.READ_LOGS)
        return self._documents.delete_all(principal.organisation_id, COLLECTION, owner=principal.user_id)

    def _page(self, principal: Principal, limit: int, offset: int) -> HistoryPage:
        documents, total = self._documents.find(
            principal.organisation_id, COLLECTION, owner=principal.user_id, limit=limit, offset=offset
        )
        return [_entry(document) for document in documents], total

    def _make_room(self, principal: Principal, count: int) -> None:
        if count < MOST:
            return
        for old in self._page(principal, count, MOST - 1)[0]:
            try:
                self._documents.delete(principal.organisation_id, COLLECTION, old.id)
            except NotFound:
                continue  # another search of the same user made room at the same moment


def _checked(query: str, filters: dict[str, Any], total: int | None) -> dict[str, Any]:
    """The filters as they will be read back (tuples become lists), so that equal searches compare equal."""
    if not isinstance(query, str) or len(query) > _MAX_QUERY:
        raise InvalidInput(f"query must be a text of at most {_MAX_QUERY:,} characters.", field="query")
    if not isinstance(filters, dict):
        raise InvalidInput("filters must be a JSON object.", field="filters")
    if total is not None and (not isinstance(total, int) or isinstance(total, bool) or total < 0):
        raise InvalidInput("total must be a whole number, 0 or more.", field="total")
    try:
        text = json.dumps(filters, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput("filters must be a JSON object.", field="filters") from error
    if len(text) > _MAX_FILTERS_BYTES:
        raise InvalidInput(f"filters may take {_MAX_FILTERS_BYTES:,} bytes.", field="filters")
    plain: dict[str, Any] = json.loads(text)
    return plain


def _document(principal: Principal, entry: HistoryEntry) -> Document:
    times = {"first_at": entry.first_at.isoformat(), "last_at": entry.last_at.isoformat()}
    return asdict(entry) | times | {"owner": principal.user_id}


def _entry(document: Document) -> HistoryEntry:
    values = {name: document[name] for name in ("id", "query", "filters", "total", "count")}
    return HistoryEntry(
        **values,
        first_at=datetime.fromisoformat(document["first_at"]),
        last_at=datetime.fromisoformat(document["last_at"]),
    )
