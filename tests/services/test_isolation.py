"""Two organisations, and two members of one, see nothing of what the other keeps in the relational database."""

from collections.abc import Callable

import pytest
from argon2 import PasswordHasher

from services.accounts.accounts import Accounts
from services.accounts.passwords import Passwords
from services.database import Database
from services.documents.sql import SqlDocumentStore
from services.errors import NotFound
from services.history import SearchHistory
from services.preferences import Preferences
from services.principal import Principal, Role
from tests.clocks import HandClock

PASSWORD = "correct horse battery"


class House:
    """The services of one installation with three people: Alice and her colleague Carl, and Bob elsewhere."""

    def __init__(self, database: Database) -> None:
        clock, hasher = HandClock(), PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        documents = SqlDocumentStore(database)
        self.accounts = Accounts(database, clock, passwords=Passwords(hasher))
        self.history = SearchHistory(documents, clock)
        self.preferences = Preferences(documents)
        self.alice = self.accounts.register("alice", "alice@example.org", PASSWORD)
        _, code = self.accounts.invite(self.alice, role=Role.ADMIN)
        self.carl = self.accounts.register("carl", "carl@example.org", PASSWORD, invitation=code)
        self.bob = self.accounts.register("bob", "bob@example.org", PASSWORD)


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


def others(house: House) -> list[Principal]:
    return [house.carl, house.bob]


def test_nobody_else_sees_or_ends_a_token(house: House) -> None:
    token, plain = house.accounts.issue_token(house.alice, name="secret shipper")
    for other in others(house):
        assert house.accounts.tokens(other) == []
        with pytest.raises(NotFound):
            house.accounts.revoke_token(other, token.id)
    assert house.accounts.token_principal(plain).user_id == house.alice.user_id


def test_nobody_else_sees_or_removes_the_history(house: House) -> None:
    entry = house.history.add(house.alice, "password of the vault")
    for other in others(house):
        attempts: list[Callable[[Principal, str], object]] = [house.history.get, house.history.delete]
        for attempt in attempts:
            with pytest.raises(NotFound):
                attempt(other, entry.id)
        assert house.history.list(other) == ([], 0)
        assert house.history.clear(other) == 0
    assert house.history.get(house.alice, entry.id) == entry


def test_preferences_are_ones_own(house: House) -> None:
    house.preferences.put(house.alice, theme="dark")
    assert [house.preferences.get(other).theme for other in others(house)] == ["system", "system"]


def test_members_and_invitations_stay_in_the_organisation(house: House) -> None:
    invitation, _ = house.accounts.invite(house.alice)
    assert [member.username for member in house.accounts.members(house.bob)] == ["bob"]
    assert house.accounts.invitations(house.bob) == []
    with pytest.raises(NotFound):
        house.accounts.withdraw_invitation(house.bob, invitation.id)


def test_a_user_of_two_organisations_keeps_their_tokens_apart(house: House) -> None:
    house.accounts.issue_token(house.bob, name="at home")
    _, code = house.accounts.invite(house.alice)
    abroad = house.accounts.accept_invitation(house.bob, code)
    _, plain = house.accounts.issue_token(abroad, name="abroad")
    assert [token.name for token in house.accounts.tokens(abroad)] == ["abroad"]
    assert [token.name for token in house.accounts.tokens(house.bob)] == ["at home"]
    assert house.accounts.token_principal(plain).organisation_id == house.alice.organisation_id
