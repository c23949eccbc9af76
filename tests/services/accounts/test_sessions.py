"""Sessions of browsers: new at each sign-in, over when they should be, role looked up at each use."""

import pytest

from services.accounts.accounts import Accounts
from services.errors import Unauthenticated
from services.principal import Principal, Role
from tests.clocks import HandClock


def is_over(accounts: Accounts, secret: str) -> bool:
    try:
        accounts.session_principal(secret)
    except Unauthenticated:
        return True
    return False


def test_a_session_says_whose_it_is(accounts: Accounts, alice: Principal) -> None:
    principal = accounts.session_principal(accounts.open_session(alice))
    assert (principal.user_id, principal.organisation_id) == (alice.user_id, alice.organisation_id)
    assert (principal.credential, principal.role, len(principal.credential_id)) == ("session", Role.ADMIN, 20)


def test_every_sign_in_gets_a_new_secret(accounts: Accounts, alice: Principal) -> None:
    assert len({accounts.open_session(alice) for _ in range(5)}) == 5


@pytest.mark.parametrize("secret", ["", "x", "x" * 40, "x" * 1_000_000, "\0" * 40, "\ud800" * 40, "' OR 1=1 --"])
def test_made_up_secrets_open_nothing(accounts: Accounts, alice: Principal, secret: str) -> None:
    accounts.open_session(alice)
    assert is_over(accounts, secret)
    accounts.close_session(secret)


def test_the_public_id_opens_nothing(accounts: Accounts, alice: Principal) -> None:
    assert is_over(accounts, accounts.session_principal(accounts.open_session(alice)).credential_id)


def test_signing_out_ends_this_session_only_and_may_be_repeated(accounts: Accounts, alice: Principal) -> None:
    one, two, three = (accounts.open_session(alice) for _ in range(3))
    accounts.close_session(one)
    accounts.close_session(one)
    accounts.sign_out(accounts.session_principal(two))
    assert [is_over(accounts, secret) for secret in (one, two, three)] == [True, True, False]


def test_a_session_ends_after_twelve_idle_hours(accounts: Accounts, alice: Principal, clock: HandClock) -> None:
    used, idle = accounts.open_session(alice), accounts.open_session(alice)
    clock.move(hours=11)
    assert not is_over(accounts, used)
    clock.move(hours=1)
    assert (is_over(accounts, used), is_over(accounts, idle)) == (False, True)


def test_a_remembered_session_lasts_thirty_idle_days_and_ninety_at_most(
    accounts: Accounts, alice: Principal, clock: HandClock
) -> None:
    used, idle = accounts.open_session(alice, remember=True), accounts.open_session(alice, remember=True)
    clock.move(days=29)
    assert not is_over(accounts, used)
    clock.move(days=1)
    assert (is_over(accounts, used), is_over(accounts, idle)) == (False, True)
    clock.move(days=29)
    assert not is_over(accounts, used)
    clock.move(days=29)
    assert not is_over(accounts, used)
    clock.move(days=3)
    assert is_over(accounts, used)


def test_a_changed_role_holds_at_once(accounts: Accounts, alice: Principal, viewer: Principal) -> None:
    secret = accounts.open_session(viewer)
    accounts.set_role(alice, viewer.user_id, Role.EDITOR)
    assert accounts.session_principal(secret).role == Role.EDITOR


def test_removing_a_member_ends_their_sessions(accounts: Accounts, alice: Principal, viewer: Principal) -> None:
    secret = accounts.open_session(viewer)
    accounts.remove_member(alice, viewer.user_id)
    assert is_over(accounts, secret)
