"""Health: health, health/live, health/ready. Open to everybody; addresses and error texts are for superadmins."""

from typing import Any

from flask import Response

from app.api.answers import json_answer
from app.api.caller import services
from app.api.models.health import Alive, HealthAnswer
from app.api.resource import Resource
from app.auth import optional_principal
from services.errors import BackendError

health = Resource("health", "Whether the parts of the server answer.", public=True)


@health.get("/health/", responses={200: HealthAnswer, 503: HealthAnswer})
def get_health() -> Response:
    """Every part, asked now, with its latency."""
    return _report()


@health.get("/health/ready/", responses={200: HealthAnswer, 503: HealthAnswer})
def get_ready() -> Response:
    """Whether requests can be served: 503 when a part is failed."""
    return _report()


@health.get("/health/live/", responses={200: Alive})
def get_live() -> dict[str, Any]:
    """The process answers."""
    return {"status": "ok"}


def _report() -> Response:
    report, shown = services().health.report(), _is_superadmin()
    parts = [
        {
            "name": part.name,
            "status": part.status,
            "latency_ms": part.latency_ms,
            "address": part.address if shown else None,
            "error": part.error if shown else None,
            **({"figures": part.figures} if shown and part.figures else {}),
        }
        for part in report.parts
    ]
    body = {"status": report.status, "version": services().health.version, "parts": parts}
    return json_answer(body, 503 if report.status == "failed" else 200)


def _is_superadmin() -> bool:
    """False as well where the accounts cannot be asked: health answers all the more then."""
    try:
        principal = optional_principal()
    except BackendError:
        return False
    return principal is not None and principal.is_superadmin
