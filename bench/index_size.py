"""What of a closed organisation's file is index: each part is copied into a file of its own, and that is measured."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from bench.questions import ORGANISATION


@dataclass(frozen=True)
class IndexSize:
    """Bytes of the whole file (what is used of it) and of the parts of the index in it; counts of what is indexed."""

    stored_bytes: int
    parts: dict[str, int]
    records: int
    shaped_records: int
    shapes: int
    patterns: int
    blocks: int
    filters: int

    @property
    def index_bytes(self) -> int:
        return sum(self.parts.values())

    @property
    def percent(self) -> float:
        """What part of the stored bytes is index."""
        return self.index_bytes / self.stored_bytes * 100


def index_size(folder: Path) -> IndexSize:
    """The figures of the file in `folder`, which no store has open."""
    con = duckdb.connect()
    con.execute("SET enable_progress_bar = false")
    con.execute(f"ATTACH '{folder / ORGANISATION}.duckdb' AS store")
    con.execute("CHECKPOINT store")
    described = con.execute("DESCRIBE store.logs").fetchall()
    promoted = [row[0] for row in described if row[0].startswith("promoted_")]
    parts = {
        "filters": "SELECT * FROM store.filters",
        "dictionary": "SELECT * FROM store.shapes",
        "numbers": "SELECT shape_id, block FROM store.logs",
        "promoted": f"SELECT {', '.join(promoted)} FROM store.logs" if promoted else "",
    }
    sizes = {name: _size_of(con, folder / "part.duckdb", sql) if sql else 0 for name, sql in parts.items()}
    counts = """SELECT (SELECT count(*) FROM store.logs), (SELECT count(shape_id) FROM store.logs),
        (SELECT count(*) FROM store.shapes), (SELECT count(*) FROM store.patterns WHERE merged_into IS NULL),
        (SELECT count(*) FROM store.blocks), (SELECT count(*) FROM store.filters WHERE octet_length(bits) > 0)"""
    return IndexSize(_used_bytes(con, "store"), sizes, *con.execute(counts).fetchall()[0])


def _size_of(con: duckdb.DuckDBPyConnection, file: Path, sql: str) -> int:
    con.execute(f"ATTACH '{file}' AS part (ROW_GROUP_SIZE 30720, BLOCK_SIZE 16384)")
    con.execute(f"CREATE TABLE part.part AS {sql}")
    con.execute("CHECKPOINT part")
    size = _used_bytes(con, "part")
    con.execute("DETACH part")
    file.unlink()
    return size


def _used_bytes(con: duckdb.DuckDBPyConnection, name: str) -> int:
    sizes = "SELECT block_size * used_blocks FROM pragma_database_size() WHERE database_name = ?"
    return int(con.execute(sizes, [name]).fetchall()[0][0])
