"""Slows down whoever guesses passwords, without letting them lock the owner out.

Failures are counted under three keys: (name, address), the address, the name. Past its limit a key waits twice as long
after each further failure, up to 15 minutes, and 15 quiet minutes forget it. The limit of a name alone holds against many
addresses at once; an address from which its owner signed in before is exempt, so an attacker elsewhere cannot keep the owner out.

Names that exist and names that do not are treated alike. Keys are stored as hashes: people type passwords into the name field.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Delete, Select, and_, delete, or_, select

from services.accounts.models import SignInFailures
from services.clock import Clock
from services.database import Database, Insert
from services.errors import QuotaExceeded

_FORGET = timedelta(minutes=15)
_KNOWN = timedelta(days=90)
_LONGEST_S = 900


@dataclass(frozen=True)
class Limit:
    """Failures that cost nothing, and the wait after the first one beyond; it doubles from there."""

    failures: int
    first_wait_s: int


PAIR = Limit(failures=5, first_wait_s=30)
ADDRESS = Limit(failures=20, first_wait_s=30)
NAME = Limit(failures=50, first_wait_s=30)


class Throttle:
    """See the top of this file. `name` is a login key, `address` an IP address or empty (then it is not counted)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def check(self, name: str, address: str) -> None:
        """Raise `QuotaExceeded` with the seconds to wait, where `name` or `address` has failed too often."""
        limits, known = _limits(name, address), _known(name, address)
        with self._database.reading() as session:
            rows = {row.key: row for row in session.scalars(_rows([*limits, known]))}
        now = self._clock.now()
        if known in rows:
            limits = {key: limit for key, limit in limits.items() if limit is not NAME}
        wait_s = max((_wait_s(rows[key], limit, now) for key, limit in limits.items() if key in rows), default=0)
        if wait_s > 0:
            raise QuotaExceeded("Too many failed attempts. Wait, then try again.", retry_after_s=wait_s)

    def failed(self, name: str, address: str) -> None:
        """Count one failure."""
        now = self._clock.now()
        keys = list(_limits(name, address))
        with self._database.session() as session:
            session.execute(_forget(now))
            for key in sorted(keys):  # one order for everybody: two processes must not wait for each other
                session.execute(self._adding(key, 1, now))

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of (name, address) and know the address from now on. Writes only where that is news."""
        now, pair, known = self._clock.now(), _hash("pair", name, address), _known(name, address)
        with self._database.reading() as session:
            rows = {row.key: row for row in session.scalars(_rows([pair, known]))}
        if pair not in rows and known in rows and now - rows[known].last_at < timedelta(days=1):
            return
        with self._database.session() as session:
            session.execute(delete(SignInFailures).where(SignInFailures.key == pair))
            session.execute(self._adding(known, 0, now))

    def _adding(self, key: str, failures: int, now: datetime) -> Insert:
        insert = self._database.insert(SignInFailures).values(key=key, failures=failures, last_at=now)
        return insert.on_conflict_do_update(
            index_elements=["key"], set_={"failures": SignInFailures.failures + failures, "last_at": now}
        )


def _limits(name: str, address: str) -> dict[str, Limit]:
    limits = {_hash("name", name): NAME, _hash("pair", name, address): PAIR}
    return limits | {_hash("address", address): ADDRESS} if address else limits


def _wait_s(row: SignInFailures, limit: Limit, now: datetime) -> int:
    beyond = row.failures - limit.failures
    if beyond < 0 or now - row.last_at >= _FORGET:
        return 0
    wait = timedelta(seconds=min(limit.first_wait_s * 2 ** min(beyond, 20), _LONGEST_S))
    left = row.last_at + wait - now
    return max(0, -int(-left.total_seconds() // 1))


def _rows(keys: list[str]) -> Select[SignInFailures]:
    return select(SignInFailures).where(SignInFailures.key.in_(keys))


def _forget(now: datetime) -> Delete:
    quiet = and_(SignInFailures.failures > 0, SignInFailures.last_at <= now - _FORGET)
    return delete(SignInFailures).where(or_(quiet, SignInFailures.last_at <= now - _KNOWN))


def _known(name: str, address: str) -> str:
    return _hash("known", name, address)


def _hash(kind: str, name: str, address: str = "") -> str:
    network = _network(name if kind == "address" else address)
    text = "\0".join((kind, network) if kind == "address" else (kind, name, network))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _network(address: str) -> str:
    """The address; of IPv6 its /64, since one host may use all of that."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed.packed, 64), strict=False))
    return str(parsed)
