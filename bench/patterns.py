"""Patterns: how often lines are grouped as people grouped them, and how fast shapes get their pattern."""

import random
import time
from itertools import chain
from pathlib import Path

import pyarrow as pa

from services.patterns import PatternTree
from tests.services.patterns import made_up
from tests.services.patterns.loghub import grouping_accuracy, shapes_of, systems

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
RECORDS = 1_000_000
KNOWN = 10_000
NEW = 1_000
MANY = 50_000


def groups_of(shapes: list[str]) -> list[int]:
    """The pattern of each shape, by a tree of their own."""
    tree, distinct = PatternTree(), list(dict.fromkeys(shapes))
    given = dict(zip(distinct, tree.assign(distinct), strict=True))
    return [given[shape] for shape in shapes]


def accuracy() -> None:
    """Grouping accuracy per system and on average, next to that of the shapes alone."""
    print("\nGrouping accuracy            patterns   a plain mask")
    if not (DATA / "loghub").is_dir():
        print("  not measured: the folder ../shared/data is absent")
        return
    found = []
    for name, (shapes, events) in systems(DATA).items():
        found.append((grouping_accuracy(groups_of(shapes), events), grouping_accuracy(shapes, events)))
        print(f"  {name:24} {found[-1][0]:10.4f}   {found[-1][1]:12.4f}")
    ours, plain = (sum(each) / len(found) for each in zip(*found, strict=True))
    print(f"  {'average':24} {ours:10.4f}   {plain:12.4f}")


def repeated(shapes: list[str]) -> float:
    """Records per second where every shape is known already: a look-up for each distinct one of a batch."""
    batch = pa.array(random.Random(1).choices(shapes, k=RECORDS), pa.string())
    tree, distinct = PatternTree(), list(dict.fromkeys(shapes))
    known = dict(zip(distinct, tree.assign(distinct), strict=True))
    began = time.perf_counter()
    encoded = batch.dictionary_encode()
    ids = pa.array([known[shape] for shape in encoded.dictionary.to_pylist()], pa.int32()).take(encoded.indices)
    took_s = time.perf_counter() - began
    assert len(ids) == RECORDS
    return RECORDS / took_s


def sentences(count: int) -> list[str]:
    """Distinct shapes of an organisation with many programs: 400 sentences, each with words in three places."""
    chance = random.Random(2)
    words = ["".join(chance.choices("bcdfgklmnprstvaeiou", k=chance.randint(3, 9))) for _ in range(2000)]
    frames = [" ".join(chance.choices(words, k=chance.randint(3, 9))) for _ in range(400)]
    made: dict[str, None] = {}
    while len(made) < count:
        one, two, three = chance.choices(words, k=3)
        made[f"{chance.choice(frames)} for {one} of user {two} at \x1a.\x1a.\x1a.\x1a:\x1a took \x1a ms in {three}"] = (
            None
        )
    return list(made)


def new_shapes() -> None:
    """Seconds for shapes never seen: all of a full organisation, and a batch into a tree that is in use."""
    shapes = sentences(MANY)
    tree = PatternTree()
    began = time.perf_counter()
    tree.assign(shapes[:KNOWN])
    middle = time.perf_counter()
    tree.assign(shapes[KNOWN : KNOWN + NEW])
    added_s = time.perf_counter() - middle
    tree.assign(shapes[KNOWN + NEW :])
    all_s = time.perf_counter() - began
    ids = tree.assign(shapes)
    began = time.perf_counter()
    PatternTree.restore(tree.changed(), zip(shapes, ids, strict=True))
    restored_s = time.perf_counter() - began
    print(f"{NEW:,} new shapes into {KNOWN:,}  {added_s * 1000:10.0f} ms")
    print(f"{MANY:,} new shapes        {all_s:10.1f} s   ({len(tree.patterns()):,} patterns)")
    print(f"{MANY:,} shapes at a restart {restored_s:8.1f} s")


def main() -> None:
    """Print everything."""
    accuracy()
    shapes = list(chain.from_iterable(shapes_of(made_up.lines(name, 2000, seed=1)[0]) for name in made_up.SYSTEMS))
    print(f"\nPatterns of repeated shapes {repeated(shapes):12,.0f} records/s ({len(set(shapes)):,} shapes)")
    new_shapes()


if __name__ == "__main__":
    main()
