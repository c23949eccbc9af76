"""The eight labelled Loghub systems, and the share of lines that a grouping gets exactly right."""

import csv
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path

import pyarrow as pa

from services.ingest.normalise import shapes


def systems(data: Path) -> dict[str, tuple[list[str], list[str]]]:
    """System → (shape of each line, true event of each line)."""
    found = {}
    for file in sorted((data / "loghub").glob("*_structured.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        found[file.name.split("_")[0]] = shapes_of([row["Content"] for row in rows]), [row["EventId"] for row in rows]
    return found


def shapes_of(messages: Sequence[str]) -> list[str]:
    """The shapes under which the store files these messages."""
    return [shape or "" for shape in shapes(pa.array(messages, pa.string())).to_pylist()]


def grouping_accuracy(groups: Sequence[Hashable], events: Sequence[str]) -> float:
    """Share of lines whose group is exactly the set of lines of their event (Zhu et al., ICSE-SEIP 2019)."""
    sizes = Counter(events)
    within: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for group, event in zip(groups, events, strict=True):
        within[group][event] += 1
    right = sum(
        count
        for found in within.values()
        for event, count in found.items()
        if len(found) == 1 and sizes[event] == count
    )
    return right / len(events)
