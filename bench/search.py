"""Searches in the store, next to a bare DuckDB table with the same records in the same run.

For each set of records: all questions alone, before and after the attributes in them have columns of their own; on two of
the sets also while 20,000 records a second are written and with eight clients at once. The larger size has one set, and
only the questions that have an aim.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from bench.data import Generated
from bench.measured import Measured, Run
from bench.plain import Plain
from bench.question_sets import of_events, of_generated
from bench.questions import UNIQUE_MS, Question
from bench.report import say
from bench.wide import WideEvents

IN_ORDER, FORTY = "in order of time", "forty overlapping uploads"


def runs(size: int, larger: int | None) -> list[Run]:
    """What is measured. Aims are for up to 1,000 shapes."""
    made = [
        Run(_generated(size, 1_000, IN_ORDER), of_generated, has_conditions=True),
        Run(_generated(size, 1_000, FORTY, uploads=40), of_generated, has_conditions=True),
        Run(_generated(size, 15, IN_ORDER), of_generated),
        Run(_generated(size, 50_000, f"{IN_ORDER}, written by 100 sources", sources=100), _without_aims),
        Run(_generated(size, 50_000, f"{IN_ORDER}, written by one source"), _without_aims),
        Run(WideEvents("Wide JSON, real Windows events repeated", max(size // 10, 20_000)), of_events),
    ]
    if larger is not None:
        made.append(Run(_generated(larger, 1_000, IN_ORDER), _with_aims))
    return made


def _generated(count: int, shapes: int, order: str, *, sources: int = 1, uploads: int = 1) -> Generated:
    return Generated(f"{shapes:,} shapes, {order}", count, shapes, sources, uploads)


def _without_aims(plain: Plain) -> list[Question]:
    return [replace(each, aim_ms=None) for each in of_generated(plain)]


def _with_aims(plain: Plain) -> list[Question]:
    """Those with an aim on fewer records; only ids and addresses have one here as well."""
    asked = [each for each in of_generated(plain) if each.aim_ms is not None]
    return [each if each.aim_ms == UNIQUE_MS else replace(each, aim_ms=None) for each in asked]


def main(size: int, larger: int | None = None) -> None:
    """Print everything."""
    for run in runs(size, larger):
        if isinstance(run.records, WideEvents) and not run.records.is_there:
            say(f"\n{run.records.name}: not measured, the folder ../shared/data/otrf is absent")
            continue
        say(f"\n{run.records.name}: {run.records.count:,} records")
        with tempfile.TemporaryDirectory() as name:
            Measured(run, Path(name)).all()
