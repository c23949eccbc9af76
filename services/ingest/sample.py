"""Sample data: the logs of a small shop over the last hours, with one incident to find.

Seven services write about the requests that they serve. A little over two hours before the end, a new version of `payment`
goes out whose connections to the database leak: payments become slow, then fail, checkouts fail with them, until twelve
minutes later the version is taken back. The same seed and end give the same records.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from services.clock import Clock
from services.ingest.formats.parsed import PARSED
from services.ingest.normalise import normalise
from services.ingest.options import Defaults
from services.log_store.interface import LogQuery, LogStore
from services.model import LogBatch
from services.principal import Principal, Right, require
from services.query.tree import Field

SAMPLE_ID = "sample-data"
"""Stands in `upload_id` of every sample record, so that they can be found and removed."""

RECORDS = 50_000
SPAN = timedelta(hours=6)
BEFORE_END = timedelta(hours=2, minutes=10)
LASTS = timedelta(minutes=12)
_OLD, _NEW = "2.4.0", "2.4.1"

_PRODUCTS = ("teapot", "kettle", "mug", "lamp", "chair", "desk", "notebook", "umbrella", "blanket", "clock")
_AGENTS = ("Firefox", "Chrome", "Safari", "Edge", "okhttp")
_CITIES = ("Lisbon", "Porto", "Berlin", "Lyon", "Graz", "Gent", "Oslo")


@dataclass(frozen=True)
class _Moment:
    """One request's time, and how bad things are: 0 in good times, up to 1 at the height of the incident."""

    at: datetime
    trouble: float


Record = dict[str, Any]


def sample_batch(end: datetime, *, count: int = RECORDS, seed: int = 7) -> LogBatch:
    """`count` records of the hours before `end`, in the order of time."""
    dice = random.Random(seed)  # noqa: S311  (stories, not secrets)
    records: list[Record] = []
    for moment in _moments(end, count, dice):
        records.extend(_request(moment, dice))
    story = _story(end)
    kept = dice.sample(records, min(len(records), count - len(story)))
    records = sorted([*kept, *story], key=lambda record: record["timestamp"])
    columns = {
        name: pa.array([record.get(name) for record in records], PARSED.field(name).type) for name in PARSED.names
    }
    defaults = Defaults(source="sample", environment="production", tags=("sample",), upload_id=SAMPLE_ID)
    return normalise(pa.table(columns, schema=PARSED), defaults, end)


def _moments(end: datetime, count: int, dice: random.Random) -> Iterator[_Moment]:
    """Times of requests, evenly spread with some unrest; more than are needed for `count` records."""
    requests = int(count * 0.42)
    for index in range(requests):
        at = end - SPAN + SPAN * ((index + dice.random()) / requests)
        into = (at - (end - BEFORE_END)) / LASTS
        yield _Moment(at, min(1.0, into * 3) if 0 <= into <= 1 else 0.0)


def _story(end: datetime) -> list[Record]:
    """What the operators did: the deployment, the alarm, the way back."""
    begin = end - BEFORE_END
    told = (
        (0, "info", "payment", f"deployment of payment {_NEW} started", {"version": _NEW}),
        (20, "info", "payment", f"deployment of payment {_NEW} finished", {"version": _NEW}),
        (200, "critical", "payment", "no connection to the database: pool of 20 exhausted", {"pool": {"size": 20}}),
        (420, "warning", "checkout", "error rate of checkouts is 38 % over 5 minutes", {"threshold": 5}),
        (660, "info", "payment", f"rollback of payment to {_OLD} started by ines", {"version": _OLD}),
        (720, "info", "payment", f"rollback of payment to {_OLD} finished", {"version": _OLD}),
        (735, "info", "payment", "database pool is healthy again: 3 of 20 connections in use", {"pool": {"size": 20}}),
    )
    return [
        _record(begin + timedelta(seconds=after), level, service, message, "", attributes)
        for after, level, service, message, attributes in told
    ]


