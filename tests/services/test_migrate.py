"""Migrations: they make what the models say, once, quickly, and never half."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from services import migrate
from services.database import Database, Model
from services.errors import ConfigError
from tests.conftest import ROOT


def tables(database: Database) -> set[str]:
    with database.reading() as session:
        return set(inspect(session.connection()).get_table_names())


def test_models_and_migrations_agree(empty_database: Database) -> None:
    empty_database.upgrade()
    with empty_database.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Model.metadata) == []


def test_upgrading_again_does_nothing(empty_database: Database) -> None:
    assert empty_database.revision() is None
    assert empty_database.upgrade() == migrate.newest_revision() == empty_database.revision()
    assert empty_database.upgrade() is None


def test_the_file_names_say_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.newest_revision()


def test_a_database_of_a_newer_version_is_refused(empty_database: Database) -> None:
    empty_database.upgrade()
    with empty_database.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="9999"):
        empty_database.upgrade()


def test_a_migration_that_fails_leaves_nothing(empty_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    run = migrate.run

    def run_and_fail(connection: object) -> None:
        run(connection)  # type: ignore[arg-type]
        raise ZeroDivisionError

    monkeypatch.setattr(migrate, "run", run_and_fail)
    with pytest.raises(ZeroDivisionError):
        empty_database.upgrade()
    assert tables(empty_database) == set()
    monkeypatch.undo()
    empty_database.upgrade()


def test_several_that_start_at_once_upgrade_once(empty_database: Database) -> None:
    url = empty_database.url.render_as_string(hide_password=False)
    databases, answers = [Database(url) for _ in range(2)], []
    threads = [threading.Thread(target=lambda each=each: answers.append(each.upgrade())) for each in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in databases:
        each.close()
    assert sorted(answers, key=str) == [migrate.newest_revision(), None]


def test_a_start_on_a_current_database_does_not_load_the_migration_library(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'elkvision.db'}"
    Database(url).upgrade()
    code = (
        "import sys; from services.database import Database;"
        f" Database({url!r}).upgrade(); print('alembic' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout == "False\n"
