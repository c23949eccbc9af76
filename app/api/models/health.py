"""Health."""

from typing import Annotated, Literal

from pydantic import Field

from app.api.models.base import Output

Word = Literal["ok", "failed"]


class HealthPart(Output):
    """One part. Addresses and error texts are shown to superadmins only."""

    name: str
    status: Word
    latency_ms: Annotated[float, Field(ge=0)]
    address: str | None = None
    error: str | None = None


class HealthAnswer(Output):
    """Every part, asked now; `failed` when one of them is."""

    status: Word
    version: str
    parts: list[HealthPart]


class Alive(Output):
    """The process answers."""

    status: Word
