"""Who sees what of delivery, who decides about dead letters, and what health says."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.delivery import Deliveries, preview_of
from services.errors import BackendUnavailable, Forbidden, InvalidInput, NotFound
from services.log_store.delivery import DeliveryState, HeldUp
from services.principal import Principal, Role, Scope
from tests.clocks import HandClock
from tests.delivering import Delivering, Refused
from tests.records import START

NOW = START + timedelta(hours=1)
ADMIN = Principal("1", "ada", "acme", Role.ADMIN, frozenset(Scope))
EDITOR = Principal("2", "ed", "acme", Role.EDITOR, frozenset({Scope.READ, Scope.INGEST}))
RIVAL = Principal("3", "rob", "rival", Role.ADMIN, frozenset(Scope))
ROOT = Principal("4", "root", "house", Role.ADMIN, frozenset(Scope), is_superadmin=True)
READING_ROOT = replace(ROOT, scopes=frozenset({Scope.READ}))

BUSY = DeliveryState(
    records=1_200,
    size_bytes=640_000,
    oldest_at=NOW - timedelta(seconds=90),
    is_reachable=False,
    failing_since=NOW - timedelta(seconds=80),
    last_error="ConnectionError at es-1.internal:9200",
    in_doubt=400,
    rate_per_s=0.0,
    concurrency=1,
    bulk_bytes=2 << 20,
    max_bytes=1 << 30,
    held_up={"rival": HeldUp("its index takes no writes", NOW)},
    counters={"delivered": 7},
)
CALM = DeliveryState(records=0, size_bytes=0, oldest_at=None, is_reachable=True)


@pytest.fixture
def delivering() -> Delivering:
    made = Delivering(BUSY)
    made.parts["acme"] = replace(BUSY, records=200, size_bytes=90_000, held_up={}, rate_per_s=None, in_doubt=None)
    made.dead_letters.add("acme", *(letter(number, number) for number in (1, 4)))
    made.dead_letters.add("rival", *(letter(number, number) for number in (2, 3)))
    return made


def letter(number: int, minutes: int) -> Refused:
    return Refused(f"id-{number}", START + timedelta(minutes=minutes), {"message": f"record {number}"})


@pytest.fixture
def deliveries(delivering: Delivering) -> Deliveries:
    return Deliveries(delivering, HandClock(NOW), lambda ids: {each: each.upper() for each in ids})


def test_an_admin_sees_their_own_organisation_and_no_address(deliveries: Deliveries) -> None:
    seen = deliveries.overview(ADMIN)
    assert seen.state is not None
    assert (seen.is_whole, seen.state.records, seen.lag_s, seen.dead_letters) == (False, 200, 90.0, 2)
    assert (seen.state.is_reachable, seen.state.failing_since) == (False, BUSY.failing_since)
    told = (seen.state.last_error, seen.state.concurrency, seen.state.max_bytes, dict(seen.state.counters))
    assert told == ("", None, None, {})
    assert seen.held_up == {}


def test_whoever_searches_is_told_what_waits_too_long(deliveries: Deliveries, delivering: Delivering) -> None:
    assert deliveries.overdue(EDITOR) == 200
    delivering.parts["acme"] = replace(BUSY, records=200, oldest_at=NOW - timedelta(seconds=2))
    assert deliveries.overdue(EDITOR) == 0
    with pytest.raises(Forbidden):
        deliveries.overdue(replace(EDITOR, scopes=frozenset({Scope.INGEST})))


def test_a_superadmin_sees_everything(deliveries: Deliveries) -> None:
    seen = deliveries.overview(ROOT)
    assert (seen.is_whole, seen.state, seen.dead_letters) == (True, BUSY, 4)
    assert seen.held_up == {"RIVAL": ("its index takes no writes", NOW)}


@pytest.mark.parametrize("principal", [EDITOR, READING_ROOT], ids=["editor", "a superadmin's reading token"])
def test_nobody_else_sees_or_does_anything(deliveries: Deliveries, principal: Principal) -> None:
    assert not deliveries.may_see(principal)
    for attempt in (
        lambda: deliveries.overview(principal),
        lambda: deliveries.letters(principal),
        lambda: deliveries.redrive(principal, None),
        lambda: deliveries.discard(principal, ["id-1"]),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_dead_letters_come_newest_first_by_page(deliveries: Deliveries) -> None:
    def ids(principal: Principal, **page: int) -> list[str]:
        return [each.letter.id for each in deliveries.letters(principal, **page)[0]]

    assert ids(ADMIN) == ["id-4", "id-1"]
    assert ids(ROOT) == ["id-4", "id-3", "id-2", "id-1"]
    assert ids(ROOT, limit=2, offset=1) == ["id-3", "id-2"]
    assert deliveries.letters(ROOT, limit=1)[1] == 4
    assert deliveries.letters(ROOT, organisation_id="rival")[0][0].organisation == "RIVAL"


def test_another_organisations_dead_letters_are_not_there(deliveries: Deliveries, delivering: Delivering) -> None:
    for attempt in (deliveries.redrive, deliveries.discard):
        with pytest.raises(NotFound):
            attempt(ADMIN, ["id-1", "id-2"])
        with pytest.raises(NotFound):
            attempt(ADMIN, None, organisation_id="rival")
    with pytest.raises(NotFound):
        deliveries.letters(ADMIN, organisation_id="rival")
    assert delivering.dead_letters.counts() == {"acme": 2, "rival": 2}


def test_one_or_all_are_sent_again_or_removed(deliveries: Deliveries, delivering: Delivering) -> None:
    assert deliveries.redrive(ADMIN, ["id-1"]) == 1
    assert delivering.dead_letters.redriven == ["id-1"]
    assert deliveries.discard(ADMIN, None) == 1
    assert delivering.dead_letters.counts() == {"rival": 2}
    assert deliveries.discard(ROOT, ["id-2"], organisation_id="rival") == 1
    assert deliveries.redrive(ROOT, None) == 1


def test_a_superadmin_says_whose_ids_they_are(deliveries: Deliveries) -> None:
    with pytest.raises(InvalidInput):
        deliveries.discard(ROOT, ["id-1"])


def test_without_a_server_nothing_is_on_its_way() -> None:
    quiet = Deliveries(None, HandClock(NOW), lambda _ids: {})
    assert not quiet.is_active
    assert quiet.overview(ADMIN).state is None
    assert quiet.letters(ROOT) == ([], 0)
    assert (quiet.redrive(ADMIN, None), quiet.discard(ADMIN, None)) == (0, 0)
    assert quiet.measures() is None
    with pytest.raises(NotFound):
        quiet.discard(ADMIN, ["id-1"])


def test_health_warns_while_something_needs_a_look(deliveries: Deliveries, delivering: Delivering) -> None:
    found = deliveries.health()
    assert found.warning is not None
    for words in ("does not take records since", "waits for 90 s", "1 organisation(s)", "4 record(s) were refused"):
        assert words in found.warning
    assert found.figures == {"records": 1_200, "size_bytes": 640_000, "lag_s": 90.0, "dead_letters": 4}
    delivering.whole = CALM
    for organisation_id in ("acme", "rival"):
        delivering.dead_letters.discard(organisation_id)
    assert deliveries.health().warning is None


def test_a_full_spool_is_a_failure(deliveries: Deliveries, delivering: Delivering) -> None:
    delivering.whole = replace(BUSY, max_bytes=640_000)
    with pytest.raises(BackendUnavailable, match="spool is full"):
        deliveries.health()


def test_a_preview_is_bounded_and_shows_the_time() -> None:
    record = {"timestamp": 1_772_366_400_000_000, "message": "<script>" * 10_000, "attributes": "{}", "tags": []}
    shown = preview_of(record)
    assert '"2026-03-01T12:00:00Z"' in shown
    assert len(shown) < 1_200
    assert "…" in shown
    assert "attributes" not in shown
    assert len(preview_of({str(number): "x" * 900 for number in range(50)})) == 4_001


def test_records_lost_to_a_damaged_spool_are_said(deliveries: Deliveries, delivering: Delivering) -> None:
    delivering.whole = replace(CALM, counters={"spool_lost_records": 3})
    assert "3 acknowledged record(s) lay in damaged stretches" in str(deliveries.health().warning)
    assert "acknowledged" not in str(deliveries.overview(ADMIN).state)


def test_who_discarded_what_is_in_the_log(deliveries: Deliveries, caplog: pytest.LogCaptureFixture) -> None:
    deliveries.discard(ADMIN, ["id-1"])
    assert "1 dead letters of acme were discarded by ada" in caplog.text
