"""Idempotency keys and upload progress in the relational database, where every process finds them.

A key is reserved before its records are written, and stored with what answers it again when they are durable. A
reservation belongs to a spool: only that spool knows whether the records are durable, also after it was killed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Delete, delete, or_, select, tuple_
from sqlalchemy.orm import Session

from services.clock import Clock
from services.database import Database
from services.log_store.elasticsearch.frame import FrameHeader, Member, unpacked_times
from services.log_store.elasticsearch.models import StoredKey, StoredUpload
from services.log_store.interface import Appended, Idempotency, UploadProgress
from services.log_store.sequence import RecordIds, seq_of, tick_of_seq, worker_of_seq

KEY_LIFETIME = timedelta(hours=24)
PRUNE_EVERY = timedelta(hours=1)
_ASKED_AT_ONCE = 200
_CHANGING = ("payload", "spool", "stored_at", "first_seq", "records", "times")


@dataclass(frozen=True)
class KeyOf:
    """An organisation's idempotency key, as the database knows it: key and payload are SHA-256 as hex."""

    organisation_id: str
    key: str
    payload: str

    @classmethod
    def of(cls, organisation_id: str, idempotency: Idempotency) -> "KeyOf":
        return cls(organisation_id, _digest(idempotency.key), _digest(idempotency.payload_hash))

    @property
    def place(self) -> tuple[str, str]:
        """What is unique."""
        return self.organisation_id, self.key


@dataclass(frozen=True)
class KeyState:
    """What the database says of a key after it was asked to reserve it.

    is_mine  it is reserved for the spool that asked
    answer   of the write that was stored with it; None while that is not known
    """

    payload: str
    is_mine: bool
    answer: Appended | None


@dataclass(frozen=True)
class Stored:
    """One member of a frame that is durable."""

    header: FrameHeader
    member: Member

    @property
    def first_seq(self) -> int:
        return seq_of(self.header.first_tick + self.member.at, self.header.worker)


