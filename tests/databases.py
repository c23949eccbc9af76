"""Relational databases for tests: a SQLite file, and a PostgreSQL that is started for the run where it is installed.

`TEST_DATABASE_URL` names a running PostgreSQL server instead; its user must be allowed to create databases.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError

from services.database import FILE_NAME, Database, Model
from tests.conftest import missing

_SERVER = pytest.StashKey[URL]()
_POSTGRES = pytest.StashKey[Database]()
_SQLITE_FILE = pytest.StashKey[bytes]()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated database of each kind."""
    found = _migrated_sqlite(request.config, tmp_path) if request.param == "sqlite" else _emptied(request.config)
    yield found
    found.close()


@pytest.fixture
def sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated SQLite database, for what is said of SQLite only or does not depend on the kind."""
    found = _migrated_sqlite(request.config, tmp_path)
    yield found
    found.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of each kind without any table."""
    found = Database.at("", tmp_path) if request.param == "sqlite" else Database(_new_postgres(request.config))
    yield found
    found.close()


def _migrated_sqlite(config: pytest.Config, folder: Path) -> Database:
    """A copy of the file that the first test migrated: migrating takes 0.1 s, copying nothing."""
    if _SQLITE_FILE not in config.stash:
        first = Database.at("", folder / "first")
        first.upgrade()
        first.close()
        config.stash[_SQLITE_FILE] = (folder / "first" / FILE_NAME).read_bytes()
    (folder / FILE_NAME).write_bytes(config.stash[_SQLITE_FILE])
    return Database.at("", folder)


def _emptied(config: pytest.Config) -> Database:
    """The run's one migrated PostgreSQL database, with nothing in it: creating one takes 0.2 s, emptying 0.01."""
    if _POSTGRES not in config.stash:
        config.stash[_POSTGRES] = Database(_new_postgres(config))
        config.stash[_POSTGRES].upgrade()
    found = config.stash[_POSTGRES]
    with found.session() as session:
        session.execute(text(f"TRUNCATE {', '.join(Model.metadata.tables)} RESTART IDENTITY CASCADE"))
    return found


def _new_postgres(config: pytest.Config) -> str:
    if _SERVER not in config.stash:
        config.stash[_SERVER] = _postgres(config)
    server, name = config.stash[_SERVER], f"test_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.set(database=name).render_as_string(hide_password=False)


def _postgres(config: pytest.Config) -> URL:
    if os.environ.get("TEST_DATABASE_URL"):
        return make_url(os.environ["TEST_DATABASE_URL"])
    folder = _programs()
    if folder is None:
        missing("PostgreSQL (apt-get install postgresql, or set TEST_DATABASE_URL)")
    return _start(folder, config)


def _programs() -> Path | None:
    """The folder of initdb and postgres, which Debian keeps outside PATH; None where they or (for root) their user lack."""
    if os.geteuid() == 0 and not _has_user("postgres"):
        return None
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _start(programs: Path, config: pytest.Config) -> URL:
    home = Path(tempfile.mkdtemp(prefix="elkvision-postgres-"))
    # The server refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(home, user)
    initdb = [
        programs / "initdb",
        "-D",
        home / "data",
        "-A",
        "trust",
        "-U",
        "postgres",
        "-N",
        "-E",
        "UTF8",
        "--locale=C",
    ]
    subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=home)
    settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", f"unix_socket_directories={home}"]
    log = (home / "log").open("wb")
    server = subprocess.Popen([programs / "postgres", "-D", home / "data", *settings], stderr=log, user=user, cwd=home)

    def stop() -> None:
        server.terminate()
        server.wait(20)
        log.close()
        shutil.rmtree(home, ignore_errors=True)

    config.add_cleanup(stop)
    url = make_url(f"postgresql+psycopg2://postgres@/postgres?host={home}")
    _wait_until_up(url, server)
    return url


def _wait_until_up(url: URL, server: "subprocess.Popen[bytes]") -> None:
    engine = create_engine(url)
    for _ in range(200):
        try:
            with engine.connect():
                break
        except OperationalError:
            if server.poll() is not None:
                raise
            time.sleep(0.05)
    engine.dispose()
