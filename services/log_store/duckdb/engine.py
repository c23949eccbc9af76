"""The one DuckDB instance of the process, and the organisation files attached to it.

Nothing outside this folder imports duckdb for records, and no duckdb error leaves it: `translated()` is the edge.
"""

import errno
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from services.errors import BackendError, BackendTimeout, BackendUnavailable, ConfigError, StorageFull
from services.log_store.duckdb import schema
from services.log_store.duckdb.occupancy import Occupancy

STORAGE_VERSION = "v1.5.0"
"""The file format is pinned: a newer DuckDB keeps writing files that the pinned one can read."""

ROW_GROUP_ROWS = 30_720
"""A quarter of DuckDB's default: a checkpoint rewrites the last row group, which costs four times less with wide
records; reading and bulk writing are as fast (measured on 1 M records)."""

SPARE_BYTES = 32 << 20
"""Free bytes that must stay on the disk beyond what a write brings: a checkpoint of the log needs up to 28 MB."""

_ORGANISATION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REATTACH_WAIT_S = 3.0
_HEADER_BYTES = 3 * 4096
"""A DuckDB file begins with three headers of 4 kB each."""


@dataclass(frozen=True)
class EngineSettings:
    """Limits of the instance. `memory_limit` and `temp_limit` as DuckDB writes sizes ("512MB")."""

    memory_limit: str = "512MB"
    temp_limit: str = "4GB"
    threads: int | None = None
    max_page_rows: int = 11_100


@contextmanager
def translated() -> Iterator[None]:
    """Turn every duckdb error into one of ours; the text says what to do where that is known."""
    try:
        yield
    except duckdb.InterruptException as error:
        raise BackendTimeout("The search took too long and was stopped. Narrow the time range or the query.") from error
    except duckdb.OutOfMemoryException as error:
        raise BackendUnavailable("The search needs more memory than it may use. Narrow the time range.") from error
    except duckdb.Error as error:
        raise translate(error) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("The disk is full: nothing of this request was stored.") from error
        raise


def translate(error: duckdb.Error) -> BackendError:
    """Our error for one of duckdb's that is neither an interrupt nor about memory."""
    text = str(error)
    if is_disk_full(text):
        return StorageFull("The disk is full: nothing of this request was stored.")
    if "Could not set lock" in text or "Conflicting lock" in text:
        return BackendUnavailable("The log files are held by another process. Stop it, or send the request to it.")
    return BackendUnavailable(f"The log store failed: {text.splitlines()[0][:300]}")


def is_disk_full(text: str) -> bool:
    """Whether the text of a duckdb error speaks of a full disk or an exhausted temporary folder."""
    return "No space left" in text or "Disk quota exceeded" in text or "not enough disk space" in text.lower()


def is_invalidated(error: BaseException) -> bool:
    """Whether duckdb will not serve this attached file again before it is attached anew."""
    return "invalidated" in str(error) or "Detach and reattach" in str(error)


