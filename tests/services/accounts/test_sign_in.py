"""Signing in: names, the same answer for everybody who fails, the throttle, and changing the password."""

import threading

import pytest

from services.accounts.accounts import Accounts
from services.accounts.passwords import Passwords
from services.database import Database
from services.errors import InvalidInput, QuotaExceeded, Unauthenticated
from services.principal import Principal
from tests.clocks import HandClock
from tests.services.accounts.conftest import ELSEWHERE, HERE, PASSWORD, CountingHasher, signed_in


def fail(accounts: Accounts, name: str = "alice", address: str = HERE) -> str:
    with pytest.raises(Unauthenticated) as caught:
        accounts.sign_in(name, "a wrong password", address=address)
    return str(caught.value)


def refused(accounts: Accounts, name: str = "alice", address: str = HERE) -> int:
    with pytest.raises(QuotaExceeded) as caught:
        accounts.sign_in(name, PASSWORD, address=address)
    return caught.value.retry_after_s


@pytest.mark.parametrize("name", ["alice", "ALICE", " Alice ", "alice@example.org", "Alice@EXAMPLE.org", "ａlice"])
def test_any_spelling_of_name_or_address_signs_in(accounts: Accounts, alice: Principal, name: str) -> None:
    assert accounts.sign_in(name, PASSWORD, address=HERE) == alice


def test_a_password_typed_with_composed_or_combining_letters_is_the_same(accounts: Accounts) -> None:
    accounts.register("zoe", "zoe@example.org", "caf\u00e9 caf\u00e9")
    assert accounts.sign_in("zoe", "cafe\u0301 cafe\u0301", address=HERE).username == "zoe"


def test_nobody_and_a_wrong_password_get_the_same_answer_for_the_same_work(
    accounts: Accounts, alice: Principal, hasher: CountingHasher
) -> None:
    assert fail(accounts, "alice") == fail(accounts, "nobody")
    known, unknown = hasher.compared
    assert known.rsplit("$", 2)[0] == unknown.rsplit("$", 2)[0]
    assert [len(part) for part in known.split("$")] == [len(part) for part in unknown.split("$")]


@pytest.mark.parametrize("name", ["", "\0", "al\0ice", "\ud800", "x" * 100_000, "' OR 1=1 --", "%", "\u202e"])
def test_strange_names_are_nobody(accounts: Accounts, alice: Principal, name: str) -> None:
    assert fail(accounts, name) == fail(accounts, "nobody")


@pytest.mark.parametrize("password", ["", "\0", "\ud800", PASSWORD + "\0", "x" * 2_000_000])
def test_strange_passwords_are_wrong_and_cost_one_comparison(
    accounts: Accounts, alice: Principal, hasher: CountingHasher, password: str
) -> None:
    with pytest.raises(Unauthenticated):
        accounts.sign_in("alice", password, address=HERE)
    assert len(hasher.compared) == 1


def test_hashes_follow_the_parameters_when_their_owner_signs_in(
    database: Database, clock: HandClock, alice: Principal, accounts: Accounts
) -> None:
    stronger = CountingHasher(time_cost=2)
    later = Accounts(database, clock, passwords=Passwords(stronger))
    for _ in range(2):
        later.sign_in("alice", PASSWORD, address=HERE)
    assert ["t=1" in stronger.compared[0], "t=2" in stronger.compared[1]] == [True, True]


def test_the_sixth_attempt_in_a_row_waits_without_a_comparison(
    accounts: Accounts, alice: Principal, hasher: CountingHasher
) -> None:
    for _ in range(5):
        fail(accounts)
    assert refused(accounts) == 30
    assert len(hasher.compared) == 5


@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_the_wait_doubles_up_to_a_quarter_of_an_hour(
    accounts: Accounts, alice: Principal, clock: HandClock, name: str
) -> None:
    waits = []
    for _ in range(4):
        fail(accounts, name)
    for _ in range(6):
        fail(accounts, name)
        waits.append(refused(accounts, name))
        clock.move(seconds=waits[-1])
    assert waits == [30, 60, 120, 240, 480, 900]


def test_after_the_wait_the_right_password_signs_in_and_forgets(
    accounts: Accounts, alice: Principal, clock: HandClock
) -> None:
    for _ in range(5):
        fail(accounts)
    clock.move(seconds=29)
    assert refused(accounts) == 1
    clock.move(seconds=1)
    accounts.sign_in("alice", PASSWORD, address=HERE)
    for _ in range(5):
        fail(accounts)
    refused(accounts)


def test_a_quarter_of_an_hour_of_quiet_forgets(accounts: Accounts, alice: Principal, clock: HandClock) -> None:
    for _ in range(4):
        fail(accounts)
    clock.move(minutes=15)
    for _ in range(5):
        fail(accounts)


def test_failures_elsewhere_do_not_lock_the_owner_out(accounts: Accounts, alice: Principal) -> None:
    for _ in range(5):
        fail(accounts, address=ELSEWHERE)
    refused(accounts, address=ELSEWHERE)
    accounts.sign_in("alice", PASSWORD, address=HERE)


