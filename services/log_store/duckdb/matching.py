"""The records that a search asks for, as scans over `logs` that have no record in common.

Records with a shape and records without one are found in different ways. One condition for both would make DuckDB read
the messages of all; two scans, each with its own condition, read what each needs.
"""

from dataclasses import dataclass
from typing import Any

from services.query.sql import Condition


@dataclass(frozen=True)
class Matching:
    """Every record that matches is in exactly one of `scans`. `is_heavy` where long texts are read."""

    scans: tuple[Condition, ...]

    @property
    def is_heavy(self) -> bool:
        return any(scan.is_heavy for scan in self.scans)

    @property
    def is_everything(self) -> bool:
        """Whether there is no condition at all."""
        return len(self.scans) == 1 and self.scans[0].sql == "true"

    def narrowed(self, sql: str, values: list[Any]) -> "Matching":
        """Those that also fulfil a cheap condition."""
        return Matching(tuple(Condition(f"{sql} AND {s.sql}", [*values, *s.values], s.is_heavy) for s in self.scans))

    def select(self, columns: str, logs: str) -> tuple[str, list[Any]]:
        """SQL (without order) that gives `columns` of every match in the table `logs`, and its values.

        To be used as `FROM ({sql})`; `columns` may hold expressions with names (`epoch_us(timestamp) AS us`) but no values.
        """
        parts = [f"SELECT {columns} FROM {logs} WHERE {scan.sql}" for scan in self.scans]
        return " UNION ALL ".join(parts), [value for scan in self.scans for value in scan.values]
