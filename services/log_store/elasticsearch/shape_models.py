"""Tables of the dictionary of shapes: what `elkvision.shape` of a document means.

A shape may be longer than an index of PostgreSQL takes (2,704 bytes), so its digest is what is unique.
"""

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Model


class ShapeDictionaryRow(Model):
    """One dictionary. Whoever changes anything of it changes this row first, which makes writers take turns.

    shapes, shape_bytes  of `mask_version` alone: what counts against the limits
    changes              grows with each change of patterns; tree_version is that of the tree that grouped the shapes
    """

    __tablename__ = "log_shape_dictionaries"

    organisation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    mask_version: Mapped[int] = mapped_column(Integer)
    next_shape_id: Mapped[int] = mapped_column(Integer)
    shapes: Mapped[int] = mapped_column(Integer)
    shape_bytes: Mapped[int] = mapped_column(BigInteger)
    shapeless_sources: Mapped[int] = mapped_column(Integer)
    tree_version: Mapped[int | None] = mapped_column(Integer)
    changes: Mapped[int] = mapped_column(BigInteger)


class ShapeRow(Model):
    """One shape with its number, and the pattern it belongs to once it was grouped."""

    __tablename__ = "log_shapes"
    __table_args__ = (
        Index(None, "organisation_id", "mask_version", "digest", unique=True),
        Index(None, "organisation_id", "pattern_id"),
    )

    organisation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    shape_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    mask_version: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))
    shape: Mapped[str] = mapped_column(Text)
    pattern_id: Mapped[int | None] = mapped_column(Integer)


class ShapelessSource(Model):
    """A source whose messages have no structure. `source` NULL stands for records without one."""

    __tablename__ = "log_shapeless_sources"

    organisation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str | None] = mapped_column(Text)


class Pattern(Model):
    """One pattern; `merged_into` is the pattern that took it in, NULL while it is alive."""

    __tablename__ = "log_patterns"

    organisation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    pattern_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    template: Mapped[str] = mapped_column(Text)
    merged_into: Mapped[int | None] = mapped_column(Integer)
