"""What names mean among the source faces of a list on disk, by the steps of ``dataset.names``."""

import sqlite3
from collections.abc import Iterator

from gazebench.dataset.names import MANY, Form, shorter

Called = tuple[int, str]  # place and id of a face
_EXACT = """
SELECT place, id FROM faces WHERE name = ? UNION ALL SELECT place, id FROM faces WHERE id = ?
"""
_OTHERWISE = f"""
SELECT place, id FROM faces
WHERE place IN (SELECT DISTINCT place FROM forms WHERE {{}} LIMIT {MANY})
"""
_SHORTER, _LONGER, _NUMBERED = map(
    _OTHERWISE.format, ("path = ?", "path >= ? AND path < ?", "number = ?")
)
_HAS_NUMBERS = """
SELECT 2 * count(DISTINCT place) >= (SELECT count(*) FROM faces) FROM forms WHERE number NOT NULL
"""
_DEEPEST = "SELECT ifnull(max(length(path) - length(replace(path, '/', ''))), 0) FROM forms"


class CalledFaces:
    """An index of the table ``faces``. What it needs for a step is made when that is first asked.

    A list of names that are written as in the source needs no forms, but for plain numbers.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._has_exact = False
        self._deepest: int | None = None  # parts of the longest path; None without forms
        self._has_numbers: bool | None = None

    def exact(self, name: str) -> set[Called]:
        """Faces whose name or id is ``name``."""
        if not self._has_exact:
            self._db.execute("CREATE INDEX names ON faces (name, id)")
            self._db.execute("CREATE INDEX ids ON faces (id)")
            self._has_exact = True
        return set(self._db.execute(_EXACT, (name, name)))

    def alike(self, path: str) -> set[Called]:
        """Faces whose ``Form.path`` begins with ``path``, or is its beginning."""
        above = shorter(path, self._depth())
        found = {face for p in above for face in self._db.execute(_SHORTER, (p,))}
        end = path[:-1] + chr(ord("/") + 1)  # what comes after all that begin with ``path``
        return found.union(self._db.execute(_LONGER, (path, end)))

    def numbered(self, number: int) -> set[Called]:
        """Faces with this ``Form.number``."""
        self._depth()
        return set(self._db.execute(_NUMBERED, (number,)))

    def has_numbers(self) -> bool:
        """Whether at least half of the faces have a ``Form.number``."""
        if self._has_numbers is None:
            self._depth()
            self._has_numbers = bool(self._db.execute(_HAS_NUMBERS).fetchone()[0])
        return self._has_numbers

    def _depth(self) -> int:
        """How many parts the longest path has; makes the table of forms."""
        if self._deepest is None:
            self._db.execute("CREATE TABLE forms (path TEXT, number INTEGER, place INTEGER)")
            self._db.executemany("INSERT INTO forms VALUES (?, ?, ?)", self._forms())
            self._db.execute("CREATE INDEX paths ON forms (path)")
            self._db.execute("CREATE INDEX numbers ON forms (number)")
            self._deepest = int(self._db.execute(_DEEPEST).fetchone()[0])
        return self._deepest

    def _forms(self) -> Iterator[tuple[str, int | None, int]]:
        for place, id_, name in self._db.execute("SELECT place, id, name FROM faces"):
            for path, number in {Form.of(id_), Form.of(name)}:
                yield path, number, place
