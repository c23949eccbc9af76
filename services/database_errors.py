"""The one place where errors of SQLAlchemy and its drivers become errors of this product.

Codes: https://www.sqlite.org/rescode.html and https://www.postgresql.org/docs/current/errcodes-appendix.html.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from services.errors import BackendTimeout, BackendUnavailable, Conflict, ElkVisionError, StorageFull

_SQLITE_UNIQUE = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})
_SQLITE_MISSING = frozenset({sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY})
_SQLITE_FULL = sqlite3.SQLITE_FULL
_POSTGRES_UNIQUE, _POSTGRES_MISSING = "23505", "23503"
_POSTGRES_FULL = "53100"
_POSTGRES_CANCELLED = frozenset({"57014", "55P03"})


@contextmanager
def translated() -> Iterator[None]:
    """Run a block and raise what the database says as `Conflict`, `StorageFull`, `BackendTimeout` or
    `BackendUnavailable`. A mistake of ours (wrong SQL, a missing column) passes as it is: it is not the caller's
    business and no retry helps."""
    try:
        yield
    except exc.IntegrityError as error:
        raise _of_integrity(error) from error
    except (exc.OperationalError, exc.InterfaceError, exc.InternalError) as error:
        raise _of_backend(error) from error
    except exc.DatabaseError as error:
        if type(error) is not exc.DatabaseError:
            raise  # ProgrammingError and the like: ours
        raise BackendUnavailable("The file of the accounts database is damaged, or is none.") from error
    except exc.TimeoutError as error:
        raise BackendUnavailable("All connections to the accounts database are busy. Try again shortly.") from error


def _of_integrity(error: exc.IntegrityError) -> Exception:
    code = _code(error)
    if code in _SQLITE_UNIQUE or code == _POSTGRES_UNIQUE:
        return Conflict("This exists already.")
    if code in _SQLITE_MISSING or code == _POSTGRES_MISSING:
        return Conflict("What this belongs to was removed at the same moment.")
    return error


def _of_backend(error: exc.DBAPIError) -> Exception:
    code = _code(error)
    if code == sqlite3.SQLITE_ERROR:
        return error  # wrong SQL or a table that does not exist
    if (isinstance(code, int) and code & 0xFF == _SQLITE_FULL) or code == _POSTGRES_FULL:
        return StorageFull("The disk of the accounts database is full. Nothing was stored; free some space.")
    if code in _POSTGRES_CANCELLED:
        return BackendTimeout("The accounts database took too long. Try again shortly.")
    return _unavailable(code)


def _unavailable(code: int | str | None) -> ElkVisionError:
    if isinstance(code, int) and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return BackendUnavailable("The accounts database is busy. Try again shortly.")
    return BackendUnavailable("The accounts database cannot be reached. Try again shortly.")


def _code(error: exc.DBAPIError) -> int | str | None:
    """SQLite's extended result code, or PostgreSQL's SQLSTATE."""
    code: int | str | None = getattr(error.orig, "sqlite_errorcode", None) or getattr(error.orig, "pgcode", None)
    return code
