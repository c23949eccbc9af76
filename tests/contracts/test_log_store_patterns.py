"""Patterns that a log store counts: exact, with ids that stay, and to be searched for."""

import threading
from datetime import timedelta

from services.log_store.interface import LogQuery, LogStore
from services.query.language import parse
from tests.contracts.test_log_store import Open, clock, open_store, store  # noqa: F401 (fixtures)
from tests.records import START, batch, messages, record

NAMES = ("anna", "ben", "carla", "david", "emma", "felix", "greta", "hugo", "ida", "jan", "karl", "lena", "mia", "nils")


def lines() -> list[dict[str, object]]:
    made = [record(f"session opened for user {name} by (uid=0)", at=at) for at, name in enumerate(NAMES)]
    made += [record(f"disk sda{n} is {n} percent full", at=100 + n, level="warning") for n in range(6)]
    return [*made, record("disk sda1 is 99 percent full", at=300, level="error"), record("", at=400)]


def test_patterns_are_counted_exactly_and_most_frequent_first(store: LogStore) -> None:  # noqa: F811
    store.append("acme", batch(*lines()))
    found = store.patterns("acme", parse(""))
    assert found.total == sum(each.count for each in found.patterns) == len(lines())
    sessions, disks = found.patterns[:2]
    assert (sessions.count, disks.count) == (14, 7)
    assert sessions.template.startswith("session opened for user <*> by")
    assert disks.levels == (("error", 1), ("warning", 6))
    assert (disks.first, disks.last) == (START + timedelta(seconds=100), START + timedelta(seconds=300))


def test_a_limit_leaves_the_rest_as_one_number(store: LogStore) -> None:  # noqa: F811
    store.append("acme", batch(*lines()))
    found = store.patterns("acme", parse(""), limit=1)
    assert (len(found.patterns), found.other_count) == (1, len(lines()) - 14)
    assert found.pattern_count == len(store.patterns("acme", parse("")).patterns)


def test_patterns_are_of_the_records_that_match(store: LogStore) -> None:  # noqa: F811
    store.append("acme", batch(*lines()))
    assert [each.count for each in store.patterns("acme", parse("level:error")).patterns] == [1]
    assert store.patterns("acme", parse("disk"), end=START + timedelta(seconds=102)).total == 2
    assert store.patterns("acme", parse("nothing")).patterns == []


def test_the_records_of_a_pattern_are_found_by_its_id(store: LogStore) -> None:  # noqa: F811
    store.append("acme", batch(*lines()))
    for each in store.patterns("acme", parse("")).patterns:
        assert store.search("acme", LogQuery(query=parse(f"pattern:{each.id}"))).total == each.count
    assert store.search("acme", LogQuery(query=parse("pattern:999999"))).total == 0
    everything = store.search("acme", LogQuery(query=parse("NOT pattern:999999"))).total
    assert everything == len(lines())


def test_ids_stay_when_more_shapes_come_and_after_a_restart(open_store: Open) -> None:  # noqa: F811
    first = open_store()
    first.append("acme", batch(*lines()))
    before = {each.template: each.id for each in first.patterns("acme", parse("")).patterns}
    first.append("acme", batch(record("session opened for user olga by (uid=0)"), record("a new thing happened")))
    first.close()
    again = open_store()
    after = {each.template: each.id for each in again.patterns("acme", parse("")).patterns}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1


def test_the_id_of_a_pattern_that_was_taken_in_finds_the_one_that_took_it(store: LogStore) -> None:  # noqa: F811
    daemons = [f"{name}d startup succeeded" for name in NAMES]
    store.append("acme", batch(*(record(text, at=at) for at, text in enumerate(daemons[:3]))))
    old = [each.id for each in store.patterns("acme", parse("")).patterns]
    assert len(old) == 3
    store.append("acme", batch(*(record(text, at=at) for at, text in enumerate(daemons[3:]))))
    (one,) = store.patterns("acme", parse("")).patterns
    assert one.id == min(number for number in old if number is not None)
    for number in old:
        assert store.search("acme", LogQuery(query=parse(f"pattern:{number}"))).total == len(NAMES)


def test_two_organisations_have_patterns_of_their_own(store: LogStore) -> None:  # noqa: F811
    store.append("acme", batch(*lines()))
    store.append("rival", messages(3))
    assert store.patterns("rival", parse("")).total == 3
    assert store.patterns("nobody", parse("")).total == 0


def test_patterns_are_exact_while_records_arrive(store: LogStore) -> None:  # noqa: F811
    ended = threading.Event()

    def write() -> None:
        for number in range(30):
            store.append("acme", batch(record(f"thing {'abcdefghij'[number % 10]} happened", at=number)))
        ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not ended.is_set():
        found = store.patterns("acme", parse(""))
        assert found.total == sum(each.count for each in found.patterns)
    thread.join()
    assert store.patterns("acme", parse("")).total == 30
