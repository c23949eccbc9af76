"""Whether the parts that this process stands on answer, and how fast."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.errors import ElkVisionError


@dataclass(frozen=True)
class Part:
    """One part. `status` is "ok" or "failed"; `address` and `error` are for superadmins only."""

    name: str
    status: str
    latency_ms: float
    address: str
    error: str | None


@dataclass(frozen=True)
class HealthReport:
    """`status` is "ok" when every part is, else "failed"."""

    status: str
    parts: tuple[Part, ...]


class Health:
    """Asks each part when somebody asks for health; nothing is remembered.

    `checks` maps a part's name to (its address, a call that returns quietly or raises).
    """

    def __init__(self, checks: Mapping[str, tuple[str, Callable[[], None]]], version: str):
        self._checks = checks
        self.version = version

    def report(self) -> HealthReport:
        """Every part, asked now."""
        parts = tuple(_ask(name, address, check) for name, (address, check) in self._checks.items())
        healthy = all(part.status == "ok" for part in parts)
        return HealthReport("ok" if healthy else "failed", parts)


def _ask(name: str, address: str, check: Callable[[], None]) -> Part:
    began = time.perf_counter()
    error: str | None = None
    try:
        check()
    except (ElkVisionError, OSError) as failure:
        error = str(failure)
    latency_ms = round((time.perf_counter() - began) * 1000, 3)
    return Part(name, "failed" if error else "ok", latency_ms, address, error)
