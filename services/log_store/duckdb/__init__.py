"""Log records in DuckDB files, one per organisation.

store     the `LogStore`: who may call what, and what it hands to which part
engine    the one DuckDB instance: settings, attached files, cursors, errors translated
schema    tables of a file, and how an older file is brought up to date
writer    one thread per organisation: group commit, replay of failed groups, recovery
commit    one transaction: idempotency, seq, shapes, blocks, records, upload progress
sequence  seq numbers and ids, as columns
shapes    the dictionary of shapes    blocks  which block a record belongs to    long_texts  what is too long for a cell
reader    search, get, aggregate, usage    gate  who may run a heavy search now
"""

from services.log_store.duckdb.store import DuckDBLogStore

__all__ = ["DuckDBLogStore"]