def _record(
    at: datetime, level: str, service: str, message: str, trace: str, attributes: Record, span: str | None = None
) -> Record:
    return {
        "timestamp": at.astimezone(UTC).replace(tzinfo=None),
        "level": level,
        "service": service,
        "host": f"{service}-{(sum(map(ord, trace)) % 2) + 1}",
        "message": message,
        "trace_id": trace or None,
        "span_id": span,
        "attributes": json.dumps(attributes, separators=(",", ":")) if attributes else None,
    }


def _request(moment: _Moment, dice: random.Random) -> list[Record]:
    """The records that one visit leaves, in two to six services."""
    trace = f"{dice.getrandbits(128):032x}"
    visit = dice.choices((_browse, _search, _add_to_cart, _check_out, _mail), weights=(50, 18, 14, 14, 4))[0]
    return [
        _record(at, level, service, message, trace, attributes, f"{dice.getrandbits(64):016x}")
        for at, level, service, message, attributes in visit(moment, dice)
    ]


_Step = tuple[datetime, str, str, str, Record]


def _http(moment: _Moment, dice: random.Random, method: str, path: str, status: int, took_ms: float) -> _Step:
    level = "error" if status >= 500 else "warning" if status >= 400 else "info"
    client = f"10.{dice.randrange(4)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
    attributes = {
        "http": {"method": method, "path": path, "status_code": status},
        "duration_ms": round(took_ms, 1),
        "client": {"ip": client, "city": dice.choice(_CITIES)},
        "user_agent": dice.choice(_AGENTS),
    }
    return moment.at, level, "web", f"{method} {path} {status} in {took_ms:.0f} ms", attributes


def _later(moment: _Moment, ms: float) -> datetime:
    return moment.at + timedelta(milliseconds=ms)


def _browse(moment: _Moment, dice: random.Random) -> list[_Step]:
    product, number = dice.choice(_PRODUCTS), dice.randrange(1, 900)
    status = 404 if dice.random() < 0.02 else 200
    took = dice.lognormvariate(3.2, 0.5)
    steps = [_http(moment, dice, "GET", f"/products/{product}-{number}", status, took)]
    cached = dice.random() < 0.7
    hit = {"cache": "hit" if cached else "miss", "product": f"{product}-{number}"}
    word = "served from cache" if cached else "loaded from database"
    steps.append((_later(moment, 3), "debug", "catalog", f"product {product}-{number} {word}", hit))
    return steps


def _search(moment: _Moment, dice: random.Random) -> list[_Step]:
    word, hits = dice.choice(_PRODUCTS), dice.randrange(0, 240)
    took = dice.lognormvariate(4.0, 0.6)
    steps = [_http(moment, dice, "GET", f"/search?q={word}", 200, took)]
    found = {"query": word, "hits": hits, "duration_ms": round(took * 0.8, 1)}
    steps.append((_later(moment, 5), "info", "catalog", f"search for {word} found {hits} products", found))
    if took > 150:
        steps.append((_later(moment, took), "warning", "catalog", f"slow query: {took:.0f} ms for {word}", found))
    return steps


def _add_to_cart(moment: _Moment, dice: random.Random) -> list[_Step]:
    product, user, amount = dice.choice(_PRODUCTS), dice.randrange(1000, 9999), dice.randrange(1, 5)
    steps = [_http(moment, dice, "POST", "/cart", 201, dice.lognormvariate(3.4, 0.4))]
    added = {"user": {"id": user}, "product": product, "amount": amount}
    steps.append((_later(moment, 4), "info", "cart", f"user {user} put {amount} {product} into the cart", added))
    left = dice.randrange(0, 60)
    level, word = ("warning", "running low") if left < 4 else ("debug", "in stock")
    stock = {"product": product, "stock": left}
    steps.append((_later(moment, 7), level, "inventory", f"{product} {word}: {left} left", stock))
    return steps


