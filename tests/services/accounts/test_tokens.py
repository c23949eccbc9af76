"""API tokens: scopes within the role, expiry, revocation at once, and a look-up that costs next to nothing."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from services.accounts.accounts import Accounts
from services.accounts.passwords import Passwords
from services.database import Database
from services.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from services.principal import Principal, Role, Scope
from tests.clocks import HandClock
from tests.services.accounts.conftest import CountingHasher, join


def is_over(accounts: Accounts, plain: str) -> bool:
    try:
        accounts.token_principal(plain)
    except Unauthenticated:
        return True
    return False


def test_a_token_speaks_for_its_owner(accounts: Accounts, alice: Principal) -> None:
    token, plain = accounts.issue_token(alice, name="shipper", scopes=["ingest"])
    principal = accounts.token_principal(plain)
    assert (principal.user_id, principal.organisation_id) == (alice.user_id, alice.organisation_id)
    assert (principal.credential, principal.credential_id) == ("token", token.id)
    assert principal.scopes == frozenset({Scope.INGEST})
    assert plain.startswith(token.prefix)
    assert token.prefix.startswith("evk_")
    assert len(token.prefix) < 12


@pytest.mark.parametrize(
    "plain", ["", "evk_", "evk_" + "x" * 40, "evk_" + "\ud800" * 40, "x" * 44, "evk_" + "é" * 40, "x" * 10**6]
)
def test_made_up_tokens_open_nothing(accounts: Accounts, alice: Principal, plain: str) -> None:
    assert is_over(accounts, plain)


def test_a_token_has_at_most_the_scopes_of_its_maker(accounts: Accounts, viewer: Principal) -> None:
    with pytest.raises(Forbidden, match="admin"):
        accounts.issue_token(viewer, name="too much", scopes=["read", "admin"])
    token, _ = accounts.issue_token(viewer, name="all of mine")
    assert token.scopes == ("read",)


@pytest.mark.parametrize("scopes", [["write"], [""], ["read", "READ"], [], "read"])
def test_unknown_and_no_scopes_are_refused(accounts: Accounts, alice: Principal, scopes: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.issue_token(alice, name="x", scopes=scopes)
    assert caught.value.field == "scopes"


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\0b"])
def test_a_bad_name_is_refused(accounts: Accounts, alice: Principal, name: str) -> None:
    with pytest.raises(InvalidInput):
        accounts.issue_token(alice, name=name)


def test_scopes_shrink_with_the_role_at_once_and_come_back(accounts: Accounts, alice: Principal) -> None:
    editor = join(accounts, alice, "eddie", Role.EDITOR)
    _, plain = accounts.issue_token(editor, name="shipper", scopes=["read", "ingest"])
    assert Scope.INGEST in accounts.token_principal(plain).scopes
    accounts.set_role(alice, editor.user_id, Role.VIEWER)
    assert accounts.token_principal(plain).scopes == frozenset({Scope.READ})
    accounts.set_role(alice, editor.user_id, Role.ADMIN)
    assert accounts.token_principal(plain).scopes == frozenset({Scope.READ, Scope.INGEST})


def test_a_limited_token_can_end_itself_but_not_touch_the_account(accounts: Accounts, alice: Principal) -> None:
    other, _ = accounts.issue_token(alice, name="other")
    token, plain = accounts.issue_token(alice, name="limited", scopes=["read"])
    limited = accounts.token_principal(plain)
    for attempt in (
        lambda: accounts.issue_token(limited, name="more"),
        lambda: accounts.revoke_token(limited, other.id),
        lambda: accounts.change_password(limited, "x", "y"),
        lambda: accounts.update_profile(limited, email="evil@example.org"),
    ):
        with pytest.raises(Forbidden):
            attempt()
    accounts.revoke_token(limited, token.id)
    assert is_over(accounts, plain)


def test_only_a_token_with_the_admin_scope_carries_the_superadmin(database: Database) -> None:
    accounts = Accounts(database, HandClock(), passwords=Passwords(CountingHasher()))
    root = accounts.create_superuser("root", "root@localhost", "a good password")
    _, limited = accounts.issue_token(root, name="limited", scopes=["read"])
    _, whole = accounts.issue_token(root, name="whole")
    assert not accounts.token_principal(limited).is_superadmin
    assert accounts.token_principal(whole).is_superadmin


def test_a_revoked_token_is_dead_at_once(accounts: Accounts, alice: Principal) -> None:
    token, plain = accounts.issue_token(alice, name="x")
    accounts.token_principal(plain)
    accounts.revoke_token(alice, token.id)
    assert is_over(accounts, plain)
    with pytest.raises(NotFound):
        accounts.revoke_token(alice, token.id)


@pytest.mark.parametrize("token_id", ["", "x", "\0", "\ud800", "x" * 10_000, "0" * 20])
def test_a_strange_id_is_not_found(accounts: Accounts, alice: Principal, token_id: str) -> None:
    with pytest.raises(NotFound):
        accounts.revoke_token(alice, token_id)


def test_signing_out_ends_this_token_only(accounts: Accounts, alice: Principal) -> None:
    (_, one), (_, two) = accounts.issue_sign_in_token(alice), accounts.issue_sign_in_token(alice)
    accounts.sign_out(accounts.token_principal(one))
    assert (is_over(accounts, one), is_over(accounts, two)) == (True, False)


def test_a_sign_in_token_dies_after_thirty_idle_days(accounts: Accounts, alice: Principal, clock: HandClock) -> None:
    (_, used), (_, idle), (_, named) = (
        accounts.issue_sign_in_token(alice),
        accounts.issue_sign_in_token(alice),
        accounts.issue_token(alice, name="x"),
    )
    clock.move(days=29)
    assert not is_over(accounts, used)
    clock.move(days=1)
    assert [is_over(accounts, plain) for plain in (used, idle, named)] == [False, True, False]
    assert [token.name for token in accounts.tokens(alice)].count("Sign-in") == 1


def test_a_token_with_an_expiry_dies_on_the_second(accounts: Accounts, alice: Principal, clock: HandClock) -> None:
    _, plain = accounts.issue_token(alice, name="x", expires=clock.now() + timedelta(seconds=2))
    assert not is_over(accounts, plain)
    clock.move(seconds=2)
    assert is_over(accounts, plain)
    assert accounts.tokens(alice) == []


@pytest.mark.parametrize(
    "expires",
    [datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1), datetime.max.replace(tzinfo=UTC)],
)
def test_an_expiry_in_the_past_or_without_zone_is_refused(
    accounts: Accounts, alice: Principal, expires: datetime
) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.issue_token(alice, name="x", expires=expires)
    assert caught.value.field == "expires"


def test_the_list_shows_the_owners_tokens_newest_first_with_last_use(
    accounts: Accounts, alice: Principal, viewer: Principal, clock: HandClock
) -> None:
    _, plain = accounts.issue_token(alice, name="first")
    clock.move(seconds=1)
    accounts.issue_token(alice, name="second")
    accounts.issue_token(viewer, name="of another")
    accounts.token_principal(plain)
    assert [(token.name, token.last_used) for token in accounts.tokens(alice)] == [
        ("second", None),
        ("first", clock.now()),
    ]


def test_the_last_use_is_written_at_most_once_a_minute(accounts: Accounts, alice: Principal, clock: HandClock) -> None:
    _, plain = accounts.issue_token(alice, name="x")
    accounts.token_principal(plain)
    first = clock.now()
    clock.move(seconds=59)
    accounts.token_principal(plain)
    assert accounts.tokens(alice)[0].last_used == first
    clock.move(seconds=4)
    accounts.token_principal(plain)
    assert accounts.tokens(alice)[0].last_used == clock.now()


def test_a_token_in_use_is_looked_up_once_in_three_seconds(
    database: Database, accounts: Accounts, alice: Principal, clock: HandClock
) -> None:
    from sqlalchemy import event

    _, plain = accounts.issue_token(alice, name="x")
    accounts.token_principal(plain)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    for _ in range(1000):
        accounts.token_principal(plain)
    assert statements == []
    clock.move(seconds=3)
    accounts.token_principal(plain)
    assert len([statement for statement in statements if "SELECT" in statement]) == 1


def test_another_process_notices_a_revocation_within_three_seconds(
    database: Database, accounts: Accounts, alice: Principal, clock: HandClock
) -> None:
    other = Accounts(database, clock, passwords=Passwords(CountingHasher()))
    token, plain = accounts.issue_token(alice, name="x")
    other.token_principal(plain)
    accounts.revoke_token(alice, token.id)
    clock.move(seconds=3)
    assert is_over(other, plain)


def test_a_look_up_that_overtakes_a_revocation_is_not_remembered(
    accounts: Accounts, alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, plain = accounts.issue_token(alice, name="x")
    tokens = accounts._tokens
    find = tokens._find

    def slow(key: str) -> object:
        row = find(key)
        accounts.revoke_token(alice, token.id)
        return row

    monkeypatch.setattr(tokens, "_find", slow)
    accounts.token_principal(plain)  # began before the revocation: may pass, once
    monkeypatch.setattr(tokens, "_find", find)
    assert is_over(accounts, plain)


def test_two_hundred_named_tokens_are_enough_but_signing_in_goes_on(
    accounts: Accounts, alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.accounts.tokens._MOST_NAMED", 3)
    monkeypatch.setattr("services.accounts.tokens._MOST_SIGN_INS", 3)
    for number in range(3):
        accounts.issue_token(alice, name=str(number))
    with pytest.raises(Conflict):
        accounts.issue_token(alice, name="one more")
    plains = [accounts.issue_sign_in_token(alice)[1] for _ in range(5)]
    assert len([plain for plain in plains if not is_over(accounts, plain)]) == 3


def test_tokens_are_used_and_revoked_by_many_threads_at_once(accounts: Accounts, alice: Principal) -> None:
    wrong: list[str] = []

    def work(number: int) -> None:
        for _ in range(4):
            token, plain = accounts.issue_token(alice, name=str(number))
            if is_over(accounts, plain):
                wrong.append("dead too early")
            accounts.revoke_token(alice, token.id)
            if not is_over(accounts, plain):
                wrong.append("alive after revocation")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
