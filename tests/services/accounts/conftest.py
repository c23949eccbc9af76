"""Accounts on each kind of database, with a clock that is moved by hand and a hasher that is cheap and counts."""

import pytest
from argon2 import PasswordHasher

from services.accounts.accounts import Accounts
from services.accounts.passwords import Passwords
from services.database import Database
from services.principal import Principal, Role
from tests.clocks import HandClock

PASSWORD = "correct horse battery"
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"


class CountingHasher(PasswordHasher):
    """argon2id with the smallest parameters; notes every comparison."""

    def __init__(self, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.compared: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        self.compared.append(str(hash))
        return bool(super().verify(hash, password))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


@pytest.fixture
def accounts(database: Database, clock: HandClock, hasher: CountingHasher) -> Accounts:
    return Accounts(database, clock, passwords=Passwords(hasher))


@pytest.fixture
def alice(accounts: Accounts) -> Principal:
    """Admin of her own organisation."""
    return accounts.register("alice", "alice@example.org", PASSWORD)


@pytest.fixture
def bob(accounts: Accounts) -> Principal:
    """Admin of another organisation."""
    return accounts.register("bob", "bob@example.org", PASSWORD)


@pytest.fixture
def viewer(accounts: Accounts, alice: Principal) -> Principal:
    """A viewer in Alice's organisation."""
    return join(accounts, alice, "vera", Role.VIEWER)


def join(accounts: Accounts, admin: Principal, name: str, role: Role) -> Principal:
    """A new member of the admin's organisation."""
    _, code = accounts.invite(admin, role=role)
    return accounts.register(name, f"{name}@example.org", PASSWORD, invitation=code)


def signed_in(accounts: Accounts, principal: Principal) -> Principal:
    """`principal` with a session that is really open."""
    return accounts.session_principal(accounts.open_session(principal))
