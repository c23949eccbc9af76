"""The database itself: durable settings, transactions, and what its errors become."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError

from services.accounts.models import LoginName, Organisation, User
from services.database import Database, bind_flask, db
from services.documents.sql import SqlDocumentStore
from services.errors import BackendError, BackendUnavailable, ConfigError, Conflict, StorageFull
from tests.clocks import HandClock
from tests.conftest import ROOT

NOW = HandClock().now()


def an_organisation(name: str = "a") -> Organisation:
    return Organisation(id=name * 20, name=name, created_at=NOW)


def test_sqlite_is_set_to_keep_what_it_acknowledged(sqlite: Database) -> None:
    with sqlite.reading() as session:
        found = {
            name: session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    database = Database.at("", tmp_path / "new folder")
    database.upgrade()
    assert (tmp_path / "new folder" / "elkvision.db").stat().st_mode & 0o777 == 0o600
    database.close()


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "a b%20c?d=e #ü"
    database = Database.at("", folder)
    database.upgrade()
    database.close()
    assert [file.name for file in folder.iterdir()] == ["elkvision.db"]


def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    with database.session() as session:
        session.add(an_organisation())
    with database.reading() as session:
        found = session.scalars(select(Organisation)).one().created_at
    assert (found, found.utcoffset()) == (NOW, NOW.utcoffset())


def test_an_exception_undoes_the_transaction(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.session() as session:
        session.add(an_organisation())
        session.flush()
        raise ZeroDivisionError
    with database.reading() as session:
        assert session.scalars(select(Organisation)).all() == []


def test_what_reading_changes_is_thrown_away(database: Database) -> None:
    with database.reading() as session:
        session.add(an_organisation())
        session.flush()
    with database.reading() as session:
        assert session.scalars(select(Organisation)).all() == []


def test_a_taken_unique_value_is_a_conflict(database: Database) -> None:
    for _ in range(2):
        with database.session() as session:
            session.merge(an_organisation())
    with pytest.raises(Conflict), database.session() as session:
        session.add(an_organisation())


def test_a_reference_to_something_removed_is_a_conflict(database: Database) -> None:
    with pytest.raises(Conflict), database.session() as session:
        session.add(LoginName(name="x", user_id="nobody"))


def test_errors_repeat_no_values(sqlite: Database) -> None:
    with sqlite.session() as session:
        session.add(an_organisation("s"))
    with pytest.raises(Conflict) as caught, sqlite.session() as session:
        session.add(an_organisation("s"))
    assert "s" * 20 not in str(caught.value.__cause__)


def test_a_mistake_in_sql_stays_what_it_is(sqlite: Database) -> None:
    with pytest.raises(OperationalError), sqlite.reading() as session:
        session.execute(text("SELECT nothing FROM nowhere"))


def test_a_file_that_another_process_keeps_locked_is_unavailable_and_then_works(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'elkvision.db'}", busy_timeout_s=0.1)
    database.upgrade()
    other = sqlite3.connect(tmp_path / "elkvision.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BackendUnavailable), database.session() as session:
        session.add(an_organisation())
    with database.reading() as session:
        assert session.scalars(select(Organisation)).all() == []
    other.execute("ROLLBACK")
    other.close()
    with database.session() as session:
        session.add(an_organisation())
    database.close()


def test_a_writer_waits_its_turn_and_then_says_busy(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'elkvision.db'}", busy_timeout_s=0.1)
    database.upgrade()
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with database.session():
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(30)
    with pytest.raises(BackendUnavailable), database.session():
        pass
    leave.set()
    thread.join()
    with database.session() as session:
        session.add(an_organisation())
    database.close()


def test_many_threads_write_and_read_without_an_error(database: Database) -> None:
    store, wrong = SqlDocumentStore(database), []

    def work(number: int) -> None:
        try:
            for turn in range(10):
                store.put("o", "c", f"{number}-{turn}", {"n": turn})
                store.find("o", "c")
        except BackendError as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert store.find("o", "c")[1] == 120


def test_a_full_disk_is_said_and_stores_nothing(sqlite: Database) -> None:
    store = SqlDocumentStore(sqlite)
    store.put("o", "c", "1", {"text": "small"})

    def fill(connection: sqlite3.Connection, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(sqlite.engine, "checkout", fill)
    with pytest.raises(StorageFull):
        store.put("o", "c", "2", {"text": "x" * 100_000})
    event.remove(sqlite.engine, "checkout", fill)
    assert store.find("o", "c") == ([{"text": "small"}], 1)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    database = Database("postgres://user:s3cret@127.0.0.1:1/none")
    with pytest.raises(BackendUnavailable) as caught:
        database.check()
    assert "s3cret" not in str(caught.value)


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "elkvision.db").write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(BackendUnavailable):
        Database.at("", tmp_path).upgrade()


@pytest.mark.parametrize("url", ["nonsense", "mysql://u:s3cret@h/d", "sqlite://", "sqlite:///:memory:", "://s3cret@"])
def test_an_address_that_cannot_be_used_names_the_setting(url: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL") as caught:
        Database(url)
    assert "s3cret" not in str(caught.value)


def test_a_folder_that_cannot_be_written_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="DATA_DIR"):
        Database.at("", tmp_path / "file" / "below").upgrade()


def test_inside_flask_the_same_tables_are_there(sqlite: Database) -> None:
    app = Flask(__name__)
    bind_flask(app, sqlite)
    with app.app_context():
        db.session.add(an_organisation())
        db.session.commit()
        assert db.session.scalar(text("PRAGMA synchronous")) == 2
    with sqlite.reading() as session:
        assert [organisation.name for organisation in session.scalars(select(Organisation))] == ["a"]


WRITER = """
import sys
from argon2 import PasswordHasher
from services.accounts.accounts import Accounts
from services.accounts.passwords import Passwords
from services.clock import SystemClock
from services.database import Database
hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
accounts = Accounts(Database(sys.argv[1]), SystemClock(), passwords=Passwords(hasher))
for number in range(100000):
    print(accounts.register(f"user{number}", f"user{number}@example.org", "a good password").user_id, flush=True)
"""


@pytest.mark.faults
def test_every_acknowledged_account_is_there_after_a_kill(sqlite: Database) -> None:
    command = [sys.executable, "-c", WRITER, str(sqlite.url)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(25)]
    process.kill()
    acknowledged += process.stdout.read().split()
    process.wait()
    process.stdout.close()
    with sqlite.reading() as session:
        kept = set(session.scalars(select(User.id)))
        named = set(session.scalars(select(LoginName.user_id)))
    assert set(acknowledged) <= kept
    assert kept == named
