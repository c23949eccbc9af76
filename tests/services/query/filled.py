"""A store with records of every kind, and the plain reference next to it."""

from datetime import datetime

from services.log_store.interface import LogQuery, LogRecord, LogStore
from services.query.tree import And, Not, Or, Query
from tests.services.query.reference import matches


def all_records(store: LogStore, organisation_id: str = "acme") -> list[LogRecord]:
    """Every record of the store, newest first, whole."""
    records: list[LogRecord] = []
    cursor: str | None = None
    while True:
        page = store.search(organisation_id, LogQuery(limit=1000, cursor=cursor))
        records += page.records
        cursor = page.next_cursor
        if cursor is None:
            return records


class Filled:
    """A store, and its records as plain Python; `check` compares any query's answer with the reference."""

    def __init__(self, store: LogStore, records: list[LogRecord], organisation_id: str = "acme"):
        self.store = store
        self.organisation_id = organisation_id
        self.records = sorted(records, key=lambda entry: str(entry["id"]), reverse=True)

    def expected(self, query: Query, start: datetime | None = None, end: datetime | None = None) -> list[str]:
        """Ids of the matches, newest first."""
        return [
            entry["id"]
            for entry in self.records
            if (start is None or start <= entry["timestamp"])
            and (end is None or entry["timestamp"] < end)
            and matches(query, entry)
        ]

    def found(self, query: Query) -> list[str]:
        """Ids that the store finds, newest first, and its total agrees."""
        ids: list[str] = []
        cursor: str | None = None
        while True:
            page = self.store.search(self.organisation_id, LogQuery(query=query, limit=1000, cursor=cursor))
            ids += [entry["id"] for entry in page.records]
            cursor = page.next_cursor
            if cursor is None:
                assert page.total == len(ids)
                return ids

    def check(self, query: Query) -> None:
        """Ids, order and count are the reference's; of a tree that fails the smallest part that fails is told."""
        found, expected = self.found(query), self.expected(query)
        if found == expected:
            return
        for child in children(query):
            self.check(child)
        missing, extra = set(expected) - set(found), set(found) - set(expected)
        shown = [entry for entry in self.records if entry["id"] in missing | extra][:2]
        raise AssertionError(f"{query!r}: {len(missing)} missing, {len(extra)} too many, such as {str(shown)[:3000]}")


def children(query: Query) -> tuple[Query, ...]:
    """The parts of a node; none of a leaf."""
    match query:
        case Not(child):
            return (child,)
        case And(parts) | Or(parts):
            return parts
    return ()
