import random
from pathlib import Path

import pytest

from services.patterns import PatternTree
from tests.services.patterns import made_up
from tests.services.patterns.loghub import grouping_accuracy, shapes_of, systems

FLOORS = {
    "Apache": 1.0,
    "HDFS": 1.0,
    "Hadoop": 0.99,
    "Linux": 0.99,
    "OpenSSH": 1.0,
    "OpenStack": 1.0,
    "Spark": 1.0,
    "Zookeeper": 0.99,
}


def groups_of(shapes: list[str], seed: int | None = None, batch: int = 37) -> list[int]:
    distinct = list(dict.fromkeys(shapes))
    if seed is not None:
        random.Random(seed).shuffle(distinct)
    tree = PatternTree()
    given: dict[str, int] = {}
    for begin in range(0, len(distinct), batch):
        part = distinct[begin : begin + batch]
        given |= zip(part, tree.assign(part), strict=True)
    return [tree.surviving(given[shape]) for shape in shapes]


def test_lines_of_known_systems_are_grouped_as_people_grouped_them(shared_data: Path) -> None:
    found = {
        name: grouping_accuracy(groups_of(lines), events) for name, (lines, events) in systems(shared_data).items()
    }
    assert found.keys() == FLOORS.keys()
    assert {name: accuracy for name, accuracy in found.items() if accuracy < FLOORS[name]} == {}
    assert sum(found.values()) / len(found) >= 0.99


def test_a_mask_alone_groups_much_worse_so_the_measure_can_fail(shared_data: Path) -> None:
    plain = [grouping_accuracy(lines, events) for lines, events in systems(shared_data).values()]
    assert sum(plain) / len(plain) < 0.75


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_arrival_changes_nothing_on_known_systems(shared_data: Path, seed: int) -> None:
    for name, (lines, _) in systems(shared_data).items():
        assert partition(groups_of(lines, seed)) == partition(groups_of(lines)), name


@pytest.mark.parametrize("system", made_up.SYSTEMS)
def test_lines_in_the_style_of_other_systems_are_grouped_as_meant(system: str) -> None:
    messages, events = made_up.lines(system, count=2000, seed=5)
    assert grouping_accuracy(groups_of(shapes_of(messages)), events) >= 0.95


@pytest.mark.parametrize("system", made_up.SYSTEMS)
def test_the_order_of_arrival_changes_nothing_on_made_up_lines(system: str) -> None:
    shapes = shapes_of(made_up.lines(system, count=1000, seed=6)[0])
    assert partition(groups_of(shapes, seed=1)) == partition(groups_of(shapes))


def partition(groups: list[int]) -> list[int]:
    """Groups numbered by their first line, whatever their ids."""
    names: dict[int, int] = {}
    return [names.setdefault(group, len(names)) for group in groups]
