"""Source faces on disk: a list of any length that takes up hardly any memory."""

import json
import os
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any, overload

from gazebench.dataset import names
from gazebench.dataset.boxes import Point
from gazebench.sources._called import Called, CalledFaces
from gazebench.sources._face import SourceFace
from gazebench.sources._temporary import database, sentences

_SCHEMA = """
CREATE TABLE faces (place INTEGER PRIMARY KEY, id TEXT, name TEXT, path BLOB, rest TEXT)
"""
_COLUMNS = "id, name, path, rest"
# the fields that a plain folder of pictures has no values for
_REST = {f.name: f.default for f in fields(SourceFace) if f.name not in _COLUMNS.split(", ")}
_rest_of, _NOTHING = attrgetter(*_REST), tuple(_REST.values())


class SpooledFaces(Sequence[SourceFace]):
    """Source faces in the order they were given, kept in a temporary file.

    Each look at a face reads it again. Several loops may run at once, in any threads that take
    turns. The file goes away with the list, and with the process.

    Raises:
        DiskError: the temporary file has no space; when the list is made, or read.
    """

    def __init__(self, faces: Iterable[SourceFace]) -> None:
        self._db = database()
        weakref.finalize(self, self._db.close)
        self._length, self._given = 0, Counter[str]()
        self._called = CalledFaces(self._db)
        with sentences():
            self._db.execute(_SCHEMA)
            self._db.executemany("INSERT INTO faces VALUES (?, ?, ?, ?, ?)", self._rows(faces))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[SourceFace]:
        with sentences():
            for row in self._db.execute(f"SELECT {_COLUMNS} FROM faces ORDER BY place"):
                yield _face(*row)

    @overload
    def __getitem__(self, index: int) -> SourceFace: ...
    @overload
    def __getitem__(self, index: slice) -> "SpooledFaces": ...
    def __getitem__(self, index: int | slice) -> "SourceFace | SpooledFaces":
        if isinstance(index, slice):
            return SpooledFaces(map(self._at, range(len(self))[index]))
        return self._at(range(len(self))[index])

    def given(self, field: str) -> int:
        """How many faces have a value where it may be left out, such as an ``identity``."""
        return self._given[field]

    def called(self, name: str) -> set[Called]:
        """Place and id of each face that ``name`` may mean, see ``dataset.names.find``."""
        with sentences():
            return names.find(self._called, name)

    def _rows(self, faces: Iterable[SourceFace]) -> Iterator[tuple[int, str, str, bytes, str]]:
        for face in faces:
            rest = "" if _rest_of(face) == _NOTHING else self._rest(face)
            yield self._length, face.id, face.name, os.fsencode(face.path), rest
            self._length += 1

    def _rest(self, face: SourceFace) -> str:
        pairs = zip(_REST.items(), _rest_of(face), strict=True)
        given = {name: value for (name, default), value in pairs if value != default}
        self._given.update(given.keys())
        return json.dumps(given)

    def _at(self, place: int) -> SourceFace:
        (row,) = self._all(f"SELECT {_COLUMNS} FROM faces WHERE place = ?", place)
        return _face(*row)

    def _all(self, query: str, *words: object) -> list[Any]:
        with sentences():
            return self._db.execute(query, words).fetchall()


def _face(id_: str, name: str, path: bytes, rest: str) -> SourceFace:
    above, slash, last = os.fsdecode(path).rpartition("/")
    values = _values(**json.loads(rest)) if rest else {}
    return SourceFace(id=id_, name=name, path=_folder(above + slash) / last, **values)


@lru_cache(1)  # neighbours share it, and to parse a path takes long
def _folder(path: str) -> Path:
    return Path(path)


def _values(
    *,
    eyes: list[list[float]] | None = None,
    mouth: list[float] | None = None,
    box: list[float] | None = None,
    **others: Any,
) -> dict[str, Any]:
    """Values as a face has them; JSON knows lists only."""
    found = {
        "eyes": eyes and tuple(Point(*eye) for eye in eyes),
        "mouth": mouth and Point(*mouth),
        "box": box and tuple(box),
    }
    return {**found, **others}
