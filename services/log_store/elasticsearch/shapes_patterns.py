"""Patterns of an organisation: shapes grouped by `services.patterns`, kept with the dictionary of shapes.

Trees are kept in memory for the organisations that were last worked on; the tables hold all that is needed to have them
back. Every change counts up `changes` of the organisation's row: who finds another number there than the one that a tree
was read at throws the tree away, so that processes never give one id to two patterns.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Update, bindparam, select, update
from sqlalchemy.orm import Session

from services.database import Database, Model
from services.log_store.elasticsearch.shape_models import Pattern, ShapeDictionaryRow, ShapeRow
from services.log_store.elasticsearch.shapes_rows import row_of
from services.patterns import PatternRow, PatternTree
from services.patterns.tree import VERSION

KEPT_TREES = 2
KEPT_READINGS = 16
SHAPES_AT_ONCE = 500
"""Shapes that are grouped before others may run: about 0.1 s of Python."""

Patterns = dict[int, tuple[int, str]]
"""Number of a shape → (number of its pattern, the pattern's template)."""


@dataclass(frozen=True)
class _Pending:
    """Shapes to be grouped, as (number, text), and what the tables stood at when they were read."""

    shapes: Sequence[tuple[int, str]]
    changes: int
    is_older: bool


class PatternGroups:
    """Groups shapes and tells patterns. Safe to use from several threads, which take turns after `SHAPES_AT_ONCE` shapes."""

    def __init__(self, database: Database):
        self._database = database
        self._lock = threading.Lock()
        self._trees: OrderedDict[str, tuple[int, PatternTree]] = OrderedDict()
        self._read_lock = threading.Lock()
        self._read: OrderedDict[str, tuple[int, Patterns]] = OrderedDict()

    def group(self, organisation_id: str, pause: Callable[[], None] = lambda: None) -> int:
        """Give every shape that has no pattern its own; says how many those were. `pause` is called between two portions."""
        grouped = 0
        while True:
            with self._lock:
                pending = self._pending(organisation_id)
                if not pending.shapes:
                    return grouped
                if self._group_some(organisation_id, pending):
                    grouped += len(pending.shapes)
            pause()

    def has_ungrouped(self, organisation_id: str) -> bool:
        """Whether there are shapes without a pattern."""
        wanted = select(ShapeRow.shape_id).where(
            ShapeRow.organisation_id == organisation_id, ShapeRow.pattern_id.is_(None)
        )
        with self._database.reading() as session:
            return session.scalar(wanted.limit(1)) is not None

    def shape_ids(self, organisation_id: str, pattern_id: int) -> list[int]:
        """Numbers of the shapes that belong to the pattern, or to the one that took it in."""
        if not 0 <= pattern_id < 1 << 31:
            return []
        survivor = select(Pattern.merged_into).where(
            Pattern.organisation_id == organisation_id, Pattern.pattern_id == pattern_id
        )
        with self._database.reading() as session:
            alive = session.scalar(survivor)
            mine = ShapeRow.pattern_id == (pattern_id if alive is None else alive)
            wanted = select(ShapeRow.shape_id).where(ShapeRow.organisation_id == organisation_id, mine)
            return list(session.scalars(wanted.order_by(ShapeRow.shape_id)))

    def patterns_of(self, organisation_id: str) -> Patterns:
        """The pattern of every shape that was grouped. Not to be changed: it is kept until patterns change."""
        with self._database.reading() as session:
            row = row_of(session, organisation_id)
            if row is None:
                return {}
            with self._read_lock:
                known = self._read.get(organisation_id)
            if known is not None and known[0] == row.changes:
                return known[1]
            found = _patterns(session, organisation_id)
        with self._read_lock:
            self._read[organisation_id] = row.changes, found
            while len(self._read) > KEPT_READINGS:
                self._read.popitem(last=False)
        return found

    def _pending(self, organisation_id: str) -> _Pending:
        """What is grouped next: some shapes without a pattern, or all at once where another release grouped them."""
        with self._database.reading() as session:
            row = row_of(session, organisation_id)
            if row is None:
                return _Pending([], 0, False)
            is_older = row.tree_version not in (None, VERSION)
            wanted = select(ShapeRow.shape_id, ShapeRow.shape).where(ShapeRow.organisation_id == organisation_id)
            if not is_older:
                wanted = wanted.where(ShapeRow.pattern_id.is_(None)).limit(SHAPES_AT_ONCE)
            rows = session.execute(wanted.order_by(ShapeRow.shape_id))
            return _Pending([(number, shape) for number, shape in rows], row.changes, is_older)

    def _group_some(self, organisation_id: str, pending: _Pending) -> bool:
        """Whether it was written down; False where another process was first."""
        tree = self._tree(organisation_id, pending)
        numbers = tree.assign([shape for _, shape in pending.shapes])
        given = [(shape_id, number) for (shape_id, _), number in zip(pending.shapes, numbers, strict=True)]
        changed = tree.changed()
        with self._database.session() as session:
            if not _takes_turn(session, organisation_id, pending.changes):
                return False
            _write(session, self._database, organisation_id, given, changed)
        self._trees[organisation_id] = pending.changes + 1, tree
        while len(self._trees) > KEPT_TREES:
            self._trees.popitem(last=False)
        return True

    def _tree(self, organisation_id: str, pending: _Pending) -> PatternTree:
        """The tree, taken out of memory until what it does is written down."""
        changes, tree = self._trees.pop(organisation_id, (None, None))
        if tree is not None and changes == pending.changes:
            return tree
        with self._database.reading() as session:
            return _restored(session, organisation_id, together=not pending.is_older)


def _patterns(session: Session, organisation_id: str) -> Patterns:
    wanted = (
        select(ShapeRow.shape_id, Pattern.pattern_id, Pattern.template)
        .join(
            Pattern,
            (Pattern.organisation_id == ShapeRow.organisation_id) & (Pattern.pattern_id == ShapeRow.pattern_id),
        )
        .where(ShapeRow.organisation_id == organisation_id)
    )
    return {shape_id: (pattern_id, template) for shape_id, pattern_id, template in session.execute(wanted)}


def _restored(session: Session, organisation_id: str, *, together: bool) -> PatternTree:
    rows = select(Pattern.pattern_id, Pattern.template, Pattern.merged_into).where(
        Pattern.organisation_id == organisation_id
    )
    shapes = (
        select(ShapeRow.shape, ShapeRow.pattern_id)
        .where(ShapeRow.organisation_id == organisation_id, ShapeRow.pattern_id.is_not(None))
        .order_by(ShapeRow.shape_id)
    )
    known = [(shape, pattern_id) for shape, pattern_id in session.execute(shapes) if pattern_id is not None]
    return PatternTree.restore([PatternRow(*row) for row in session.execute(rows)], known, together=together)


def _takes_turn(session: Session, organisation_id: str, changes: int) -> bool:
    """Lock the organisation's row and count its change; False where it stands elsewhere than at `changes`."""
    mine = (ShapeDictionaryRow.organisation_id == organisation_id) & (ShapeDictionaryRow.changes == changes)
    found = session.scalar(select(ShapeDictionaryRow).where(mine).with_for_update())
    if found is None:
        return False
    found.changes, found.tree_version = changes + 1, VERSION
    return True


def _write(
    session: Session,
    database: Database,
    organisation_id: str,
    given: Sequence[tuple[int, int]],
    changed: Sequence[PatternRow],
) -> None:
    """The patterns of shapes, as (shape, pattern), and the patterns that are new or other than before."""
    of_shape = _updating(ShapeRow, "shape_id", "pattern_id", organisation_id)
    session.execute(of_shape, [{"which": shape_id, "becomes": number} for shape_id, number in given])
    _write_patterns(session, database, organisation_id, changed)
    merged = [{"which": row.id, "becomes": row.merged_into} for row in changed if row.merged_into is not None]
    if merged:
        session.execute(_updating(ShapeRow, "pattern_id", "pattern_id", organisation_id), merged)
        session.execute(_updating(Pattern, "merged_into", "merged_into", organisation_id), merged)


def _write_patterns(session: Session, database: Database, organisation_id: str, changed: Sequence[PatternRow]) -> None:
    if not changed:
        return
    statement = database.insert(Pattern)
    texts = {"template": statement.excluded.template, "merged_into": statement.excluded.merged_into}
    rows = [
        {
            "organisation_id": organisation_id,
            "pattern_id": row.id,
            "template": row.template,
            "merged_into": row.merged_into,
        }
        for row in changed
    ]
    session.execute(statement.on_conflict_do_update(index_elements=["organisation_id", "pattern_id"], set_=texts), rows)


def _updating(model: type[Model], which: str, becomes: str, organisation_id: str) -> Update:
    """An UPDATE of many values, by name: rows where column `which` has :which get :becomes in column `becomes`."""
    table = model.__table__
    mine = (table.c.organisation_id == organisation_id) & (table.c[which] == bindparam("which"))
    return update(table).where(mine).values({becomes: bindparam("becomes")})  # type: ignore[arg-type]
