"""The text files of a dataset: ``manifest.csv`` and ``labels.csv``, read strictly."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from gazebench.dataset.boxes import Box, Point
from gazebench.dataset.measures import Measures
from gazebench.dataset.portraits import Portrait, Split
from gazebench.errors import InputError
from gazebench.reading import csv_rows, real_number, sha256_of, whole_number

__all__ = [
    "COLUMNS",
    "csv_lines",
    "csv_text",
    "iter_manifest",
    "manifest_csv",
    "manifest_lines",
    "read_csv",
    "read_labels",
    "read_manifest",
    "sha256_of",
]

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_BOX = ("left", "top", "right", "bottom")
_MEASURES = tuple(field.name for field in fields(Measures))
COLUMNS = (
    "id",
    "source_name",
    "identity",
    "split",
    *(f"left_eye_{side}" for side in _BOX),
    *(f"right_eye_{side}" for side in _BOX),
    "left_center_x",
    "left_center_y",
    "right_center_x",
    "right_center_y",
    *(f"transform_{letter}" for letter in "abcdef"),
    *_MEASURES,
    "score",
    "faces",
    "source_sha256",
    "sha256",
    "phash",
    "near_duplicate",
)
NOTE = "note"  # a last column, in the manifest of a dataset where a portrait has one


_LONGEST_HEADER = 10_000


class _Line:
    """Hands back what csv's writer gives it."""

    def write(self, text: str) -> str:
        return text


def manifest_csv(portraits: Iterable[Portrait]) -> str:
    """Text of ``manifest.csv``, byte for byte the same for the same portraits."""
    rows = list(portraits)
    return "".join(manifest_lines(rows, notes=any(p.note for p in rows)))


def manifest_lines(portraits: Iterable[Portrait], *, notes: bool = False) -> Iterator[str]:
    """Lines of ``manifest.csv``, the header first, as they are asked for.

    ``notes``: with the column of notes, which a manifest has where one of its portraits has one.
    """
    columns = (*COLUMNS, NOTE) if notes else COLUMNS
    return csv_lines(columns, ([_cell(v) for v in _row(p)[: len(columns)]] for p in portraits))


def has_notes(path: Path) -> bool:
    """Whether the ``manifest.csv`` at ``path`` has the column of notes."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.readline(_LONGEST_HEADER).rstrip("\r\n").endswith(f",{NOTE}")


def csv_text(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    r"""CSV text with a header line and ``\n`` line ends."""
    return "".join(csv_lines(columns, rows))


def csv_lines(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    r"""Lines of CSV with ``\n`` at their ends, the header first; a cell may have breaks within."""
    plain = csv.writer(_Line(), lineterminator="\n")
    quoting = csv.writer(_Line(), lineterminator="\n", quoting=csv.QUOTE_ALL)
    yield plain.writerow(columns)
    for row in rows:
        cells = list(row)
        line = plain.writerow(cells)
        # a bare carriage return ends a line for csv's reader, and its writer does not quote it
        yield quoting.writerow(cells) if "\r" in line else line


def read_manifest(path: Path) -> list[Portrait]:
    """Portraits of a ``manifest.csv``; equal boxes and names of people are held once.

    Raises:
        InputError: missing or damaged, or two portraits have one id, with the line.
    """
    portraits: list[Portrait] = []
    ids: set[str] = set()
    held: dict[Any, Any] = {}
    for line, portrait in _portraits(path, lambda value: held.setdefault(value, value)):
        lower = portrait.id.lower()
        ids.add(portrait.id if lower == portrait.id else lower)  # one text where it is the same
        portraits.append(portrait)
        if len(ids) < len(portraits):
            raise InputError(f"{path}, line {line}: a second {portrait.id!r}")
    return portraits


def iter_manifest(path: Path) -> Iterator[Portrait]:
    """Portraits of a ``manifest.csv``, one at a time; two may have one id.

    Raises:
        InputError: missing or damaged, with the line, when it comes to that line.
    """
    return (portrait for _, portrait in _portraits(path, lambda value: value))


def _portraits(path: Path, hold: Callable[[Any], Any]) -> Iterator[tuple[int, Portrait]]:
    for line, row in read_csv(path, COLUMNS):
        try:
            portrait = _portrait(row, hold)
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}, line {line}: {error}; build the dataset again") from None
        yield line, portrait


def read_labels(path: Path) -> dict[str, str]:
    """Labels of a ``labels.csv`` by portrait id; empty when there is no such file.

    Raises:
        InputError: damaged, or it says two things of one portrait.
    """
    if not path.exists():
        return {}
    labels: dict[str, str] = {}
    for line, row in read_csv(path, ("id", "label")):
        if labels.setdefault(row["id"], row["label"]) != row["label"]:
            raise InputError(
                f"{path}, line {line}: {row['id']!r} has another label in an earlier line"
            )
    return labels


def read_csv(path: Path, columns: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and rows of a CSV file that must have ``columns``; a BOM and CRLF are fine.

    One row is held at a time; errors come when the row is asked for.

    Raises:
        InputError: missing, unreadable, without one of the columns, or a row of another length.
    """
    rows = csv_rows(path)
    header = next((row for _, row in rows if row), [])
    missing = [c for c in columns if c not in header]
    if missing:
        raise InputError(f"{path}: column {missing[0]!r} is missing")
    for line, row in rows:
        if row and len(row) != len(header):
            sizes = f"{len(row)} cells, the header has {len(header)}"
            raise InputError(f"{path}, line {line}: {sizes}")
        if row:
            yield line, dict(zip(header, row, strict=True))


def _row(p: Portrait) -> list[Any]:
    boxes = [getattr(box, side) for box in p.eyes for side in _BOX]
    return [
        *(p.id, p.source_name, p.identity, p.split.value if p.split else None),
        *boxes,
        *p.left_center,
        *p.right_center,
        # enough digits to cut the same portrait from the source again
        *(f"{value:.12g}" for value in p.transform),
        *(getattr(p.measures, name) for name in _MEASURES),
        *(p.score, p.faces, p.source_sha256, p.sha256, p.phash, p.near_duplicate, p.note),
    ]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _portrait(row: Mapping[str, str], hold: Callable[[Any], Any]) -> Portrait:
    if not _ID.fullmatch(row["id"]):  # images, predictions and features are named by it
        raise ValueError(f"id {row['id']!r} is not safe as a file name")
    a, b, c, d, e, f = (real_number(row[f"transform_{letter}"]) for letter in "abcdef")
    return Portrait(
        id=row["id"],
        source_name=row["source_name"],
        identity=hold(row["identity"]) or None,
        split=Split(row["split"]) if row["split"] else None,
        left_eye=hold(Box(*(whole_number(row[f"left_eye_{side}"]) for side in _BOX))),
        right_eye=hold(Box(*(whole_number(row[f"right_eye_{side}"]) for side in _BOX))),
        left_center=Point(*(real_number(row[f"left_center_{axis}"]) for axis in "xy")),
        right_center=Point(*(real_number(row[f"right_center_{axis}"]) for axis in "xy")),
        transform=(a, b, c, d, e, f),
        score=real_number(row["score"]),
        faces=whole_number(row["faces"]),
        source_sha256=row["source_sha256"],
        sha256=row["sha256"],
        phash=row["phash"],
        near_duplicate=hold(row["near_duplicate"]),
        note=hold(row.get(NOTE) or ""),
        measures=Measures(**{n: real_number(row[n]) if row[n] else None for n in _MEASURES}),
    )
