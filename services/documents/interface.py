"""Small JSON documents of an organisation: upload records, search history, preferences.

One interface, one contract suite. A document is a JSON object of at most 1 MB, named by (organisation, collection, id).
Writes are durable when the call returns. `find` answers newest first (by creation). Nothing is promised about two
writers of one document at the same moment beyond: one of them wins whole.
"""

from abc import ABC, abstractmethod
from typing import Any

Document = dict[str, Any]


class DocumentStore(ABC):
    """See the top of this file."""

    @abstractmethod
    def put(self, organisation_id: str, collection: str, document_id: str, document: Document) -> None:
        """Create or replace one document."""

    @abstractmethod
    def get(self, organisation_id: str, collection: str, document_id: str) -> Document:
        """One document. Raises `NotFound`."""

    @abstractmethod
    def find(
        self,
        organisation_id: str,
        collection: str,
        *,
        owner: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[Document], int]:
        """One page, newest first, and the exact total. `owner` keeps documents whose `owner` member equals it."""

    @abstractmethod
    def delete(self, organisation_id: str, collection: str, document_id: str) -> None:
        """Remove one document. Raises `NotFound`."""

    @abstractmethod
    def delete_all(self, organisation_id: str, collection: str, *, owner: str | None = None) -> int:
        """Remove many; says how many."""

    @abstractmethod
    def find_everywhere(self, collection: str, *, state: str) -> list[tuple[str, Document]]:
        """(organisation_id, document) of every organisation whose `state` member equals `state`: for restart only."""
