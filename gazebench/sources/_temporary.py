"""Tables for what may be longer than memory: SQLite, in a temporary file.

Some pages are in memory, the rest in a file without a name, which is gone with the process,
however that ends. It is in the folder of the environment variable ``SQLITE_TMPDIR``, else of
``TMPDIR``, else in ``/var/tmp`` (https://www.sqlite.org/tempfiles.html, section 5).
"""

import contextlib
import sqlite3
from collections.abc import Iterator

from gazebench.errors import DiskError

_CACHE_KIB = 4 * 1024  # of pages; sorting takes as much again


def database() -> sqlite3.Connection:
    """An empty database that is gone when it is closed; it may be used by any thread."""
    connection = sqlite3.connect("", check_same_thread=False)
    connection.execute("PRAGMA journal_mode = OFF")  # nothing is ever rolled back
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


@contextlib.contextmanager
def sentences() -> Iterator[None]:
    """Around any use of such a database.

    Raises:
        DiskError: its file has no space, or no place.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise DiskError(
            f"the temporary file of the list of pictures cannot be kept ({error}); free some space "
            "in TMPDIR (else /var/tmp), or set SQLITE_TMPDIR to a folder on another disk"
        ) from None
