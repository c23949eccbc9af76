"""Brings the relational database to the tables that this version of the program works with."""

import re
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from services.database import Database
from services.database_errors import translated
from services.errors import ConfigError

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
# Any constant of our own: processes that start together take turns on it.
_LOCK = 7_303_014_401


def upgrade(database: Database) -> str | None:
    """Create or migrate the tables, in one transaction; the revision moved to, None where nothing was to do (a few ms).

    Safe to call from several processes at once. Raises `ConfigError` for a database that a newer version of the program
    has migrated, and what `Database.session` raises.
    """
    database.create_file()
    wanted = newest_revision()
    with translated(), database.engine.connect() as connection:
        if _revision(connection, wanted) == wanted:
            return None
    with database.session() as session:
        connection = session.connection()
        if not database.is_sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        if _revision(connection, wanted) == wanted:
            return None  # another process was first
        _run(connection)
    return wanted


def newest_revision() -> str:
    """The revision of this version of the program: the highest number among the migration files."""
    numbers = [
        match[1] for file in (FOLDER / "versions").iterdir() if (match := re.match(r"(\d{4})_.*\.py$", file.name))
    ]
    return max(numbers)


def _revision(connection: Connection, wanted: str) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision is not None and revision > wanted:
        raise ConfigError(
            f"The database stands at revision {revision}, this version of ELK Vision knows {wanted}. Run the newer version."
        )
    return revision


def _run(connection: Connection) -> None:
    from alembic import command  # 0.2 s to load, and hardly ever needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
