"""Whether the parts that this process stands on answer, and how fast."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.errors import ElkVisionError


@dataclass(frozen=True)
class Condition:
    """What a part that serves says of itself: `warning` where it needs a look, and figures by name."""

    warning: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


Check = Callable[[], Condition | None]
"""Returns where the part serves, with its condition where it has one; raises where it does not."""


@dataclass(frozen=True)
class Part:
    """One part. `status` is "ok", "degraded" (serves, and needs a look) or "failed".

    `address`, `error` (also the warning of a degraded part) and `figures` are for superadmins only.
    """

    name: str
    status: str
    latency_ms: float
    address: str
    error: str | None
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class HealthReport:
    """`status` is that of the worst part: "failed", "degraded" or "ok"."""

    status: str
    parts: tuple[Part, ...]


class Health:
    """Asks each part when somebody asks for health; nothing is remembered.

    `checks` maps a part's name to (its address, a call that returns quietly or raises).
    """

    def __init__(self, checks: Mapping[str, tuple[str, Check]], version: str):
        self._checks = checks
        self.version = version

    def report(self) -> HealthReport:
        """Every part, asked now."""
        parts = tuple(_ask(name, address, check) for name, (address, check) in self._checks.items())
        found = {part.status for part in parts}
        return HealthReport(next((word for word in ("failed", "degraded") if word in found), "ok"), parts)


def _ask(name: str, address: str, check: Check) -> Part:
    began = time.perf_counter()
    error: str | None = None
    condition = Condition()
    try:
        condition = check() or condition
    except (ElkVisionError, OSError) as failure:
        error = str(failure)
    latency_ms = round((time.perf_counter() - began) * 1000, 3)
    status = "failed" if error else "degraded" if condition.warning else "ok"
    return Part(name, status, latency_ms, address, error or condition.warning, condition.figures)