class Bookkeeping:
    """The two tables. One object may serve several spools."""

    def __init__(self, database: Database, clock: Clock):
        self._database = database
        self._clock = clock
        self._pruned_at: datetime | None = None

    def exchange(
        self, spool: str, *, stored: Sequence[Stored], released: Iterable[tuple[str, str]], wanted: Sequence[KeyOf]
    ) -> dict[tuple[str, str], KeyState]:
        """In one transaction: note what is durable, give reservations back, reserve keys. What is known of those.

        Raises as `Database.session` does, with nothing changed.
        """
        now = self._clock.now()
        with self._database.session() as session:
            self._put_keys(session, spool, [_stored_row(spool, each) for each in stored if each.member.key], now)
            self._put_uploads(session, stored, is_replay=False)
            self._prune(session, now)
            for place in released:
                session.execute(_reserved_by(spool).where(_place() == place))
            rows = [_reserved_row(spool, each, now) for each in sorted(wanted, key=_place_of)]  # sorted: no deadlocks
            self._put_keys(session, spool, rows, now)
            return self._states(session, spool, wanted)

    def replay(self, spool: str, headers: Iterable[FrameHeader]) -> None:
        """Note what frames say that this spool's earlier process wrote; nothing where it is known already."""
        now = self._clock.now()
        stored = [Stored(header, member) for header in headers for member in header.members]
        living = [each for each in stored if each.member.key and each.header.stored_at > now - KEY_LIFETIME]
        with self._database.session() as session:
            self._put_keys(session, spool, [_stored_row(spool, each) for each in living], now)
            self._put_uploads(session, stored, is_replay=True)

    def release_all(self, spool: str) -> None:
        """Give back what an earlier process of this spool reserved and never wrote. To be called after `replay`."""
        with self._database.session() as session:
            session.execute(_reserved_by(spool))

    def upload_progress(self, organisation_id: str, upload_id: str) -> UploadProgress | None:
        """The last progress noted; None where none was."""
        with self._database.reading() as session:
            found = session.get(StoredUpload, (organisation_id, upload_id))
            return UploadProgress(upload_id, found.position, found.records, found.problems) if found else None

    def _put_keys(self, session: Session, spool: str, rows: list[dict[str, Any]], now: datetime) -> None:
        """Insert rows, or put them in the place of what is expired or what this spool had reserved."""
        if not rows:
            return
        insert = self._database.insert(StoredKey)
        is_mine = (StoredKey.spool == spool) & StoredKey.first_seq.is_(None)
        statement = insert.on_conflict_do_update(
            index_elements=["organisation_id", "key"],
            set_={name: insert.excluded[name] for name in _CHANGING},
            where=or_(is_mine, StoredKey.stored_at <= now - KEY_LIFETIME),
        )
        session.execute(statement, rows)

    def _put_uploads(self, session: Session, stored: Iterable[Stored], *, is_replay: bool) -> None:
        latest = {
            (each.header.organisation_id, each.member.upload.upload_id): each for each in stored if each.member.upload
        }
        rows = [_upload_row(each, each.member.upload) for each in latest.values() if each.member.upload]
        if not rows:
            return
        insert = self._database.insert(StoredUpload)
        statement = insert.on_conflict_do_update(
            index_elements=["organisation_id", "upload_id"],
            set_={name: insert.excluded[name] for name in ("seq", "position", "records", "problems")},
            where=StoredUpload.seq < insert.excluded.seq if is_replay else None,
        )
        session.execute(statement, rows)

    def _states(self, session: Session, spool: str, wanted: Sequence[KeyOf]) -> dict[tuple[str, str], KeyState]:
        states: dict[tuple[str, str], KeyState] = {}
        places = [each.place for each in wanted]
        for at in range(0, len(places), _ASKED_AT_ONCE):
            some = _place().in_(places[at : at + _ASKED_AT_ONCE])
            for row in session.scalars(select(StoredKey).where(some)):
                answer = _answer(row) if row.first_seq is not None else None
                is_mine = row.spool == spool and answer is None
                states[row.organisation_id, row.key] = KeyState(row.payload, is_mine, answer)
        return states

    def _prune(self, session: Session, now: datetime) -> None:
        if self._pruned_at is None or now - self._pruned_at >= PRUNE_EVERY:
            session.execute(delete(StoredKey).where(StoredKey.stored_at <= now - KEY_LIFETIME))
            self._pruned_at = now


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _place() -> Any:
    return tuple_(StoredKey.organisation_id, StoredKey.key)


def _place_of(key: KeyOf) -> tuple[str, str]:
    return key.place


def _reserved_by(spool: str) -> Delete:
    return delete(StoredKey).where(StoredKey.spool == spool, StoredKey.first_seq.is_(None))


def _reserved_row(spool: str, key: KeyOf, now: datetime) -> dict[str, Any]:
    named = {"organisation_id": key.organisation_id, "key": key.key, "payload": key.payload, "spool": spool}
    return {**named, "stored_at": now, "first_seq": None, "records": 0, "times": None}


def _stored_row(spool: str, stored: Stored) -> dict[str, Any]:
    header, member = stored.header, stored.member
    named = {"organisation_id": header.organisation_id, "key": member.key, "payload": member.payload, "spool": spool}
    known = {"first_seq": stored.first_seq, "records": member.rows, "times": member.times}
    return {**named, "stored_at": header.stored_at, **known}


def _upload_row(stored: Stored, progress: UploadProgress) -> dict[str, Any]:
    return {
        "organisation_id": stored.header.organisation_id,
        "upload_id": progress.upload_id,
        "seq": stored.first_seq,
        "position": progress.position,
        "records": progress.rows,
        "problems": progress.problems,
    }


def _answer(row: StoredKey) -> Appended:
    first_seq = row.first_seq or 0
    ids = RecordIds(unpacked_times(row.times or b""), tick_of_seq(first_seq), worker_of_seq(first_seq))
    return Appended(row.records, first_seq, ids, replayed=True)
