"""Tables that people make: CSV as spreadsheets and scripts write it.

Comma, semicolon, tab or bar; UTF-8 or UTF-16; any case and blanks in the header; names with folders
or endings, or without the zeros that a spreadsheet takes away. `read_csv` reads our own files.
"""

import csv
import io
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from gazebench.errors import InputError
from gazebench.reading import opened

Key = TypeVar("Key")
Row = dict[str, str | None]
_MARKS = (",", ";", "\t", "|")
_HOW = 'open it and choose "Save as", type "CSV UTF-8"'
_SPREADSHEETS = {
    b"PK\x03\x04": f"is a spreadsheet (xlsx or ods), not a table of text; {_HOW}",
    b"\xd0\xcf\x11\xe0": f"is a spreadsheet (xls), not a table of text; {_HOW}",
}
_PICTURE = re.compile(r"(.+)\.(jpe?g|png|webp|bmp|tiff?|jfif|avif|heic)", re.IGNORECASE)
_NUMBER = re.compile(r"([0-9]{1,18})([.,]0+)?")
_AS_TEXT = re.compile(r"=\"(.*)\"|'([0-9]+)")  # how a spreadsheet is told to keep zeros in front


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
                full = {name: cell for name, cell in row.items() if cell is not None}
                if len(full) < len(row):
                    raise InputError(f"{path}, line {line}: has not as many cells as the header")
                yield line, full
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


def stem(name: str) -> str:
    """A name without folders and without the ending of a picture."""
    return _parts(name)[-1]


def plain(cell: str | None) -> str:
    """A name as it is meant: without blanks around it, and without the marks of a text cell."""
    name = (cell or "").strip()
    found = _AS_TEXT.fullmatch(name)
    return (found[1] or found[2] or "").strip() if found else name


def _parts(name: str) -> tuple[str, ...]:
    *folders, base = name.replace("\\", "/").removeprefix("./").split("/")
    found = _PICTURE.fullmatch(base)
    return *folders, found[1] if found else base


class Names(Generic[Key]):
    """What names of pictures mean, first as they are, then in the forms they take elsewhere."""

    def __init__(self, meant: Iterable[tuple[str, Key]]) -> None:
        self._exact: dict[str, set[Key]] = defaultdict(set)
        self._stems: dict[str, set[tuple[tuple[str, ...], Key]]] = defaultdict(set)
        self._numbers: dict[int, set[Key]] = defaultdict(set)
        for name, key in meant:
            self._exact[name].add(key)
            parts = _parts(name.lower())
            self._stems[parts[-1]].add((parts, key))
            if number := _NUMBER.fullmatch(parts[-1]):
                self._numbers[int(number[1])].add(key)

    def find(self, name: str) -> set[Key]:
        """Every key that a name may mean: one for a plain name, several where it is ambiguous.

        In turn: the name itself; without ending and without folders that only one side has, in
        any case of letters; a number without the zeros in front.
        """
        if found := self._exact.get(name):
            return found
        parts = _parts(name.lower())
        alike = self._stems.get(parts[-1], ())
        if found := {key for others, key in alike if _agree(parts, others)}:
            return found
        number = _NUMBER.fullmatch(parts[-1]) if len(parts) == 1 else None
        return self._numbers.get(int(number[1]), set()) if number else set()


def _agree(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two paths may be the same, seen from different folders."""
    shared = min(len(one), len(other))
    return one[-shared:] == other[-shared:]
