"""Members, roles and invitations of an organisation."""

import threading
from datetime import timedelta

import pytest

from services.accounts.accounts import Accounts
from services.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from services.principal import Principal, Role, Scope
from tests.clocks import HandClock
from tests.services.accounts.conftest import HERE, PASSWORD, join, signed_in


def test_members_are_listed_with_their_roles(accounts: Accounts, alice: Principal, viewer: Principal) -> None:
    listed = [(member.username, member.role) for member in accounts.members(alice)]
    assert listed == [("alice", Role.ADMIN), ("vera", Role.VIEWER)]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_only_admins_manage_the_organisation(accounts: Accounts, alice: Principal, role: Role) -> None:
    member = join(accounts, alice, "mia", role)
    invitation, _ = accounts.invite(alice)
    for attempt in (
        lambda: accounts.members(member),
        lambda: accounts.set_role(member, member.user_id, Role.ADMIN),
        lambda: accounts.remove_member(member, alice.user_id),
        lambda: accounts.invite(member),
        lambda: accounts.invitations(member),
        lambda: accounts.withdraw_invitation(member, invitation.id),
        lambda: accounts.rename_organisation(member, "Mine"),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_an_admins_token_without_the_admin_scope_does_not_manage(accounts: Accounts, alice: Principal) -> None:
    _, plain = accounts.issue_token(alice, name="x", scopes=[Scope.READ, Scope.INGEST])
    with pytest.raises(Forbidden, match="scope admin"):
        accounts.invite(accounts.token_principal(plain))


def test_the_last_admin_stays(accounts: Accounts, alice: Principal, viewer: Principal) -> None:
    with pytest.raises(Conflict):
        accounts.set_role(alice, alice.user_id, Role.VIEWER)
    with pytest.raises(Conflict):
        accounts.remove_member(alice, alice.user_id)
    accounts.set_role(alice, viewer.user_id, Role.ADMIN)
    accounts.set_role(alice, alice.user_id, Role.VIEWER)
    assert signed_in(accounts, alice).role == Role.VIEWER


def test_two_admins_who_demote_each_other_at_once_leave_one(accounts: Accounts, alice: Principal) -> None:
    other = join(accounts, alice, "otto", Role.ADMIN)

    def demote(admin: Principal, victim: Principal) -> None:
        try:
            accounts.set_role(admin, victim.user_id, Role.VIEWER)
        except Conflict:
            return

    threads = [threading.Thread(target=demote, args=pair) for pair in ((alice, other), (other, alice))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(signed_in(accounts, member).role for member in (alice, other)) == [Role.VIEWER, Role.ADMIN]


def test_a_removed_member_loses_everything_here_and_gets_a_place_of_their_own(
    accounts: Accounts, alice: Principal, viewer: Principal
) -> None:
    _, plain = accounts.issue_token(viewer, name="x")
    accounts.token_principal(plain)
    accounts.remove_member(alice, viewer.user_id)
    with pytest.raises(Unauthenticated):
        accounts.token_principal(plain)
    with pytest.raises(Unauthenticated):
        accounts.user(viewer)
    again = accounts.sign_in("vera", PASSWORD, address=HERE)
    assert (again.organisation_id != alice.organisation_id, again.role) == (True, Role.ADMIN)


def test_a_session_made_from_an_old_principal_of_a_removed_member_is_refused(
    accounts: Accounts, alice: Principal, viewer: Principal
) -> None:
    accounts.remove_member(alice, viewer.user_id)
    for attempt in (lambda: accounts.open_session(viewer), lambda: accounts.issue_sign_in_token(viewer)):
        with pytest.raises(Conflict):
            attempt()


def test_another_organisations_member_is_not_found(accounts: Accounts, alice: Principal, bob: Principal) -> None:
    with pytest.raises(NotFound):
        accounts.set_role(alice, bob.user_id, Role.VIEWER)
    with pytest.raises(NotFound):
        accounts.remove_member(alice, bob.user_id)


def test_an_invitation_works_once_for_its_role(accounts: Accounts, alice: Principal) -> None:
    invitation, code = accounts.invite(alice, role=Role.EDITOR)
    member = accounts.register("eve", "eve@example.org", PASSWORD, invitation=code, organisation="ignored")
    assert (member.organisation_id, member.role, member.is_superadmin) == (alice.organisation_id, Role.EDITOR, False)
    with pytest.raises(InvalidInput) as caught:
        accounts.register("second", "second@example.org", PASSWORD, invitation=code)
    assert caught.value.field == "invitation"
    assert [(view.id, view.used) for view in accounts.invitations(alice)] == [(invitation.id, True)]


def test_of_many_who_use_one_invitation_at_once_one_joins(accounts: Accounts, alice: Principal) -> None:
    _, code = accounts.invite(alice)
    outcomes: list[bool] = []

    def register(number: int) -> None:
        try:
            accounts.register(f"user{number}", f"user{number}@example.org", PASSWORD, invitation=code)
            outcomes.append(True)
        except InvalidInput:
            outcomes.append(False)

    threads = [threading.Thread(target=register, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 5 + [True]
    assert len(accounts.members(alice)) == 2


def test_a_name_that_is_taken_does_not_use_up_the_invitation(
    accounts: Accounts, alice: Principal, bob: Principal
) -> None:
    _, code = accounts.invite(alice)
    with pytest.raises(Conflict):
        accounts.register("bob", "new@example.org", PASSWORD, invitation=code)
    assert accounts.register("new", "new@example.org", PASSWORD, invitation=code).role == Role.VIEWER


@pytest.mark.parametrize("code", ["x", "x" * 40, "\0", "\ud800" * 40, "x" * 10**6])
def test_made_up_invitations_make_no_account(accounts: Accounts, code: str) -> None:
    with pytest.raises(InvalidInput):
        accounts.register("eve", "eve@example.org", PASSWORD, invitation=code)
    assert accounts.register("eve", "eve@example.org", PASSWORD).username == "eve"


def test_expired_and_withdrawn_invitations_are_worthless(
    accounts: Accounts, alice: Principal, clock: HandClock
) -> None:
    (withdrawn, one), (_, two) = accounts.invite(alice), accounts.invite(alice, lasts=timedelta(days=1))
    accounts.withdraw_invitation(alice, withdrawn.id)
    clock.move(days=1)
    for code in (one, two):
        with pytest.raises(InvalidInput):
            accounts.register("eve", "eve@example.org", PASSWORD, invitation=code)


@pytest.mark.parametrize("lasts", [timedelta(0), timedelta(days=-1), timedelta(days=91)])
def test_an_invitation_lasts_up_to_ninety_days(accounts: Accounts, alice: Principal, lasts: timedelta) -> None:
    with pytest.raises(InvalidInput):
        accounts.invite(alice, lasts=lasts)


def test_a_user_joins_another_organisation_and_goes_back(accounts: Accounts, alice: Principal, bob: Principal) -> None:
    _, code = accounts.invite(alice, role=Role.EDITOR)
    there = accounts.accept_invitation(bob, code)
    assert (there.organisation_id, there.role) == (alice.organisation_id, Role.EDITOR)
    assert accounts.sign_in("bob", PASSWORD, address=HERE).organisation_id == alice.organisation_id
    assert {home.organisation: home.role for home in accounts.homes(there)} == {"alice": Role.EDITOR, "bob": Role.ADMIN}
    assert accounts.enter_organisation(there, bob.organisation_id).role == Role.ADMIN
    assert accounts.sign_in("bob", PASSWORD, address=HERE).organisation_id == bob.organisation_id


def test_a_member_cannot_join_again_and_the_invitation_stays_good(
    accounts: Accounts, alice: Principal, viewer: Principal, bob: Principal
) -> None:
    _, code = accounts.invite(alice, role=Role.ADMIN)
    with pytest.raises(Conflict):
        accounts.accept_invitation(viewer, code)
    assert accounts.accept_invitation(bob, code).role == Role.ADMIN


@pytest.mark.parametrize("organisation_id", ["", "x", "\0", "\ud800", "0" * 20])
def test_entering_a_foreign_organisation_is_not_found(
    accounts: Accounts, alice: Principal, bob: Principal, organisation_id: str
) -> None:
    for wanted in (organisation_id, bob.organisation_id):
        with pytest.raises(NotFound):
            accounts.enter_organisation(alice, wanted)


def test_the_organisation_is_renamed(accounts: Accounts, alice: Principal) -> None:
    accounts.rename_organisation(alice, "Bäckerei")
    assert accounts.user(alice).organisation == "Bäckerei"


def test_the_profile_changes_and_the_old_names_are_free(accounts: Accounts, alice: Principal) -> None:
    view = accounts.update_profile(alice, username="Alicia", email="alicia@example.org")
    assert (view.username, view.email) == ("Alicia", "alicia@example.org")
    assert accounts.sign_in("alicia@example.org", PASSWORD, address=HERE).user_id == alice.user_id
    assert accounts.register("alice", "alice@example.org", PASSWORD).user_id != alice.user_id


def test_the_profile_keeps_what_is_left_out(accounts: Accounts, alice: Principal) -> None:
    assert accounts.update_profile(alice, username="Alice").email == "alice@example.org"
    assert accounts.update_profile(alice).username == "Alice"


def test_the_profile_cannot_take_anothers_names(accounts: Accounts, alice: Principal, bob: Principal) -> None:
    for change in ({"username": "BOB"}, {"email": "bob@example.org"}, {"username": "bob@example.org"}):
        with pytest.raises(Conflict):
            accounts.update_profile(alice, **change)
    assert accounts.user(alice).username == "alice"


def test_a_renamed_user_keeps_working_tokens_with_the_new_name(accounts: Accounts, alice: Principal) -> None:
    _, plain = accounts.issue_token(alice, name="x")
    accounts.token_principal(plain)
    accounts.update_profile(alice, username="alicia")
    assert accounts.token_principal(plain).username == "alicia"
