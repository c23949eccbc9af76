"""Relational databases for tests: a SQLite file, and a PostgreSQL that is started for the run where it is installed.

`TEST_DATABASE_URL` names a running PostgreSQL server instead; its user must be allowed to create databases.
"""

import os
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

from services.database import Database
from tests.conftest import missing

_SERVER = pytest.StashKey[URL]()
_MIGRATED = f"elkvision_migrated_{os.getpid()}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated database of each kind."""
    yield from _opened(
        _sqlite_url(tmp_path) if request.param == "sqlite" else _new_postgres(request.config, migrated=True)
    )


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated SQLite database, for what is said of SQLite only or does not depend on the kind."""
    yield from _opened(_sqlite_url(tmp_path))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of each kind without any table."""
    found = Database(_sqlite_url(tmp_path) if request.param == "sqlite" else _new_postgres(request.config))
    yield found
    found.close()


def _opened(url: str) -> Iterator[Database]:
    found = Database(url)
    found.upgrade()
    yield found
    found.close()


def _sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'elkvision.db'}"


def _new_postgres(config: pytest.Config, *, migrated: bool = False) -> str:
    if _SERVER not in config.stash:
        config.stash[_SERVER] = _postgres(config)
    server, name = config.stash[_SERVER], f"test_{uuid.uuid4().hex}"
    if not migrated:
        return _create(server, name, "template0")
    if not _exists(server, _MIGRATED):
        model = Database(_create(server, _MIGRATED, "template0"))
        model.upgrade()
        model.close()
    return _create(server, name, _MIGRATED)


def _create(server: URL, name: str, template: str) -> str:
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    return server.set(database=name).render_as_string(hide_password=False)


def _exists(server: URL, name: str) -> bool:
    return bool(_execute(server, f"SELECT datname FROM pg_database WHERE datname = '{name}'"))


def _execute(server: URL, statement: str) -> list[object]:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        result = connection.execute(text(statement))
        rows = list(result) if result.returns_rows else []
    engine.dispose()
    return rows


def _postgres(config: pytest.Config) -> URL:
    if os.environ.get("TEST_DATABASE_URL"):
        return make_url(os.environ["TEST_DATABASE_URL"])
    folder = _programs()
    if folder is None:
        missing("PostgreSQL (apt-get install postgresql, or set TEST_DATABASE_URL)")
    return _start(folder, config)


def _programs() -> Path | None:
    """Debian keeps the server's programs outside PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


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
