"""Eye points that the user gives in a CSV file, in place of the source's own."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from gazebench.errors import InputError
from gazebench.geometry import Point
from gazebench.manifest import read_csv
from gazebench.sources import SourceFace

EYES = ("left_x", "left_y", "right_x", "right_y")
MOUTH = ("mouth_x", "mouth_y")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_SHOWN = 5
_Values = tuple[float, ...]  # x and y of left eye, right eye and, where known, the mouth


def with_points(faces: Sequence[SourceFace], path: Path) -> tuple[SourceFace, ...]:
    """The faces with the points of a CSV file; a face that it does not name has none.

    Columns: ``name`` (source name or id), ``left_x``, ``left_y``, ``right_x``, ``right_y`` and,
    if wanted, ``mouth_x``, ``mouth_y``: pixels of the source picture, (0, 0) the centre of the
    first one.

    Raises:
        InputError: a column or value that is missing or no number, a name that no picture or
            several have, a picture with two lines that differ.
    """
    points = _read(path, _names(faces))
    return tuple(_placed(face, points.get(face.id)) for face in faces)


def _placed(face: SourceFace, values: _Values | None) -> SourceFace:
    if values is None:
        return replace(face, eyes=None, mouth=None)
    left, right, *mouth = (Point(*xy) for xy in zip(values[::2], values[1::2], strict=True))
    return replace(face, eyes=(left, right), mouth=mouth[0] if mouth else None)


def _names(faces: Iterable[SourceFace]) -> dict[str, set[str]]:
    """Ids that a name may mean."""
    meant: dict[str, set[str]] = defaultdict(set)
    for face in faces:
        meant[face.name].add(face.id)
        meant[face.id].add(face.id)
    return meant


def _read(path: Path, meant: dict[str, set[str]]) -> dict[str, _Values]:
    points: dict[str, _Values] = {}
    unknown: list[str] = []
    for line, row in read_csv(path, ("name", *EYES)):
        if None in row or None in row.values():
            raise InputError(f"{path}, line {line}: has not as many cells as the header")
        name, values = row["name"].strip(), _values(row, path, line)
        ids = meant.get(name, set())
        if len(ids) > 1:
            which = " and ".join(sorted(ids))
            raise InputError(f"{path}, line {line}: {name!r} may mean {which}; give the other name")
        if not ids:
            unknown.append(f"line {line}: {name!r}")
        elif points.setdefault(next(iter(ids)), values) != values:
            raise InputError(f"{path}, line {line}: {name!r} stands there twice, with two values")
    if unknown:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        raise InputError(f"{path}: no picture is called {', '.join(unknown[:_SHOWN])}{more}")
    if not points:
        raise InputError(f"{path}: has no lines below its header")
    return points


def _values(row: dict[str, str], path: Path, line: int) -> _Values:
    columns = EYES
    if any(row.get(column, "").strip() for column in MOUTH):  # empty cells: no mouth
        columns += MOUTH
    return tuple(_number(row.get(column, ""), column, path, line) for column in columns)


def _number(text: str, column: str, path: Path, line: int) -> float:
    if not _NUMBER.fullmatch(text.strip()):
        raise InputError(f"{path}, line {line}: {column} is {text!r}, expected pixels such as 92.5")
    return float(text)
