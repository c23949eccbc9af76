"""Who may register, under which names, and who becomes superadmin."""

import threading

import pytest

from services.accounts.accounts import Accounts
from services.accounts.passwords import Passwords
from services.accounts.registration import checked
from services.database import Database
from services.errors import ConfigError, Conflict, Forbidden, InvalidInput
from services.principal import Principal, Role, Scope
from tests.clocks import HandClock
from tests.services.accounts.conftest import HERE, PASSWORD, CountingHasher, join


def in_mode(database: Database, mode: str, setup_code: str = "the-code") -> Accounts:
    passwords = Passwords(CountingHasher())
    return Accounts(database, HandClock(), registration=mode, setup_code=setup_code, passwords=passwords)


def test_registering_makes_an_organisation_with_its_founder_as_admin(accounts: Accounts) -> None:
    principal = accounts.register("Alice", "Alice@Example.org", PASSWORD)
    user = accounts.user(principal)
    assert (user.username, user.email, user.organisation) == ("Alice", "Alice@Example.org", "Alice")
    assert (user.role, user.is_superadmin, principal.scopes) == (Role.ADMIN, False, frozenset(Scope))
    assert user.organisation_id == principal.organisation_id


def test_the_organisation_may_have_a_name_in_any_script(accounts: Accounts) -> None:
    principal = accounts.register("alice", "a@example.org", PASSWORD, organisation=" Bäckerei 三 & Söhne ")
    assert accounts.user(principal).organisation == "Bäckerei 三 & Söhne"


@pytest.mark.parametrize("username", ["alice", "ALICE", " alice ", "ａｌｉｃｅ", "alice@example.org"])
def test_a_name_that_reads_the_same_is_taken(accounts: Accounts, alice: Principal, username: str) -> None:
    with pytest.raises(Conflict):
        accounts.register(username, "other@example.org", PASSWORD)


@pytest.mark.parametrize("email", ["alice@example.org", "ALICE@EXAMPLE.ORG", "alice＠example.org"])
def test_an_address_that_reads_the_same_is_taken(accounts: Accounts, alice: Principal, email: str) -> None:
    with pytest.raises(Conflict):
        accounts.register("other", email, PASSWORD)


def test_nobody_can_take_a_username_as_their_address_or_the_reverse(accounts: Accounts) -> None:
    accounts.register("me@example.org", "me@example.org", PASSWORD)
    with pytest.raises(Conflict):
        accounts.register("someone", "me@example.org", PASSWORD)
    assert accounts.sign_in("ME@example.org", PASSWORD, address=HERE).username == "me@example.org"


