"""Documents in one SQL table, as JSON text.

Text and not JSONB: PostgreSQL's JSONB refuses U+0000 and changes numbers, and a document comes back as it was put. The
two members that are asked for, `owner` and `state`, are columns beside it.
"""

import json
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Index, Integer, String, Text, delete, false, func, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from services.database import Database, Model, is_storable
from services.documents.interface import Document, DocumentStore
from services.errors import InvalidInput, NotFound, TooLarge

MAX_BYTES = 1_000_000


class StoredDocument(Model):
    """One document. `seq` grows with creation and orders `find`."""

    __tablename__ = "documents"
    __table_args__ = (
        Index(None, "organisation_id", "collection", "document_id", unique=True),
        Index(None, "organisation_id", "collection", "owner", "seq"),
        Index(None, "collection", "state"),
    )

    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    organisation_id: Mapped[str] = mapped_column(String(64))
    collection: Mapped[str] = mapped_column(String(64))
    document_id: Mapped[str] = mapped_column(String(128))
    owner: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str | None] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)


class SqlDocumentStore(DocumentStore):
    """Documents beside the accounts, in SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, organisation_id: str, collection: str, document_id: str, document: Document) -> None:
        """Create or replace one document. Raises `InvalidInput` for what JSON cannot hold and `TooLarge` over 1 MB."""
        body = _encode(document)
        changing = {
            "owner": _column(document.get("owner"), "owner"),
            "state": _column(document.get("state"), "state"),
            "body": body,
        }
        naming = {"organisation_id": organisation_id, "collection": collection, "document_id": document_id}
        statement = self._database.insert(StoredDocument).values(**naming, **changing)
        with self._database.session() as session:
            session.execute(statement.on_conflict_do_update(index_elements=list(naming), set_=changing))

    def get(self, organisation_id: str, collection: str, document_id: str) -> Document:
        with self._database.reading() as session:
            body = session.scalar(select(StoredDocument.body).where(*_one(organisation_id, collection, document_id)))
        if body is None:
            raise _not_found(collection)
        return _decode(body)

    def find(
        self,
        organisation_id: str,
        collection: str,
        *,
        owner: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[Document], int]:
        where = _many(organisation_id, collection, owner)
        page = select(StoredDocument.body).where(*where).order_by(StoredDocument.seq.desc())
        with self._database.reading() as session:
            total = session.scalar(select(func.count()).select_from(StoredDocument).where(*where)) or 0
            bodies = session.scalars(page.limit(limit).offset(offset)).all()
        return [_decode(body) for body in bodies], total

    def delete(self, organisation_id: str, collection: str, document_id: str) -> None:
        statement = delete(StoredDocument).where(*_one(organisation_id, collection, document_id))
        with self._database.session() as session:
            deleted = session.execute(statement.returning(StoredDocument.seq)).all()
        if not deleted:
            raise _not_found(collection)

    def delete_all(self, organisation_id: str, collection: str, *, owner: str | None = None) -> int:
        statement = delete(StoredDocument).where(*_many(organisation_id, collection, owner))
        with self._database.session() as session:
            return len(session.execute(statement.returning(StoredDocument.seq)).all())

    def find_everywhere(self, collection: str, *, state: str) -> list[tuple[str, Document]]:
        statement = (
            select(StoredDocument.organisation_id, StoredDocument.body)
            .where(StoredDocument.collection == collection, StoredDocument.state == state)
            .order_by(StoredDocument.seq)
        )
        with self._database.reading() as session:
            return [(organisation_id, _decode(body)) for organisation_id, body in session.execute(statement)]


def _one(organisation_id: str, collection: str, document_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        StoredDocument.organisation_id == organisation_id,
        StoredDocument.collection == collection,
        _equals(StoredDocument.document_id, document_id),
    )


def _many(organisation_id: str, collection: str, owner: str | None) -> tuple[ColumnElement[bool], ...]:
    where = (StoredDocument.organisation_id == organisation_id, StoredDocument.collection == collection)
    return where if owner is None else (*where, _equals(StoredDocument.owner, owner))


def _equals(column: InstrumentedAttribute[Any], value: str) -> ColumnElement[bool]:
    return column == value if is_storable(value) else false()


def _column(value: Any, field: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 64 or not is_storable(value):
        raise InvalidInput(f"{field} must be a text of at most 64 characters.", field=field)
    return value


def _encode(document: Document) -> str:
    if not isinstance(document, dict):
        raise InvalidInput("A document is a JSON object.")
    try:
        # ASCII: lone surrogates and U+0000 stay escapes, which every database can hold.
        body = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput("The document holds something that JSON cannot hold.") from error
    if len(body) > MAX_BYTES:
        raise TooLarge("The document is larger than 1 MB.", limit=f"document size {MAX_BYTES} bytes")
    return body


def _decode(body: str) -> Document:
    document: Document = json.loads(body)
    return document


def _not_found(collection: str) -> NotFound:
    return NotFound(f"No such object in {collection}.")
