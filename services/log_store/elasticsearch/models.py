"""What the relational database keeps of writes: idempotency keys and how far uploads are.

Every process has a spool of its own; these tables are what they share.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from services.database import Model, UtcDateTime


class StoredKey(Model):
    """One idempotency key: reserved by a spool (`first_seq` NULL), then stored with what answers it again.

    key, payload  SHA-256 as hex, so that any text of a client fits
    spool         the identity of the spool that reserved or stored it
    times         the records' timestamps, as `services.log_store.elasticsearch.frame.packed_times` makes them
    stored_at     when it was reserved, later when it was stored: its 24 hours begin there
    """

    __tablename__ = "log_keys"
    __table_args__ = (Index(None, "stored_at"),)

    organisation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    payload: Mapped[str] = mapped_column(String(64))
    spool: Mapped[str] = mapped_column(String(32))
    stored_at: Mapped[datetime] = mapped_column(UtcDateTime)
    first_seq: Mapped[int | None] = mapped_column(BigInteger)
    records: Mapped[int] = mapped_column(Integer)
    times: Mapped[bytes | None] = mapped_column(LargeBinary)


class StoredUpload(Model):
    """How far an upload is durable. `seq` is that of the batch that brought it: what is replayed never steps back."""

    __tablename__ = "log_uploads"

    organisation_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    upload_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
    records: Mapped[int] = mapped_column(BigInteger)
    problems: Mapped[int] = mapped_column(BigInteger)
