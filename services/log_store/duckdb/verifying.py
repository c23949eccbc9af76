"""The word index put to the test: what it finds, and what a scan over every message finds."""

import logging
from dataclasses import dataclass
from datetime import datetime

import duckdb

from services.log_store.duckdb import schema
from services.log_store.duckdb.counters import Counters
from services.log_store.duckdb.matching import Matching
from services.log_store.duckdb.rows import first_row
from services.log_store.duckdb.searching import Index, scanning
from services.query.printing import to_text
from services.query.tree import Query

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verifier:
    """Compares each search of a store that runs in this mode."""

    index: Index
    counters: Counters

    def checked(
        self,
        cursor: duckdb.DuckDBPyConnection,
        organisation_id: str,
        found: Matching,
        query: Query,
        start: datetime | None,
        end: datetime | None,
    ) -> Matching:
        """What the index finds where the scan finds the same records; otherwise the scan, and the difference is told."""
        scanned = scanning(cursor, organisation_id, self.index, query, start, end)
        logs = f"{schema.database(organisation_id)}.logs"
        if _sum(cursor, logs, found) == _sum(cursor, logs, scanned):
            return found
        self.counters.add("index_mismatches")
        log.error("the word index of %s answers wrongly: %s", organisation_id, to_text(query)[:1_000])
        return scanned


def _sum(cursor: duckdb.DuckDBPyConnection, logs: str, matching: Matching) -> tuple[object, ...] | None:
    matches, values = matching.select("seq", logs)
    return first_row(cursor, f"SELECT count(*), bit_xor(hash(seq)) FROM ({matches})", values)
