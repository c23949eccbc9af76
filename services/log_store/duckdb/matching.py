"""The records that a search asks for, as scans over `logs` that have no record in common.

Records with a shape and records without one are found in different ways. One condition for both would make DuckDB read
the messages of all; two scans, each with its own condition, read what each needs.
"""

from dataclasses import dataclass
from typing import Any

from services.query.sql import Condition

HEAVY_ROWS = 300_000


@dataclass(frozen=True)
class Matching:
    """Every record that matches is in exactly one of `scans`; up to `read_rows` records are looked at for it."""

    scans: tuple[Condition, ...]
    read_rows: int

    @property
    def reads_texts(self) -> bool:
        """Whether texts of any length are looked into."""
        return any(scan.is_heavy for scan in self.scans)

    @property
    def is_heavy(self) -> bool:
        """Whether this takes so long that only a few such searches may run at once."""
        return self.reads_texts and self.read_rows > HEAVY_ROWS

    @property
    def is_everything(self) -> bool:
        """Whether there is no condition at all."""
        return len(self.scans) == 1 and self.scans[0].sql == "true"

    def narrowed(self, sql: str, values: list[Any]) -> "Matching":
        """Those that also fulfil a cheap condition."""
        scans = tuple(Condition(f"{sql} AND {s.sql}", [*values, *s.values], s.is_heavy) for s in self.scans)
        return Matching(scans, self.read_rows)

    def select(self, columns: str, logs: str) -> tuple[str, list[Any]]:
        """SQL (without order) that gives `columns` of every match in the table `logs`, and its values.

        To be used as `FROM ({sql})`; `columns` may hold expressions with names (`epoch_us(timestamp) AS us`) but no values.
        """
        parts = [f"SELECT {columns} FROM {logs} WHERE {scan.sql}" for scan in self.scans]
        return " UNION ALL ".join(parts), [value for scan in self.scans for value in scan.values]
