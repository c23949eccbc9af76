"""The relational database: accounts and small documents, in SQLite (default) or PostgreSQL.

`Database` works anywhere: in a request, a worker thread, the command line. `db` is the Flask-SQLAlchemy object over the
same tables, for code that runs inside a Flask application context (`bind_flask`).

    with database.session() as session:    # one write transaction, committed at the end, undone by any exception
    with database.reading() as session:    # one consistent view; nothing is stored

What `session()` committed survives kill -9 and power loss. Write transactions of one process take turns: SQLite has one
writer, and waiting in line here is fair while its own busy handler polls. So do not open a second `session()` inside one.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, DateTime, Dialect, Engine, MetaData, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from services import migrate
from services.database_errors import translated
from services.errors import BackendUnavailable, ConfigError

FILE_NAME = "elkvision.db"
BUSY_TIMEOUT_S = 10.0
_BEGIN = "elkvision_begin"
# Any constant of our own: processes that start together take turns on it.
_UPGRADE_LOCK = 7_303_014_401

Insert = postgresql.Insert | sqlite.Insert


class Model(DeclarativeBase):
    """Base of every table. Constraints get names, so that migrations can change them on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Model)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python; TIMESTAMPTZ in PostgreSQL, naive UTC text in SQLite (which has no zones)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """One database and its pool of connections. Nothing connects until the first session."""

    def __init__(self, url: str | URL, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        """`url` as in DATABASE_URL: `sqlite:////path/file.db` or `postgresql://user:password@host/name`.

        Raises `ConfigError` for any other; the text never repeats the password.
        """
        self.url = _parse(url)
        self._busy_timeout_s = busy_timeout_s
        self._turn = threading.Lock()
        self.engine = create_engine(self.url, **_engine_options(self.url, busy_timeout_s))
        _listen(self.engine, busy_timeout_s)
        self._writing = self.engine.execution_options(**{_BEGIN: "IMMEDIATE"})

    @classmethod
    def at(cls, url: str, data_dir: Path) -> "Database":
        """The database that `url` names, or for an empty one the SQLite file in `data_dir`."""
        return cls(url or URL.create("sqlite", database=str((data_dir / FILE_NAME).resolve())))

    @property
    def is_sqlite(self) -> bool:
        """True where the database is a SQLite file of this machine."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A write transaction: committed at the end of the block, rolled back by any exception.

        Raises `Conflict` (a unique value is taken), `StorageFull`, `BackendUnavailable` or `BackendTimeout`.
        """
        with (
            translated(),
            self._taking_turn(),
            Session(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A read transaction; what the block changes is thrown away. Raises as `session` does."""
        with translated(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    def insert(self, table: type[Model]) -> Insert:
        """An INSERT that knows `on_conflict_do_update` and `on_conflict_do_nothing`."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def check(self) -> None:
        """Return when the database answers; raises `BackendUnavailable`."""
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    def revision(self) -> str | None:
        """Where the tables stand; None for an empty database. Raises `ConfigError` for one that is newer than this program."""
        with self.reading() as session:
            return migrate.revision_of(session.connection())

    def upgrade(self) -> str | None:
        """Create or migrate the tables in one transaction; the revision moved to, None where nothing was to do (1 ms).

        Several processes may call it at once. Raises `ConfigError` for a file that cannot be written and as `revision`.
        """
        self._create_file()
        if self.revision() == migrate.newest_revision():
            return None
        with self.session() as session:
            connection = session.connection()
            if not self.is_sqlite:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})"))
            if migrate.revision_of(connection) == migrate.newest_revision():
                return None  # another process was first
            migrate.run(connection)
        return migrate.newest_revision()

    def close(self) -> None:
        """Give all connections back. The object may be used again; it then connects anew."""
        self.engine.dispose()

    def _create_file(self) -> None:
        """Make the SQLite file, readable by its owner only (it holds password hashes); elsewhere nothing."""
        if self.is_sqlite and self.url.database:
            path = Path(self.url.database)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(mode=0o600, exist_ok=True)
            except OSError as error:
                raise ConfigError(f"DATA_DIR: cannot write {path} ({error.strerror}).") from error

    @contextmanager
    def _taking_turn(self) -> Iterator[None]:
        if not self.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=self._busy_timeout_s):
            raise BackendUnavailable("The accounts database is busy. Try again shortly.")
        try:
            yield
        finally:
            self._turn.release()


def bind_flask(app: Flask, database: Database) -> None:
    """Make `db.session` usable inside `app`, on connections with the same settings as those of `database`."""
    app.config["SQLALCHEMY_DATABASE_URI"] = database.url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _engine_options(database.url, BUSY_TIMEOUT_S)
    db.init_app(app)
    with app.app_context():
        _listen(db.engine, BUSY_TIMEOUT_S)


def is_storable(text: str) -> bool:
    """True where a database can hold and compare `text`: no NUL, no lone surrogate."""
    return "\0" not in text and not any(0xD800 <= ord(character) <= 0xDFFF for character in text)


def _parse(given: str | URL) -> URL:
    try:
        url = make_url(given)
    except ArgumentError:
        raise ConfigError("DATABASE_URL is not an address. Set postgresql://user:password@host:5432/name.") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg2")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigError("DATABASE_URL must begin with postgresql:// or sqlite:///.")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError("DATABASE_URL: sqlite:/// needs the path of a file.")
    return url


def _engine_options(url: URL, busy_timeout_s: float) -> dict[str, Any]:
    # hide_parameters: password hashes and e-mail addresses must not reach logs through error texts.
    options: dict[str, Any] = {"hide_parameters": True, "pool_size": 10, "max_overflow": 20, "pool_timeout": 10}
    if url.get_backend_name() == "sqlite":
        return options | {"connect_args": {"timeout": busy_timeout_s}}
    limits = "-c statement_timeout=30000 -c lock_timeout=10000"
    return options | {"pool_pre_ping": True, "connect_args": {"connect_timeout": 5, "options": limits}}


def _listen(engine: Engine, busy_timeout_s: float) -> None:
    """SQLite: durable settings on every connection, and transactions that begin where SQLAlchemy says.

    The driver alone begins late and upgrades a read to a write, which fails at once with SQLITE_BUSY when another wrote
    meanwhile (https://www.sqlite.org/isolation.html); BEGIN IMMEDIATE waits instead.
    """
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {int(busy_timeout_s * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get(_BEGIN, 'DEFERRED')}")
