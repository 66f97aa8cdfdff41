"""Tables with a header line, as spreadsheets and scripts write them."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from gazebench.annotation.imports._lines import Said, label_of
from gazebench.dataset import names, tables
from gazebench.errors import InputError

_PEOPLE = ("annotator", "rater", "worker")
_DURATIONS = ("milliseconds", "ms")
_EXPORT = {"event", "annotator", "id", "vote", "time", "round", "client", "number"}


class _Columns(NamedTuple):
    """Which columns of a table say what."""

    names: tuple[str, ...]
    value: str
    person: str  # "" where it has none
    duration: str  # likewise


def read(path: Path, text: str, words: Mapping[str, str]) -> list[Said]:
    """The lines of a table; with a column of annotators they are votes.

    A line without a label says nothing: its ``vote`` is "". Lines of events that have a number
    (`label export`) come in its order, however somebody sorted the table.
    """
    rows = list(tables.rows(path, io.StringIO(text, newline="")))
    if not rows:
        raise InputError(f"{path}: has no lines below its header")
    first = rows[0][1]
    columns = _Columns(
        names=names.columns(path, first),
        value=tables.column(path, first, tables.LABEL_COLUMNS),
        person=_optional(first, _PEOPLE),
        duration=_optional(first, _DURATIONS),
    )
    if first.keys() >= {"event", "number"}:
        rows.sort(key=lambda line: _number(line[1]["number"], path, f"line {line[0]}") or 0)
    found = [_said(path, line, row, columns, words) for line, row in rows]
    if not any(said.vote for said in found):
        raise InputError(f"{path}: no line has a label; the first is {found[0].where}: label ''")
    return found


def _said(
    path: Path,
    line: int,
    row: Mapping[str, str | None],
    columns: _Columns,
    words: Mapping[str, str],
) -> Said:
    where, vote = f"line {line}", row[columns.value]
    is_undo = row.get("event") and (vote or "").strip().lower() == "undo"
    who = (row.get(columns.person) or "").strip()
    if columns.person and not who:
        raise InputError(f"{path}, {where}: the column {columns.person} is empty")
    called = names.cells(row, columns.names)
    event = (row.get("event") or "").strip()
    return Said(
        name=called[0][1],
        names=called,
        vote="undo" if is_undo else _vote(vote, words, path, where),
        where=where,
        annotator=who,
        milliseconds=_number(row.get(columns.duration), path, where),
        time=(row.get("time") or "").strip(),
        event=event,
        round=(row.get("round") or "label").strip(),
        client=(row.get("client") or "import").strip(),
        is_exported=bool(event) and row.keys() >= _EXPORT,
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


def _optional(row: tables.Row, columns: Iterable[str]) -> str:
    return next((column for column in columns if column in row), "")
