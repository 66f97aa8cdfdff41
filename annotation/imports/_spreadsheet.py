"""Tables with a header line, as spreadsheets and scripts write them."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gazebench.annotation.imports._lines import Said, label_of
from gazebench.errors import InputError

_NAMES = ("id", "source_name", "name", "file", "image", "filename")
_VALUES = ("label", "domain", "vote")
_PEOPLE = ("annotator", "rater", "worker")
_DURATIONS = ("milliseconds", "ms")
_DELIMITERS = (",", ";", "\t")


def read(path: Path, text: str, words: Mapping[str, str]) -> list[Said]:
    """The lines of a table; with a column of annotators they are votes."""
    delimiter = _delimiter(text)
    rows = list(_rows(path, text, delimiter))
    if not rows:
        raise InputError(f"{path}: has no lines below its header")
    name, value = _column(path, rows, _NAMES), _column(path, rows, _VALUES)
    person, duration = _optional(rows, _PEOPLE), _optional(rows, _DURATIONS)
    return [_said(path, line, row, (name, value, person, duration), words) for line, row in rows]


def _delimiter(text: str) -> str:
    """The one that the header has most of."""
    header = text.lstrip("\r\n").splitlines()[:1] or [""]
    return max(_DELIMITERS, key=header[0].count)


def _rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        for row in reader:
            if any(cell for cell in row.values()):
                # columns as people write them: any case, blanks around
                yield reader.line_num, {str(k or "").strip().lower(): v for k, v in row.items()}
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: no table ({error})") from None


def _said(
    path: Path,
    line: int,
    row: Mapping[str, str | None],
    columns: tuple[str, str, str, str],
    words: Mapping[str, str],
) -> Said:
    name, value, person, duration = columns
    where = f"line {line}"
    is_undo = row.get("event") and (row[value] or "").strip().lower() == "undo"
    who = (row.get(person) or "").strip()
    if person and not who:
        raise InputError(f"{path}, {where}: the column {person} is empty")
    return Said(
        name=(row[name] or "").strip(),
        vote="undo" if is_undo else label_of(row[value], words, path, where),
        where=where,
        annotator=who,
        milliseconds=_number(row.get(duration), path, where),
        time=(row.get("time") or "").strip(),
        event=(row.get("event") or "").strip(),
        round=(row.get("round") or "label").strip(),
        client=(row.get("client") or "import").strip(),
    )


def _number(text: str | None, path: Path, where: str) -> int | None:
    if not (text or "").strip():
        return None
    try:
        return round(float(str(text)))
    except (ValueError, OverflowError):
        raise InputError(f"{path}, {where}: {text!r} is no number of milliseconds") from None


def _column(path: Path, rows: list[tuple[int, dict[str, str | None]]], names: Iterable[str]) -> str:
    found = _optional(rows, names)
    if not found:
        columns = ", ".join(rows[0][1])
        raise InputError(f"{path}: no column {' or '.join(names)}; it has: {columns}")
    return found


def _optional(rows: list[tuple[int, dict[str, str | None]]], names: Iterable[str]) -> str:
    return next((name for name in names if name in rows[0][1]), "")
