"""The number of each record's shape, from a dictionary that several threads and processes share.

A batch whose shapes are all known costs no transaction. Who adds shapes locks the organisation's row first, so that all
take turns, and decides again with what the others wrote meanwhile.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

import pyarrow as pa

from services.database import Database
from services.log_store.elasticsearch.shape_models import ShapeDictionaryRow
from services.log_store.elasticsearch.shapes_rows import (
    filling_of,
    insert_plan,
    locked_row,
    numbers_of,
    row_of,
    shapeless_of,
)
from services.log_store.shape_rules import ShapeAssigner

KEPT_ORGANISATIONS = 64
"""Dictionaries whose recently used part is in memory: some MB each where they are full."""


class _Known:
    """What this process knows of one organisation's dictionary."""

    def __init__(self, row: ShapeDictionaryRow | None, shapeless: set[str | None]):
        self.lock = threading.Lock()
        self.assigner = ShapeAssigner(filling_of(row), shapeless)
        self.shapeless_sources = row.shapeless_sources if row is not None else 0


class ShapeNumbers:
    """Gives shapes their numbers. Safe to use from any thread."""

    def __init__(self, database: Database, on_new: Callable[[str], None]):
        """`on_new` is told the organisation after shapes were added, which have no pattern yet."""
        self._database = database
        self._on_new = on_new
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def assign(self, organisation_id: str, sources: pa.ChunkedArray, shapes: pa.ChunkedArray) -> pa.Array:
        """The number of every record's shape (int32, NULL without one); new shapes are written down before it returns.

        A shape that has a number keeps it. Raises what `Database.session` raises, with nothing added.
        """
        known = self._of(organisation_id)
        with known.lock:
            try:
                found = self._assign(organisation_id, known, sources, shapes)
            except BaseException:  # what was planned is void, and what is in memory may be
                self._forget(organisation_id)
                raise
            has_new = bool(known.assigner.plan.shapes)
            known.assigner.settle()
        if has_new:
            self._on_new(organisation_id)
        return found

    def _assign(
        self, organisation_id: str, known: _Known, sources: pa.ChunkedArray, shapes: pa.ChunkedArray
    ) -> pa.Array:
        found = known.assigner.assign(sources, shapes, lambda texts: self._read(organisation_id, texts))
        if known.assigner.plan.is_empty:
            return found
        with self._database.session() as session:
            row = locked_row(session, self._database, organisation_id)
            others = row.shapeless_sources != known.shapeless_sources
            shapeless = shapeless_of(session, organisation_id) if others else set()
            known.assigner.refresh(filling_of(row), shapeless)
            found = known.assigner.assign(sources, shapes, lambda texts: numbers_of(session, organisation_id, texts))
            plan = known.assigner.plan
            insert_plan(session, self._database, row, plan, known.assigner.filling_with(plan))
            known.shapeless_sources = row.shapeless_sources
        return found

    def _read(self, organisation_id: str, texts: list[str]) -> dict[str, int]:
        with self._database.reading() as session:
            return numbers_of(session, organisation_id, texts)

    def _of(self, organisation_id: str) -> _Known:
        with self._lock:
            known = self._known.get(organisation_id)
            if known is not None:
                self._known.move_to_end(organisation_id)
                return known
        fresh = self._loaded(organisation_id)
        with self._lock:
            known = self._known.setdefault(organisation_id, fresh)
            while len(self._known) > KEPT_ORGANISATIONS:
                self._known.popitem(last=False)
        return known

    def _loaded(self, organisation_id: str) -> _Known:
        with self._database.reading() as session:
            return _Known(row_of(session, organisation_id), shapeless_of(session, organisation_id))

    def _forget(self, organisation_id: str) -> None:
        with self._lock:
            self._known.pop(organisation_id, None)
