"""Two stores behind one interface: each organisation's questions go to its own."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.errors import BackendUnavailable
from services.log_store.duckdb import DuckDBLogStore
from services.log_store.elasticsearch.external_routing import RoutedLogStore
from services.log_store.interface import Aggregation, LogQuery, LogStore
from services.query.language import MatchAll
from tests.clocks import HandClock
from tests.records import batch, record


@pytest.fixture
def routed(tmp_path: Path) -> Iterator[RoutedLogStore]:
    clock = HandClock()
    own, external = DuckDBLogStore(tmp_path / "own", clock), DuckDBLogStore(tmp_path / "external", clock)
    store = RoutedLogStore(own, external, {"reader"})
    own.append("acme", batch(record("mine")))
    own.append("reader", batch(record("never shown"), record("nor this")))
    external.append("reader", batch(record("elsewhere")))
    external.append("acme", batch(record("never shown"), record("nor this")))
    yield store
    store.close()


@pytest.mark.parametrize(("organisation", "message"), [("acme", "mine"), ("reader", "elsewhere")])
def test_every_question_goes_to_the_store_of_the_organisation(
    routed: RoutedLogStore, organisation: str, message: str
) -> None:
    (found,) = routed.search(organisation, LogQuery()).records
    assert found["message"] == message
    assert routed.get(organisation, found["id"]) == found
    assert routed.context(organisation, found["id"]).record == found
    assert routed.aggregate(organisation, MatchAll(), Aggregation()).table["count"].to_pylist() == [1]
    assert len(routed.aggregate_all(organisation, MatchAll(), [Aggregation(), Aggregation()])) == 2
    assert routed.fields(organisation, MatchAll()).total == 1
    assert routed.patterns(organisation, MatchAll()).total == 1
    assert routed.usage(organisation).records == 1
    assert routed.upload_progress(organisation, "none") is None
    assert routed.settle(organisation, 1)
    assert routed.append(organisation, batch(record("one more"))).count == 1
    assert routed.delete(organisation, MatchAll()) == 2


def test_nothing_of_the_interface_is_left_to_its_defaults() -> None:
    promised = {name for name, each in inspect.getmembers(LogStore, inspect.isfunction) if not name.startswith("_")}
    assert promised <= set(vars(RoutedLogStore))


def test_both_are_checked_and_closed(routed: RoutedLogStore) -> None:
    routed.check()
    routed.close()
    for organisation in ("acme", "reader"):
        with pytest.raises(BackendUnavailable):
            routed.append(organisation, batch(record("too late")))
