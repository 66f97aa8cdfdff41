"""Eye points and labels that the user gives in CSV files, in place of the source's own."""

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

from gazebench.dataset import LABELS, names, tables
from gazebench.dataset.boxes import Point
from gazebench.errors import InputError
from gazebench.sources import _temporary
from gazebench.sources._face import SourceFace
from gazebench.sources._spooled import SpooledFaces

EYES = ("left_x", "left_y", "right_x", "right_y")
MOUTH = ("mouth_x", "mouth_y")
_NUMBER = re.compile(r"-?[0-9]{1,7}([.,][0-9]{1,20})?")  # spreadsheets may write 92,5
_SHOWN = 5  # names in a message
_LONGEST = 40  # characters of a value in a message
_Values = tuple[float, ...]  # x and y of left eye, right eye and, where known, the mouth
_Value = TypeVar("_Value")


class _Given(Protocol[_Value]):
    """What a file says of each face."""

    columns: ClassVar[tuple[str, ...]]  # that must be there, beside the face's name

    def put(self, place: int, value: _Value, /) -> bool:
        """Whether it is the value of that place: it had none, or the same."""
        ...

    @staticmethod
    def parse(row: dict[str, str], path: Path, line: int) -> _Value | None:
        """The value of a row; None where it says nothing."""
        ...


def with_eye_points(faces: Iterable[SourceFace], path: Path) -> SpooledFaces:
    """The faces with the points of a CSV file; a face that it does not name has none.

    Columns: ``name`` (source name or id, or another of ``names.COLUMNS``), ``left_x``, ``left_y``,
    ``right_x``, ``right_y`` and, if wanted, ``mouth_x``, ``mouth_y``: pixels of the source picture,
    (0, 0) the centre of the first one.

    Raises:
        InputError: a column or value that is missing or no number, a name that no picture or
            several have, a picture with two lines that differ.
        DiskError: no space for a temporary file.
    """
    there = faces if isinstance(faces, SpooledFaces) else SpooledFaces(faces)
    with contextlib.closing(_temporary.database()) as db, _temporary.sentences():
        points = _Points(db)
        _read(path, there, points)
        return SpooledFaces(_placed(f, points.get(place)) for place, f in enumerate(there))


def with_labels(faces: Iterable[SourceFace], path: Path) -> SpooledFaces:
    """The faces with the labels of a CSV file; a face that it does not name has none.

    Columns and words are those of `label import`: ``id`` (source name or id) and ``label`` (X, Y,
    unsure or reject, whatever the case), or what people call them, see ``names`` and ``tables``.

    Raises:
        InputError: a column that is missing, another label, a name that no picture or several
            have, a picture with two lines that differ.
        DiskError: no space for a temporary file.
    """
    there = faces if isinstance(faces, SpooledFaces) else SpooledFaces(faces)
    labels = _Labels()
    _read(path, there, labels)
    return SpooledFaces(replace(f, label=labels.get(i)) for i, f in enumerate(there))


class _Labels:
    """Labels by the place of their face."""

    columns: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self._labels: dict[int, str] = {}

    def get(self, place: int) -> str | None:
        return self._labels.get(place)

    def put(self, place: int, label: str) -> bool:
        """Whether it is the label of that place: it had none, or the same."""
        return self._labels.setdefault(place, label) == label

    @staticmethod
    def parse(row: dict[str, str], path: Path, line: int) -> str | None:
        word = row[tables.column(path, row, tables.LABEL_COLUMNS)].strip()
        label = tables.LABEL_WORDS.get(word.lower())
        if word and not label:
            where, way = f"{path}, line {line}", "`gazebench label import --map` takes other words"
            raise InputError(f"{where}: label {word!r}, expected {', '.join(LABELS)}; {way}")
        return label


class _Points:
    """Values by the place of their face, on disk."""

    columns: ClassVar[tuple[str, ...]] = EYES

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.execute("CREATE TABLE points (place INTEGER PRIMARY KEY, given TEXT)")

    def get(self, place: int) -> _Values | None:
        row = self._db.execute("SELECT given FROM points WHERE place = ?", (place,)).fetchone()
        return row and tuple(json.loads(row[0]))

    def put(self, place: int, values: _Values) -> bool:
        """Whether they are the values of that place: it had none, or the same."""
        row = (place, json.dumps(values))
        if self._db.execute("INSERT OR IGNORE INTO points VALUES (?, ?)", row).rowcount:
            return True
        return self.get(place) == values

    @staticmethod
    def parse(row: dict[str, str], path: Path, line: int) -> _Values:
        columns = EYES
        if any(row.get(column, "").strip() for column in MOUTH):  # empty cells: no mouth
            columns += MOUTH
        return tuple(_number(row.get(column, ""), column, path, line) for column in columns)


def _placed(face: SourceFace, values: _Values | None) -> SourceFace:
    if values is None:
        return replace(face, eyes=None, mouth=None)
    left, right, *mouth = (Point(*xy) for xy in zip(values[::2], values[1::2], strict=True))
    return replace(face, eyes=(left, right), mouth=mouth[0] if mouth else None)


def _read(path: Path, there: SpooledFaces, given: _Given[_Value]) -> None:
    unknown: list[str] = []  # the first ones
    lines = strangers = 0
    columns: tuple[str, ...] = ()
    for line, row in tables.read(path, given.columns):
        lines += 1
        where = f"{path}, line {line}"
        columns = columns or names.columns(path, row)
        value = given.parse(row, path, line)
        if value is None:
            continue
        meant = names.chosen(there.called, names.cells(row, columns), where, itemgetter(1))
        if not meant.keys:
            strangers += 1
            if strangers <= _SHOWN:
                unknown.append(f"line {line}: {meant.quoted}")
        elif not given.put(next(iter(meant.keys))[0], value):
            raise InputError(f"{where}: {meant.quoted} is listed twice, with two values")
    if strangers:
        more = f" and {strangers - _SHOWN} more" if strangers > _SHOWN else ""
        raise InputError(f"{path}: names that no picture has: {', '.join(unknown)}{more}")
    if not lines:
        raise InputError(f"{path}: has no lines below its header")


def _number(text: str, column: str, path: Path, line: int) -> float:
    if not _NUMBER.fullmatch(text.strip()):
        cell = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
        raise InputError(f"{path}, line {line}: {column} is {cell!r}, expected pixels such as 92.5")
    return float(text.replace(",", "."))
