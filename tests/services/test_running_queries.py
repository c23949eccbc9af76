"""Who may watch and stop which running question."""

import pytest

from services.errors import Cancelled, Forbidden, NotFound, QuotaExceeded
from services.log_store.interface import Handle
from services.principal import Principal, Role, Scope
from services.search import RunningQueries

ADA = Principal("1", "ada", "acme", Role.VIEWER, frozenset({Scope.READ}))
COLLEAGUE = Principal("2", "vic", "acme", Role.ADMIN, frozenset(Scope))
ADA_ELSEWHERE = Principal("1", "ada", "rival", Role.ADMIN, frozenset(Scope))


def at_work(handle: Handle | None, share: float | None = 0.25) -> list[str]:
    """What a store would do with the handle; the list tells when it was interrupted."""
    stopped: list[str] = []
    assert handle is not None
    handle.begin(lambda: stopped.append("stopped"), lambda: share)
    return stopped


def test_a_query_is_watched_and_stopped_by_its_id() -> None:
    queries = RunningQueries()
    with queries.running(ADA, "one") as handle:
        assert queries.progress(ADA, "one") is None
        stopped = at_work(handle)
        assert queries.progress(ADA, "one") == 0.25
        assert queries.cancel(ADA, "one")
        assert stopped == ["stopped"]


def test_nobody_else_reaches_it() -> None:
    queries = RunningQueries()
    with queries.running(ADA, "one") as handle:
        stopped = at_work(handle)
        for other in (COLLEAGUE, ADA_ELSEWHERE):
            assert not queries.cancel(other, "one")
            with pytest.raises(NotFound):
                queries.progress(other, "one")
            with queries.running(other, "one"):
                pass
        assert stopped == []
        assert queries.progress(ADA, "one") == 0.25


def test_what_is_over_is_not_found_also_after_a_failure() -> None:
    queries = RunningQueries()
    with queries.running(ADA, "one"):
        pass
    with pytest.raises(RuntimeError), queries.running(ADA, "two"):
        raise RuntimeError
    for query_id in ("one", "two", "never"):
        assert not queries.cancel(ADA, query_id)
        with pytest.raises(NotFound):
            queries.progress(ADA, query_id)


def test_a_newer_query_under_the_same_id_stops_the_older_one() -> None:
    queries = RunningQueries()
    with queries.running(ADA, "one") as first:
        stopped = at_work(first)
        with queries.running(ADA, "one") as second:
            assert stopped == ["stopped"]
            at_work(second, 0.5)
        with pytest.raises(NotFound):
            queries.progress(ADA, "one")


def test_the_end_of_the_older_one_leaves_the_newer_one_in_reach() -> None:
    queries = RunningQueries()
    older = queries.running(ADA, "one")
    older.__enter__()
    with queries.running(ADA, "one") as newer:
        at_work(newer, 0.5)
        older.__exit__(None, None, None)
        assert queries.progress(ADA, "one") == 0.5


def test_cancelled_between_two_steps_the_next_step_does_not_begin() -> None:
    queries = RunningQueries()
    with queries.running(ADA, "one") as handle:
        queries.cancel(ADA, "one")
        with pytest.raises(Cancelled):
            at_work(handle)


def test_without_an_id_there_is_nothing_to_hold() -> None:
    for nothing in (None, ""):
        with RunningQueries().running(ADA, nothing) as handle:
            assert handle is None


def test_a_user_holds_a_bounded_number_of_ids() -> None:
    queries = RunningQueries(max_of_a_user=1)
    with queries.running(ADA, "one"), queries.running(COLLEAGUE, "one"):
        with pytest.raises(QuotaExceeded), queries.running(ADA, "two"):
            pass
        with queries.running(ADA, "one"):
            pass


def test_rights_are_checked() -> None:
    shipper = Principal("3", "ship", "acme", Role.EDITOR, frozenset({Scope.INGEST}))
    for call in (RunningQueries().cancel, RunningQueries().progress):
        with pytest.raises(Forbidden):
            call(shipper, "one")
    with pytest.raises(Forbidden), RunningQueries().running(shipper, "one"):
        pass
