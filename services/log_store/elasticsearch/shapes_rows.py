"""SQL of the dictionary of shapes: what is read and written of its tables, in the session of the caller."""

import hashlib
from collections.abc import Iterable, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.database import Database
from services.log_store.elasticsearch.shape_models import ShapeDictionaryRow, ShapelessSource, ShapeRow
from services.log_store.shape_rules import Filling, Plan
from services.model import MASK_VERSION

ROWS_AT_ONCE = 500
"""Values of one IN: SQLite takes 32,766, and PostgreSQL plans a few hundred quickly."""

_NO_SOURCE = "none"


def digest_of(text: str) -> str:
    """What is unique of a shape in its dictionary."""
    return hashlib.sha256(text.encode()).hexdigest()


def row_of(session: Session, organisation_id: str) -> ShapeDictionaryRow | None:
    """The organisation's dictionary; None where it has none yet."""
    return session.get(ShapeDictionaryRow, organisation_id)


def locked_row(session: Session, database: Database, organisation_id: str) -> ShapeDictionaryRow:
    """The organisation's dictionary, made where it has none, and kept from other writers until the session ends."""
    nothing = {"next_shape_id": 0, "shapes": 0, "shape_bytes": 0, "shapeless_sources": 0, "changes": 0}
    given = {"organisation_id": organisation_id, "mask_version": MASK_VERSION, **nothing}
    session.execute(database.insert(ShapeDictionaryRow).values(given).on_conflict_do_nothing())
    mine = ShapeDictionaryRow.organisation_id == organisation_id
    row = session.execute(select(ShapeDictionaryRow).where(mine).with_for_update()).scalar_one()
    if row.mask_version != MASK_VERSION:  # older shapes stay for the documents that have them, and take no room
        row.mask_version, row.shapes, row.shape_bytes = MASK_VERSION, 0, 0
    return row


def filling_of(row: ShapeDictionaryRow | None) -> Filling:
    """How full a dictionary is."""
    if row is None:
        return Filling()
    is_older = row.mask_version != MASK_VERSION
    return Filling(0, row.next_shape_id, 0) if is_older else Filling(row.shapes, row.next_shape_id, row.shape_bytes)


def numbers_of(session: Session, organisation_id: str, texts: Sequence[str]) -> dict[str, int]:
    """The numbers of those of the shapes that are in the dictionary."""
    texts_by_digest = {digest_of(text): text for text in texts}
    found: dict[str, int] = {}
    for digests in in_portions(list(texts_by_digest)):
        wanted = select(ShapeRow.digest, ShapeRow.shape_id).where(
            ShapeRow.organisation_id == organisation_id,
            ShapeRow.mask_version == MASK_VERSION,
            ShapeRow.digest.in_(digests),
        )
        found.update((texts_by_digest[digest], shape_id) for digest, shape_id in session.execute(wanted))
    return found


def shapeless_of(session: Session, organisation_id: str) -> set[str | None]:
    """Sources whose messages have no structure; None stands for records without a source."""
    wanted = select(ShapelessSource.source).where(ShapelessSource.organisation_id == organisation_id)
    return set(session.scalars(wanted))


def insert_plan(session: Session, database: Database, row: ShapeDictionaryRow, plan: Plan, filling: Filling) -> None:
    """Write down what a batch adds; `filling` is how full the dictionary is with it. The row must be locked."""
    made = [
        {
            "organisation_id": row.organisation_id,
            "shape_id": number,
            "mask_version": MASK_VERSION,
            "digest": digest_of(shape),
            "shape": shape,
        }
        for shape, number in plan.shapes.items()
    ]
    if made:
        session.execute(database.insert(ShapeRow), made)
    _insert_shapeless(session, database, row, plan.shapeless)
    row.shapes, row.next_shape_id, row.shape_bytes = filling.count, filling.next_id, filling.size_bytes


def _insert_shapeless(
    session: Session, database: Database, row: ShapeDictionaryRow, sources: Iterable[str | None]
) -> None:
    given = [
        {
            "organisation_id": row.organisation_id,
            "digest": _NO_SOURCE if source is None else digest_of(source),
            "source": source,
        }
        for source in sources
    ]
    if not given:
        return
    session.execute(database.insert(ShapelessSource).on_conflict_do_nothing(), given)
    counted = select(func.count()).where(ShapelessSource.organisation_id == row.organisation_id)
    row.shapeless_sources = session.execute(counted).scalar_one()


def in_portions(values: Sequence[str]) -> Iterable[Sequence[str]]:
    """The values, `ROWS_AT_ONCE` at a time."""
    return (values[start : start + ROWS_AT_ONCE] for start in range(0, len(values), ROWS_AT_ONCE))