def test_an_address_that_tries_many_names_waits(accounts: Accounts, alice: Principal, bob: Principal) -> None:
    for number in range(20):
        fail(accounts, f"user{number}", address=ELSEWHERE)
    refused(accounts, "alice", address=ELSEWHERE)
    accounts.sign_in("bob", PASSWORD, address=HERE)


def test_many_addresses_against_one_account_wait_but_the_owners_own_does_not(
    accounts: Accounts, alice: Principal
) -> None:
    accounts.sign_in("alice", PASSWORD, address=HERE)
    for number in range(50):
        fail(accounts, address=f"203.0.113.{number}")
    refused(accounts, address="203.0.113.200")
    accounts.sign_in("alice", PASSWORD, address=HERE)


def test_one_ipv6_network_counts_as_one_address(accounts: Accounts, alice: Principal) -> None:
    for number in range(5):
        fail(accounts, address=f"2001:db8:1:2::{number:x}")
    refused(accounts, address="2001:db8:1:2:ffff::1")
    accounts.sign_in("alice", PASSWORD, address="2001:db8:1:3::1")


@pytest.mark.parametrize("address", ["", "not an address", "\0", "x" * 10_000])
def test_a_strange_address_still_counts(accounts: Accounts, alice: Principal, address: str) -> None:
    for _ in range(5):
        fail(accounts, address=address)
    refused(accounts, address=address)


def test_many_guesses_at_once_do_not_get_past_the_limit(
    accounts: Accounts, alice: Principal, hasher: CountingHasher
) -> None:
    outcomes: list[type[Exception]] = []

    def guess() -> None:
        try:
            accounts.sign_in("alice", "a wrong password", address=HERE)
        except (Unauthenticated, QuotaExceeded) as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=guess) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 20
    assert len(hasher.compared) <= 6


def sign_in_at_once(accounts: Accounts, count: int) -> tuple[list[Principal], list[QuotaExceeded]]:
    found: list[Principal] = []
    refused: list[QuotaExceeded] = []

    def run() -> None:
        try:
            found.append(accounts.sign_in("alice", PASSWORD, address=HERE))
        except QuotaExceeded as error:
            refused.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found, refused


def test_eight_right_passwords_at_once_all_sign_in(accounts: Accounts, alice: Principal) -> None:
    assert sign_in_at_once(accounts, 8) == ([alice] * 8, [])


def test_of_a_flood_some_sign_in_and_the_others_are_told_when_to_come_back(
    accounts: Accounts, alice: Principal
) -> None:
    found, refused = sign_in_at_once(accounts, 40)
    assert len(found) >= 8
    assert len(found) + len(refused) == 40
    assert all(error.retry_after_s >= 1 for error in refused)


def test_failures_survive_a_restart(database: Database, accounts: Accounts, alice: Principal, clock: HandClock) -> None:
    for _ in range(5):
        fail(accounts)
    refused(Accounts(database, clock, passwords=Passwords(CountingHasher())))


def test_changing_the_password_ends_other_sessions_and_sign_ins_but_not_named_tokens(
    accounts: Accounts, alice: Principal
) -> None:
    here, elsewhere = accounts.open_session(alice), accounts.open_session(alice)
    _, sign_in = accounts.issue_sign_in_token(alice)
    _, named = accounts.issue_token(alice, name="shipper")
    accounts.token_principal(sign_in)
    accounts.change_password(accounts.session_principal(here), PASSWORD, "another good one")
    assert accounts.session_principal(here).username == "alice"
    assert accounts.token_principal(named).username == "alice"
    for over in (lambda: accounts.session_principal(elsewhere), lambda: accounts.token_principal(sign_in)):
        with pytest.raises(Unauthenticated):
            over()
    fail(accounts)
    assert accounts.sign_in("alice", "another good one", address=HERE).username == "alice"


def test_a_token_that_changes_the_password_goes_on(accounts: Accounts, alice: Principal) -> None:
    _, plain = accounts.issue_sign_in_token(alice)
    accounts.change_password(accounts.token_principal(plain), PASSWORD, "another good one")
    assert accounts.token_principal(plain).username == "alice"


def test_the_old_password_is_needed_and_guessing_it_is_throttled(accounts: Accounts, alice: Principal) -> None:
    principal = signed_in(accounts, alice)
    for _ in range(5):
        with pytest.raises(InvalidInput) as caught:
            accounts.change_password(principal, "a wrong password", "another good one")
        assert caught.value.field == "old_password"
    with pytest.raises(QuotaExceeded):
        accounts.change_password(principal, PASSWORD, "another good one")


@pytest.mark.parametrize("new", ["short", "password", "alice@example.org", "x" * 2000])
def test_the_new_password_is_checked(accounts: Accounts, alice: Principal, new: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.change_password(signed_in(accounts, alice), PASSWORD, new)
    assert caught.value.field == "new_password"
