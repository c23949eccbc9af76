"""Health."""

from typing import Annotated, Literal

from pydantic import Field

from app.api.models.base import Output

Word = Literal["ok", "degraded", "failed"]


class HealthPart(Output):
    """One part. Addresses, error texts and figures are shown to superadmins only."""

    name: str
    status: Annotated[Word, Field(description="degraded: it serves, and needs a look.")]
    latency_ms: Annotated[float, Field(ge=0)]
    address: str | None = None
    error: str | None = None
    figures: Annotated[dict[str, float], Field(description="What the part counts, where it counts something.")] = Field(
        default_factory=dict
    )


class HealthAnswer(Output):
    """Every part, asked now; the status is that of the worst one. 503 where one is failed."""

    status: Word
    version: str
    parts: list[HealthPart]


class Alive(Output):
    """The process answers."""

    status: Word
