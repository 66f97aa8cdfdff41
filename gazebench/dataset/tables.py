"""Tables that people make: CSV as spreadsheets and scripts write it.

Comma, semicolon, tab or bar; UTF-8 or UTF-16; any case and blanks in the header. What the names of
pictures in them mean: ``names``. `read_csv` reads our own files.
"""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from gazebench.dataset.manifest import LABELS
from gazebench.errors import InputError
from gazebench.reading import opened

LABEL_COLUMNS = ("label", "domain", "vote")
# small letters; also the keys of the labelling screen
LABEL_WORDS = {**{label.lower(): label for label in LABELS}, "u": "unsure", "r": "reject"}
Row = dict[str, str | None]
_MARKS = (",", ";", "\t", "|")
_HOW = 'open it and choose "Save as", type "CSV UTF-8"'
_SPREADSHEETS = {
    b"PK\x03\x04": f"is a spreadsheet (xlsx or ods), not a table of text; {_HOW}",
    b"\xd0\xcf\x11\xe0": f"is a spreadsheet (xls), not a table of text; {_HOW}",
}


def read(path: Path, columns: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and rows of a table that must have ``columns``; one row is held at a time.

    Raises:
        InputError: as ``reading.opened``, no table, without one of the columns, or a row that has
            not as many cells as the header.
    """
    try:
        with opened(path) as file:
            encoding = encoding_of(path, file.read(64))
            file.seek(0)
            text = io.TextIOWrapper(file, encoding=encoding, newline="")
            for line, row in rows(path, text, columns):
                if None in row.values():
                    raise InputError(f"{path}, line {line}: has not as many cells as the header")
                yield line, cast("dict[str, str]", row)
    except UnicodeError:
        raise InputError(no_text(path)) from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def rows(
    path: Path, lines: Iterable[str], columns: Iterable[str] = ()
) -> Iterator[tuple[int, Row]]:
    """Line numbers and rows of a table's text; names of columns are in lower case with ``_``.

    A cell is None where a row is shorter than the header. Blank rows are left out.

    Raises:
        InputError: no table, without one of ``columns``, or a row with more cells than the header.
    """
    numbered = enumerate(iter(lines), 1)
    before, header = next(((n, line) for n, line in numbered if line.strip()), (1, ""))
    if header.strip().strip('"').lower().startswith("sep="):  # Excel's own hint
        before, header = next(numbered, (before, ""))
    given = itertools.chain([header], (line for _, line in numbered))
    reader = csv.DictReader(given, strict=True, delimiter=_delimiter(header), skipinitialspace=True)
    try:
        reader.fieldnames = [_column(name) for name in reader.fieldnames or ()]
        if missing := [name for name in columns if name not in reader.fieldnames]:
            has = ", ".join(filter(None, reader.fieldnames))
            raise InputError(f"{path}: column {missing[0]!r} is missing; it has: {has}")
        for row in reader:
            line = reader.line_num + before - 1
            more = row.pop(None, None)  # type: ignore[call-overload] - what goes beyond the header
            if more and any(cell.strip() for cell in more):
                raise InputError(f"{path}, line {line}: has not as many cells as the header")
            if any((cell or "").strip() for cell in row.values()):
                yield line, row
    except csv.Error as error:
        line = reader.reader.line_num + before - 1
        raise InputError(f"{path}, line {line}: no table ({error})") from None


def column(path: Path, row: Mapping[str, str | None], names: Sequence[str]) -> str:
    """The first of ``names`` that the table with this row has as a column.

    Raises:
        InputError: it has none of them.
    """
    for name in names:
        if name in row:
            return name
    has = ", ".join(filter(None, row))
    raise InputError(f"{path}: no column {' or '.join(names)}; it has: {has}")


def encoding_of(path: Path, head: bytes) -> str:
    """UTF-8, with or without a byte order mark, or UTF-16; ``head``: the first bytes of the file.

    Raises:
        InputError: the file of a spreadsheet program, which says how to save a table.
    """
    for magic, sentence in _SPREADSHEETS.items():
        if head.startswith(magic):
            raise InputError(f"{path}: {sentence}")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if len(head) > 3 and not any(head[1:8:2]):  # no mark, and every other byte is zero
        return "utf-16-le"
    if len(head) > 3 and not any(head[:8:2]):
        return "utf-16-be"
    return "utf-8-sig"


def no_text(path: Path) -> str:
    """A sentence about a file that is in no encoding known here."""
    return f"{path}: is not text in UTF-8 or UTF-16; in a spreadsheet program, {_HOW[12:]}"


def _delimiter(header: str) -> str:
    """The one that the header has most of."""
    return max(_MARKS, key=header.count)


def _column(name: str | None) -> str:
    return re.sub(r"[\s-]+", "_", (name or "").strip().lower())
