"""Tables with a header line, as spreadsheets and scripts write them."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from gazebench.annotation.imports._lines import Said, label_of
from gazebench.dataset import tables
from gazebench.errors import InputError

_NAMES = ("id", "source_name", "name", "file", "image", "filename", "file_name", "image_id")
_VALUES = ("label", "domain", "vote")
_PEOPLE = ("annotator", "rater", "worker")
_DURATIONS = ("milliseconds", "ms")


def read(path: Path, text: str, words: Mapping[str, str]) -> list[Said]:
    """The lines of a table; with a column of annotators they are votes.

    A line without a label says nothing: its ``vote`` is "". Lines of events that have a number
    (`label export`) come in its order, however somebody sorted the table.
    """
    rows = list(tables.rows(path, io.StringIO(text, newline="")))
    if not rows:
        raise InputError(f"{path}: has no lines below its header")
    name, value = _column(path, rows, _NAMES), _column(path, rows, _VALUES)
    person, duration = _optional(rows, _PEOPLE), _optional(rows, _DURATIONS)
    if rows[0][1].keys() >= {"event", "number"}:
        rows.sort(key=lambda line: _number(line[1]["number"], path, f"line {line[0]}") or 0)
    found = [_said(path, line, row, (name, value, person, duration), words) for line, row in rows]
    if not any(said.vote for said in found):
        raise InputError(f"{path}: no line has a label; the first is {found[0].where}: label ''")
    return found


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
        name=tables.plain(row[name]),
        vote="undo" if is_undo else _vote(row[value], words, path, where),
        where=where,
        annotator=who,
        milliseconds=_number(row.get(duration), path, where),
        time=(row.get("time") or "").strip(),
        event=(row.get("event") or "").strip(),
        round=(row.get("round") or "label").strip(),
        client=(row.get("client") or "import").strip(),
    )


def _vote(cell: str | None, words: Mapping[str, str], path: Path, where: str) -> str:
    is_empty = not (cell or "").strip()
    return "" if is_empty and "" not in words else label_of(cell, words, path, where)


def _number(text: str | None, path: Path, where: str) -> int | None:
    if not (text or "").strip():
        return None
    try:
        return round(float(str(text)))
    except (ValueError, OverflowError):
        raise InputError(f"{path}, {where}: {text!r} is not a number") from None


def _column(path: Path, rows: list[tuple[int, tables.Row]], names: Iterable[str]) -> str:
    found = _optional(rows, names)
    if not found:
        columns = ", ".join(filter(None, rows[0][1]))
        raise InputError(f"{path}: no column {' or '.join(names)}; it has: {columns}")
    return found


def _optional(rows: list[tuple[int, tables.Row]], names: Iterable[str]) -> str:
    return next((name for name in names if name in rows[0][1]), "")
