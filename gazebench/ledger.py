"""SQLite files: what was committed is on the disk (WAL, full sync), and events never change."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gazebench.errors import DiskError, InputError
from gazebench.store import refuse_link

# of a table called ``events``
NEVER_CHANGED = """
CREATE TRIGGER IF NOT EXISTS keep BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
CREATE TRIGGER IF NOT EXISTS hold BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'an event is never removed'); END;
"""
_WAIT = "another program holds it: end that, or try again later"


def now() -> str:
    """The time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextlib.contextmanager
def opened(path: Path, schema: str, *, repair: str) -> Iterator[sqlite3.Connection]:
    """A connection that threads may share; the file is made where there is none.

    ``repair``: what to do when the file is damaged, the end of a sentence.

    Raises:
        InputError: damaged.
        DiskError: no space, not writable, or held by another program for half a minute.
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
    """Errors of SQLite as ours.

    Raises:
        InputError: damaged.
        DiskError: anything else, such as no space.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise InputError(f"{path}: damaged ({error}); {repair}") from None
        busy = code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        advice = _WAIT if busy else "free some space or fix the folder's permissions"
        raise DiskError(f"{path}: cannot be used ({error}); {advice}") from error
