"""The revisions of the relational database's tables; `Database.upgrade` brings a database to the newest.

The folder `migrations` at the top of the repository holds one file per revision.
"""

import re
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from services.errors import ConfigError

FOLDER = Path(__file__).resolve().parent.parent / "migrations"


def newest_revision() -> str:
    """The revision of this version of the program: the highest number among the migration files."""
    numbers = [
        match[1] for file in (FOLDER / "versions").iterdir() if (match := re.match(r"(\d{4})_.*\.py$", file.name))
    ]
    return max(numbers)


def revision_of(connection: Connection) -> str | None:
    """Where the database stands; None for an empty one. Raises `ConfigError` where a newer version has migrated it."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    newest = newest_revision()
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if revision is not None and revision > newest:
        raise ConfigError(
            f"The database stands at revision {revision}, this version of ELK Vision knows {newest}. Run the newer version."
        )
    return revision


def run(connection: Connection) -> None:
    """Run the migrations that are missing, in the caller's transaction."""
    from alembic import command  # 0.2 s to load, and hardly ever needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
