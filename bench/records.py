"""Generated records of a small shop, as NDJSON: same seed, same bytes."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

SERVICES = ("gateway", "checkout", "payments", "catalog", "auth", "search", "mailer")
LEVELS = ("info",) * 80 + ("debug",) * 12 + ("warning",) * 5 + ("error",) * 3
MESSAGES = (
    "GET /api/cart {status} in {number} ms",
    "order ord_{hex} confirmed after {small} retry",
    "connection pool stats idle={small} active={number} waiting={small}",
    "payment call timeout, scheduling retry {small}/3 in {number} ms",
    "user u_{number} signed in from 10.0.{small}.{byte}",
    "cache miss for key product:{number}",
    "slow query took {number} ms on table orders",
    "sent mail to customer {number}",
)
RARE_EVERY = 100_000
RARE_WORD = "zanzibar"


def write_ndjson(path: Path, count: int, *, start: datetime | None = None, days: float = 7, seed: int = 1) -> None:
    """`count` records with rising times over `days`, about 200 bytes each; every 100,000th holds a rare word."""
    rng = random.Random(seed)
    begin = start or datetime(2026, 10, 1, tzinfo=UTC)
    step = timedelta(days=days) / count
    with path.open("w") as file:
        for number in range(count):
            file.write(_line(rng, begin + step * number, number))


def _line(rng: random.Random, at: datetime, number: int) -> str:
    message = rng.choice(MESSAGES).format(
        status=rng.choice((200, 200, 201, 404, 500)),
        number=rng.randrange(10_000),
        small=rng.randrange(10),
        byte=rng.randrange(256),
        hex=f"{rng.getrandbits(32):08x}",
    )
    if number % RARE_EVERY == RARE_EVERY // 2:
        message += " " + RARE_WORD
    return (
        f'{{"timestamp":"{at:%Y-%m-%dT%H:%M:%S.%f}Z","level":"{rng.choice(LEVELS)}","message":"{message}",'
        f'"service":"{rng.choice(SERVICES)}","host":"node-{rng.randrange(20)}","environment":"prod",'
        f'"http":{{"status_code":{rng.choice((200, 201, 404, 500))}}},"duration_ms":{rng.randrange(5000)}}}\n'
    )