class Engine:
    """One in-memory root; every organisation is an attached file `<data_dir>/<organisation_id>.duckdb`.

    Cursors are connections of their own: one per read, one per writer. Safe to use from several threads.
    """

    def __init__(self, data_dir: Path, settings: EngineSettings):
        self.data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        self.occupancy = Occupancy()
        self._lock = threading.RLock()
        self._attached: set[str] = set()
        self._closed = False
        try:
            self._root = duckdb.connect(
                ":memory:",
                config={
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                    "python_enable_replacements": "false",
                },
            )
            self._configure(settings)
        except duckdb.Error as error:
            raise ConfigError(f"DuckDB refused its settings: {error}") from error

    def _configure(self, settings: EngineSettings) -> None:
        folder = _quoted(str(self.data_dir.resolve()) + "/")
        statements = [
            "TimeZone = 'UTC'",
            f"memory_limit = {_quoted(settings.memory_limit)}",
            f"temp_directory = {_quoted(str(self.data_dir.resolve() / 'tmp'))}",
            f"max_temp_directory_size = {_quoted(settings.temp_limit)}",
            # A page is found by its narrow columns first; wide ones are read for its rows only.
            f"late_materialization_max_rows = {settings.max_page_rows:d}",
            "allow_community_extensions = false",
            f"allowed_directories = [{folder}]",
            "allowed_configs = ['max_execution_time', 'enable_progress_bar', 'enable_progress_bar_print']",
            "enable_external_access = false",
            "lock_configuration = true",
        ]
        if settings.threads is not None:
            statements.insert(0, f"threads = {settings.threads:d}")
        for statement in statements:
            self._root.execute("SET GLOBAL " + statement)

    def path(self, organisation_id: str) -> Path:
        """The organisation's file. The id becomes a file name and an SQL name, so it is checked here."""
        if not _ORGANISATION.fullmatch(organisation_id):
            raise ValueError("an organisation id has 1 to 64 letters, digits, - or _")
        return self.data_dir / f"{organisation_id}.duckdb"

    def organisations(self) -> list[str]:
        """Ids of the organisations that have a file."""
        return sorted(path.stem for path in self.data_dir.glob("*.duckdb") if _ORGANISATION.fullmatch(path.stem))

    def cursor(self, timeout_s: float | None = None) -> duckdb.DuckDBPyConnection:
        """A connection of its own; its statements are interrupted after `timeout_s`."""
        with self._lock:
            if self._closed:
                raise BackendUnavailable("The log store is closing.")
            cursor = self._root.cursor()
        cursor.execute("SET enable_progress_bar = false")  # it writes to standard output, where the log lines go
        if timeout_s is not None:
            cursor.execute(f"SET max_execution_time = {max(1, int(timeout_s * 1000))}")
        return cursor

    def attach(self, organisation_id: str, *, create: bool) -> bool:
        """Make the organisation's file readable, its tables up to date. False where it has none and none is made."""
        path = self.path(organisation_id)
        with self._lock:
            if organisation_id in self._attached:
                return True
            if not create and not path.exists():
                return False
            with translated():
                self._attach(organisation_id, path)
            self._attached.add(organisation_id)
            return True

    def _attach(self, organisation_id: str, path: Path) -> None:
        name = schema.database(organisation_id)
        for left_over in (self._copy_path(organisation_id), _log_of(self._copy_path(organisation_id))):
            left_over.unlink(missing_ok=True)  # of a compaction that a crash ended
        if path.exists() and path.stat().st_size < _HEADER_BYTES:
            path.unlink()  # killed while it was created: nothing in it can have been acknowledged
        # Said at every attach: with its default DuckDB would merge our row groups, rewriting the whole file.
        options = f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}"
        if not path.exists():  # an older file keeps its own version
            options += f", STORAGE_VERSION '{STORAGE_VERSION}'"
        with self.cursor() as cursor:
            cursor.execute(f"ATTACH {_quoted(str(path.resolve()))} AS {name} ({options})")
            try:
                schema.migrate(cursor, name)
            except duckdb.Error:
                cursor.execute(f"DETACH {name}")
                raise

    def reattach(self, organisation_id: str) -> None:
        """Attach the file anew after duckdb gave it up (a full disk during a checkpoint). Its log is replayed.

        Raises `BackendError` where that is not possible yet; the next attach tries again.
        """
        with self._lock:
            if organisation_id in self._attached:
                self._attached.discard(organisation_id)
                with self.cursor() as cursor, translated():
                    cursor.execute(f"DETACH DATABASE IF EXISTS {schema.database(organisation_id)}")
        self._attach_when_released(organisation_id)

    def _attach_when_released(self, organisation_id: str) -> None:
        deadline = time.monotonic() + _REATTACH_WAIT_S
        while True:  # a search that still reads the old file holds it for a moment
            try:
                self.attach(organisation_id, create=False)
                return
            except BackendUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def attach_copy(self, organisation_id: str) -> None:
        """Make an empty file beside the organisation's, to replace it."""
        path = self._copy_path(organisation_id)
        with self._lock:
            self.drop_copy(organisation_id)
            name = schema.copy_database(organisation_id)
            with self.cursor() as cursor:
                options = f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}, STORAGE_VERSION '{STORAGE_VERSION}'"
                cursor.execute(f"ATTACH {_quoted(str(path.resolve()))} AS {name} ({options})")
                schema.migrate(cursor, name)

    def drop_copy(self, organisation_id: str) -> None:
        """Forget a copy that will not be used."""
        path = self._copy_path(organisation_id)
        with self._lock:
            with self.cursor() as cursor, translated():
                cursor.execute(f"DETACH DATABASE IF EXISTS {schema.copy_database(organisation_id)}")
            path.unlink(missing_ok=True)
            _log_of(path).unlink(missing_ok=True)

    def take_copy(self, organisation_id: str) -> None:
        """Let the copy take the place of the organisation's file. Nobody reads or writes either of them now.

        Until the rename the old file is whole, afterwards the new one is. Raises `BackendUnavailable` and leaves the old
        file in its place where one of the two keeps a log.
        """
        path, copy = self.path(organisation_id), self._copy_path(organisation_id)
        with self._lock, self.cursor() as cursor, translated():
            cursor.execute(f"DETACH {schema.copy_database(organisation_id)}")
            self._attached.discard(organisation_id)
            cursor.execute(f"DETACH {schema.database(organisation_id)}")
            if _log_of(copy).exists() or _log_of(path).exists():  # it would be replayed on the wrong file
                raise BackendUnavailable("The log file could not be compacted now.")
            _sync(copy)
            copy.replace(path)
            _sync(path.parent)

    def _copy_path(self, organisation_id: str) -> Path:
        return self.path(organisation_id).with_suffix(".compacting")

    def require_space(self, size_bytes: int) -> None:
        """Raise `StorageFull` unless the disk can take `size_bytes` and a checkpoint."""
        free = shutil.disk_usage(self.data_dir).free
        if free < size_bytes + SPARE_BYTES:
            raise StorageFull(f"The disk is full ({free >> 20} MB free): nothing of this request was stored.")

    def close(self) -> None:
        """Release all files; each is checkpointed by its detach."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for organisation_id in sorted(self._attached):
                with translated_quietly():
                    self._root.execute(f"DETACH {schema.database(organisation_id)}")
            self._root.close()


@contextmanager
def translated_quietly() -> Iterator[None]:
    """Closing goes on past a file that cannot be checkpointed: its log is replayed at the next start."""
    try:
        yield
    except duckdb.Error:
        return


def _log_of(path: Path) -> Path:
    """DuckDB's write-ahead log of a file."""
    return path.with_name(path.name + ".wal")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
