"""SQLite files: what was committed is on the disk (WAL, full sync), and events never change."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gazebench.errors import BusyError, DiskError, InputError
from gazebench.store import refuse_link

# of a table called ``events``
NEVER_CHANGED = """
CREATE TRIGGER IF NOT EXISTS keep BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
CREATE TRIGGER IF NOT EXISTS hold BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'an event is never removed'); END;
"""
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
_HELD = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_DISK = {
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOLFS),
}


def now() -> str:
    """The time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextlib.contextmanager
def opened(path: Path, schema: str, *, repair: str) -> Iterator[sqlite3.Connection]:
    """A connection that threads may share; the file is made where there is none.

    ``repair``: what to do when the file is damaged, the end of a sentence.

    Raises:
        InputError: damaged, or another program's.
        DiskError: no space or not writable.
        BusyError: another program held it for half a minute.
    """
    with sentences(path, repair=repair):
        connection = sqlite3.connect(refuse_link(path), timeout=30, check_same_thread=False)
    with contextlib.closing(connection):
        with sentences(path, repair=repair):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(schema)
        yield connection


@contextlib.contextmanager
def sentences(path: Path, *, repair: str) -> Iterator[None]:
    """Errors of SQLite as ours; one that only a fault of ours can cause stays what it is.

    Raises:
        InputError: damaged, or with other tables than ours.
        DiskError: no space or not writable.
        BusyError: another program holds it.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is None and isinstance(error, sqlite3.OperationalError):  # bytes that are no text
            code = sqlite3.SQLITE_CORRUPT
        code = (code or 0) & 0xFF
        if code in _DAMAGED:
            raise InputError(f"{path}: damaged ({error}); {repair}") from None
        if code == sqlite3.SQLITE_ERROR:  # no such table, or column
            raise InputError(f"{path}: not as gazebench writes it ({error}); {repair}") from None
        if code in _HELD:
            advice = "another program holds it: end that, or try again later"
            raise BusyError(f"{path}: cannot be used ({error}); {advice}") from None
        if code in _DISK:
            advice = "free some space or fix the folder's permissions"
            raise DiskError(f"{path}: cannot be used ({error}); {advice}") from error
        raise
