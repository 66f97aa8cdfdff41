"""Strict readers of the text lists that come with CelebA, CelebA-HQ and CelebGaze.

CRLF, a BOM, tabs and blank lines are fine, and so are the forms in which CelebA's lists go round:
words or cells apart by commas, with or without the number of lines and the names of the columns.
Anything else that is odd is an error with file and line, before any work.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from gazebench.errors import InputError
from gazebench.sources._archive import TarPath

_INTEGER = re.compile(r"(-?[0-9]{1,9})(\.0{1,9})?")  # pandas may write one with decimals
_PICTURE = re.compile(r"(.+)\.(jpe?g|png|webp|bmp)", re.IGNORECASE)
_AGAIN = "download the list again"
_SHOWN = 40  # characters of a value in a message
_INDEX = ("", "unnamed: 0", "index")  # column that pandas puts in front
_ONE_VALUE = ("identity", "partition")  # a header may call the value of such a list otherwise
# ... but not by the name of another list's column
_ELSEWHERE = {"identity", "partition", "lefteye_x", "x_1", "orig_idx", "orig_file", "male"}
V = TypeVar("V")
Places = Sequence[Path | zipfile.Path | TarPath]  # folders, also of an archive


class Row(NamedTuple):
    """A line of a list about pictures."""

    line: int
    picture: str  # as it is called there
    values: list[str]


def find(name: str, *folders: Path | zipfile.Path | TarPath) -> Path | None:
    """The list ``name`` in the first of ``folders`` that has it.

    ``.csv`` for ``.txt`` is fine, and so are small letters or a second ``.txt``.
    """
    names = (name, f"{Path(name).stem}.csv")
    names = (*names, *(other.lower() for other in names), f"{name}.txt")
    places = (folder / called for folder in folders for called in names)
    found: Any = next((place for place in places if place.is_file()), None)
    return found  # a file in an archive too: it opens and prints as a path does


def find_exactly(name: str, *folders: Path) -> Path | None:
    """The first of ``folders`` that has a file ``name``, as that file's path."""
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def rows(path: Path, columns: int, *, more: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Line number and words of each line that is not blank; every line has ``columns`` words.

    ``more``: further words on a line are fine, and left out.

    Raises:
        InputError: unreadable, a web page saved as a list, or a line with other columns.
    """
    for number, line in _filled(path):
        words = line.split()
        yield number, _checked(path, number, words[:columns] if more else words, columns)


def table(path: Path, names: Sequence[str], *, unnamed: int = 0) -> Iterator[Row]:
    """Each line of a list that gives the values ``names`` for every picture.

    The number of lines may come first, then a header; the values may be apart by blanks, commas
    or semicolons. ``unnamed``: names that a header may leave out in front; the picture's has none
    in CelebA's landmarks. Where one value is listed, a header may call it what it likes.

    Raises:
        InputError: unreadable, a web page, a line with other columns, a header with names of
            other columns or in another order, or another number of lines than announced.
    """
    lines, columns = _filled(path), 1 + len(names)
    number, line = next(lines)
    separator = _separator(line)
    words = _words(line, separator)
    announced = None
    if len(words) == 1 and not _PICTURE.fullmatch(words[0]) and (unnamed or words[0].isdecimal()):
        announced = number, integer(words[0], path, number)
        number, line = next(lines, (number, ""))
        separator = _separator(line)
        words = _words(line, separator)
    left_out = 0
    if _is_header(words):
        left_out = _check_header(path, number, words, names, unnamed)
        number, line = next(lines, (number, ""))
    found = 0
    while line:
        words = _words(line, separator)[left_out:]
        picture, *values = _checked(path, number, words, columns)
        found += 1
        yield Row(number, picture, values)
        number, line = next(lines, (number, ""))
    if announced and found != announced[1]:
        raise InputError(
            f"{path}, line {announced[0]}: announces {announced[1]} lines, there are {found}"
        )


def picture_name(text: str) -> str:
    """What a list calls a picture, without folders and ending: ``000001`` for ``000001.jpg``."""
    name = text.rpartition("/")[2]
    found = _PICTURE.fullmatch(name)
    return found[1] if found else name


def integer(text: str, path: Path, line: int) -> int:
    """A plain decimal integer of at most nine ASCII digits.

    Raises:
        InputError: anything else, such as ``1_0``, ``NaN`` or other scripts' digits.
    """
    found = _INTEGER.fullmatch(text)
    if not found:
        raise InputError(f"{path}, line {line}: {shown(text)} is not a whole number")
    return int(found[1])


def shown(text: str) -> str:
    """A value for a message: quoted, and cut where it is long."""
    if len(text) <= _SHOWN:
        return repr(text)
    return f"{text[:_SHOWN] + '...'!r} ({len(text):,} characters)"


def put(table: dict[str, V], key: str, value: V, path: Path, line: int) -> None:
    """Add an entry; the same one twice is fine.

    Raises:
        InputError: the key is there with another value.
    """
    if table.setdefault(key, value) != value:
        raise InputError(f"{path}, line {line}: {key!r} is listed twice, with two values")


def enter(table: dict[str, V], row: Row, value: V, path: Path) -> None:
    """``put`` for a line about a picture; the key is its ``picture_name``."""
    key = picture_name(row.picture)
    if table.setdefault(key, value) != value:
        put({row.picture: table[key]}, row.picture, value, path, row.line)


def _separator(line: str) -> str | None:
    """What cells are apart by: a comma or semicolon if there is one, else any blanks."""
    return next((mark for mark in ",;" if mark in line), None)


def _words(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    return [word.strip(' \t\r\n"') for word in line.split(separator)]


def _is_header(words: list[str]) -> bool:
    is_data = any(_PICTURE.fullmatch(word) or _INTEGER.fullmatch(word) for word in words)
    return len(words) > 1 and not is_data


def _check_header(
    path: Path, number: int, words: list[str], names: Sequence[str], unnamed: int
) -> int:
    """How many columns stand in front of the picture's."""
    columns = 1 + len(names)
    left_out = 1 if len(words) == columns + 1 and words[0].lower() in _INDEX else 0
    if len(words) - left_out not in (columns, columns - unnamed):
        _checked(path, number, words, columns - unnamed)
    for word, name in zip(words[-len(names) :], names, strict=True):
        is_named = word.lower() == name.lower()
        is_free = name in _ONE_VALUE and word.lower() not in _ELSEWHERE
        if not is_named and not is_free:
            raise InputError(f"{path}, line {number}: column {word!r}, expected {name!r}")
    return left_out


def _checked(path: Path, number: int, words: list[str], columns: int) -> list[str]:
    if len(words) != columns:
        raise InputError(f"{path}, line {number}: {len(words)} columns, expected {columns}")
    return words


def _encoding(path: Path) -> str:
    """UTF-8, or UTF-16 where its mark stands in front."""
    with path.open(encoding="latin-1") as file:
        return "utf-16" if file.read(2) in ("\xff\xfe", "\xfe\xff") else "utf-8-sig"


def _filled(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers; there is at least one."""
    is_empty = True
    try:
        with path.open(encoding=_encoding(path)) as file:  # line by line: a list may have 200,000
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                if is_empty and line.lstrip().startswith("<"):
                    raise InputError(f"{path}, line 1: a web page, not the list; {_AGAIN}")
                is_empty = False
                yield number, line
    except UnicodeError:
        raise InputError(f"{path}: is not a text file") from None
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if is_empty:
        raise InputError(f"{path}: is empty; {_AGAIN}")