@pytest.mark.parametrize(
    "username",
    [
        "",
        "ab",
        "x" * 65,
        "a b c",
        "аlice",
        "al\0ice",
        "al\u202eice",
        "\ud800abc",
        "<b>bold",
        "naïve",
        "a/b/c",
        "\U0001f600" * 3,
    ],
)
def test_a_bad_username_is_refused_by_field(username: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked(username, "a@example.org", PASSWORD)
    assert caught.value.field == "username"


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@b\0",
        "\ud800@b",
        "a@" + "b" * 300,
        "a@.b",
        "a@b.",
        "a..b@c",
        "a@b\r\nBcc: c",
        "<a@b>",
    ],
)
def test_a_bad_address_is_refused_by_field(email: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked("alice", email, PASSWORD)
    assert caught.value.field == "email"


@pytest.mark.parametrize("email", ["root@localhost", "o'neil+logs@mail.example.co.uk", "jörg@müller.example"])
def test_unusual_addresses_are_taken(email: str) -> None:
    assert checked("alice", email, PASSWORD).email == email


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short77",
        "x" * 1025,
        "password",
        "PASSWORD1",
        "12345678",
        "aaaaaaaaaa",
        "alice-smith",
        "alice@example.org",
        "nul\0nul\0nul",
        "\ud800" * 9,
    ],
)
def test_a_bad_password_is_refused_by_field(password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked("alice-smith", "alice@example.org", password)
    assert caught.value.field == "password"


@pytest.mark.parametrize("password", ["x7" * 512, "пароль-и-ещё", "\U0001f600\U0001f601" * 4, "with spaces  "])
def test_long_and_foreign_passwords_sign_in(accounts: Accounts, password: str) -> None:
    accounts.register("alice", "a@example.org", password)
    assert accounts.sign_in("alice", password, address=HERE).username == "alice"


@pytest.mark.parametrize("title", ["x" * 101, "a\0b", "\u202e", "\ud800"])
def test_a_bad_organisation_name_is_refused_by_field(title: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked("alice", "a@example.org", PASSWORD, organisation=title)
    assert caught.value.field == "organisation"


def test_of_many_that_register_one_name_at_once_one_gets_it(database: Database) -> None:
    accounts, answers = in_mode(database, "open"), []

    def register(number: int) -> None:
        try:
            accounts.register("alice", f"alice{number}@example.org", PASSWORD)
            answers.append("made")
        except Conflict:
            answers.append("conflict")

    threads = [threading.Thread(target=register, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["conflict"] * 7 + ["made"]


def test_of_many_first_accounts_at_once_one_is_superadmin(database: Database) -> None:
    accounts, powers = in_mode(database, "open"), []

    def register(number: int) -> None:
        made = accounts.register(f"user{number}", f"user{number}@example.org", PASSWORD, from_loopback=True)
        powers.append(made.is_superadmin)

    threads = [threading.Thread(target=register, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(powers) == [False] * 5 + [True]


def test_the_first_account_from_this_machine_is_superadmin_and_the_second_is_not(accounts: Accounts) -> None:
    assert accounts.needs_setup()
    assert accounts.register("first", "first@example.org", PASSWORD, from_loopback=True).is_superadmin
    assert not accounts.needs_setup()
    assert not accounts.register("second", "second@example.org", PASSWORD, from_loopback=True).is_superadmin


def test_a_stranger_who_comes_first_is_no_superadmin_and_the_code_still_works(database: Database) -> None:
    accounts = in_mode(database, "open")
    assert not accounts.register("stranger", "s@example.org", PASSWORD).is_superadmin
    assert not accounts.register("local", "l@example.org", PASSWORD, from_loopback=True).is_superadmin
    assert accounts.register("owner", "o@example.org", PASSWORD, setup_code="the-code").is_superadmin


@pytest.mark.parametrize("code", ["wrong", "the-cod", "\ud800", "the-code\0"])
def test_a_wrong_setup_code_makes_no_account(database: Database, code: str) -> None:
    accounts = in_mode(database, "open")
    with pytest.raises(InvalidInput) as caught:
        accounts.register("owner", "o@example.org", PASSWORD, setup_code=code, from_loopback=True)
    assert caught.value.field == "setup_code"


def test_the_setup_code_works_once(database: Database) -> None:
    accounts = in_mode(database, "open")
    accounts.register("owner", "o@example.org", PASSWORD, setup_code="the-code")
    with pytest.raises(InvalidInput):
        accounts.register("second", "s@example.org", PASSWORD, setup_code="the-code")


def test_without_a_setup_code_no_code_fits(database: Database) -> None:
    with pytest.raises(InvalidInput):
        in_mode(database, "open", setup_code="").register("owner", "o@example.org", PASSWORD, setup_code="x")
    principal = in_mode(database, "open", setup_code="").register("owner", "o@example.org", PASSWORD, setup_code="")
    assert not principal.is_superadmin


@pytest.mark.parametrize("mode", ["invite", "closed"])
def test_only_the_operator_registers_where_registration_is_not_open(database: Database, mode: str) -> None:
    accounts = in_mode(database, mode)
    with pytest.raises(Forbidden):
        accounts.register("stranger", "s@example.org", PASSWORD)
    assert accounts.register("owner", "o@example.org", PASSWORD, from_loopback=True).is_superadmin
    with pytest.raises(Forbidden):
        accounts.register("second", "x@example.org", PASSWORD, from_loopback=True)


def test_an_invitation_opens_the_door_in_mode_invite_only(database: Database) -> None:
    accounts = in_mode(database, "invite")
    owner = accounts.register("owner", "o@example.org", PASSWORD, setup_code="the-code")
    member = join(accounts, owner, "vera", Role.EDITOR)
    assert (member.organisation_id, member.role) == (owner.organisation_id, Role.EDITOR)
    _, code = accounts.invite(owner)
    with pytest.raises(Forbidden):
        in_mode(database, "closed").register("late", "late@example.org", PASSWORD, invitation=code)


def test_a_superuser_is_made_whatever_the_mode(database: Database) -> None:
    accounts = in_mode(database, "closed")
    assert accounts.create_superuser("root", "root@localhost", PASSWORD).is_superadmin
    assert accounts.create_superuser("root2", "root2@localhost", PASSWORD).is_superadmin
    with pytest.raises(Conflict):
        accounts.create_superuser("ROOT", "other@localhost", PASSWORD)


def test_an_unknown_mode_is_a_config_error(database: Database) -> None:
    with pytest.raises(ConfigError, match="REGISTRATION"):
        in_mode(database, "opne")


def test_nothing_secret_is_stored_in_the_clear(database: Database, accounts: Accounts, alice: Principal) -> None:
    _, token = accounts.issue_sign_in_token(alice)
    session = accounts.open_session(alice)
    _, invitation = accounts.invite(alice)
    with database.reading() as reading:
        connection = reading.connection()
        tables = ("users", "tokens", "sessions", "invitations", "sign_in_failures")
        stored = str([connection.exec_driver_sql(f"SELECT * FROM {table}").all() for table in tables])
    assert "$argon2id$" in stored
    for secret in (PASSWORD, token, session, invitation):
        assert secret not in stored
