"""An SQL condition with its values, and how conditions are joined."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Condition:
    """An SQL condition and its values, in the order of its question marks. `is_heavy` where it reads long texts."""

    sql: str
    values: list[Any] = field(default_factory=list)
    is_heavy: bool = False


TRUE = Condition("true")
FALSE = Condition("false")


def joined(operator: str, parts: list[Condition]) -> Condition:
    """Conditions joined by AND or OR, cheap ones first: the short circuit then spares the reading of long texts."""
    ordered = sorted(parts, key=lambda part: part.is_heavy)
    values = [value for part in ordered for value in part.values]
    return Condition(f"({operator.join(part.sql for part in ordered)})", values, any(part.is_heavy for part in parts))


def never_null(condition: Condition) -> Condition:
    """The condition with false for NULL: otherwise NOT would lose records."""
    return Condition(f"coalesce({condition.sql}, false)", condition.values, condition.is_heavy)