def _check_out(moment: _Moment, dice: random.Random) -> list[_Step]:
    order, user, amount = dice.randrange(10**6, 10**7), dice.randrange(1000, 9999), round(dice.uniform(8, 300), 2)
    fails = dice.random() < moment.trouble * 0.6
    took = dice.lognormvariate(4.8, 0.3) * (1 + 40 * moment.trouble)
    about = {"order": {"id": order, "amount": amount, "currency": "EUR"}, "user": {"id": user}}
    steps = [(moment.at, "info", "checkout", f"order {order} of user {user} over {amount} EUR begins", about)]
    steps += _failed(moment, order, about, took) if fails else _paid(moment, order, about, took, dice)
    status = 502 if fails else 201
    answered = _Moment(_later(moment, took + 5), moment.trouble)
    return [*steps, _http(answered, dice, "POST", "/checkout", status, took)]


def _paid(moment: _Moment, order: int, about: Record, took: float, dice: random.Random) -> list[_Step]:
    attributes = about | {"duration_ms": round(took, 1)}
    steps = [
        (_later(moment, took), "info", "payment", f"payment for order {order} accepted in {took:.0f} ms", attributes)
    ]
    if took > 1500:
        steps.append(
            (_later(moment, took), "warning", "payment", f"waited {took * 0.9:.0f} ms for a connection", about)
        )
    if dice.random() < 0.02:
        steps.append((_later(moment, took), "warning", "payment", f"card for order {order} declined", about))
    steps.append((_later(moment, took + 3), "info", "inventory", f"order {order} reserved", about))
    return steps


def _failed(moment: _Moment, order: int, about: Record, took: float) -> list[_Step]:
    cause = about | {"error": {"type": "PoolTimeout", "message": "no connection within 5000 ms"}, "version": _NEW}
    return [
        (
            _later(moment, took - 2),
            "error",
            "payment",
            f"payment for order {order} failed: connection pool timeout",
            cause,
        ),
        (_later(moment, took), "error", "checkout", f"order {order} failed: payment answered 503", about),
    ]


def _mail(moment: _Moment, dice: random.Random) -> list[_Step]:
    order, attempt = dice.randrange(10**6, 10**7), dice.choices((1, 2, 3), weights=(90, 8, 2))[0]
    about = {"order": {"id": order}, "attempt": attempt, "template": "confirmation"}
    level = "info" if attempt == 1 else "warning"
    return [
        (moment.at, level, "mail", f"confirmation for order {order} sent at attempt {attempt}", about),
        (_later(moment, 2), "debug", "mail", "queue is empty", {}),
    ]


SETTLE_S = 10.0
"""So long a store on a server may take until the records can be found; they are stored all the same."""


class SampleData:
    """The sample data of an organisation."""

    def __init__(self, store: LogStore, clock: Clock):
        self._store = store
        self._clock = clock

    def load(self, principal: Principal) -> int:
        """Store the sample records, unless they are there; says how many are there then."""
        require(principal, Right.WRITE_LOGS)
        present = self._count(principal)
        if present:
            return present
        batch = sample_batch(self._clock.now())
        count = self._store.append(principal.organisation_id, batch).count
        self._store.settle(principal.organisation_id, SETTLE_S)
        return count

    def remove(self, principal: Principal) -> int:
        """Remove them; says how many there were."""
        require(principal, Right.DELETE_LOGS)
        return self._store.delete(principal.organisation_id, Field("upload_id", SAMPLE_ID))

    def present(self, principal: Principal) -> bool:
        """True while any of them is there."""
        require(principal, Right.READ_LOGS)
        return self._count(principal) > 0

    def _count(self, principal: Principal) -> int:
        query = LogQuery(query=Field("upload_id", SAMPLE_ID), limit=1)
        return self._store.search(principal.organisation_id, query).total or 0
