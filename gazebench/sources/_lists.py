"""Strict readers of the text lists that come with CelebA and CelebA-HQ.

CRLF, a BOM, tabs and blank lines are fine; anything else that is odd is an error with file and
line, before any work.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from gazebench.errors import InputError

_INTEGER = re.compile(r"-?[0-9]+")
_AGAIN = "download the list again"
V = TypeVar("V")


def find(name: str, *folders: Path) -> Path | None:
    """The first of ``folders`` that has a file ``name``, as that file's path."""
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def rows(path: Path, columns: int, *, more: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Line number and words of each line that is not blank; every line has ``columns`` words.

    ``more``: further words on a line are fine, and left out.

    Raises:
        InputError: unreadable, a web page saved as a list, or a line with other columns.
    """
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            kept = " ".join(line.split()[:columns]) if more else line
            yield number, _check_width(path, number, kept, columns)


def counted_rows(
    path: Path, columns: int, *, unnamed: int = 1, names: Sequence[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """As ``rows``, for a list whose first line is a count and whose second names its columns.

    ``unnamed``: columns without a name; the picture's has none in the landmark lists. ``names``:
    what the columns must be called.

    Raises:
        InputError: also when the count is not that of the lines, or a column has another name.
    """
    numbered = ((number, line) for number, line in enumerate(_lines(path), 1) if line.strip())
    first, count = next(numbered)
    expected = integer(count.strip(), path, first)
    second, header = next(numbered, (first, ""))
    _check_names(path, second, _check_width(path, second, header, columns - unnamed), names)
    found = 0
    for number, line in numbered:
        found += 1
        yield number, _check_width(path, number, line, columns)
    if found != expected:
        raise InputError(f"{path}, line {first}: announces {expected} lines, there are {found}")


def integer(text: str, path: Path, line: int) -> int:
    """A plain decimal integer in ASCII digits.

    Raises:
        InputError: anything else, such as ``1_0``, ``NaN`` or other scripts' digits.
    """
    if not _INTEGER.fullmatch(text):
        raise InputError(f"{path}, line {line}: {text!r} is no whole number")
    return int(text)


def put(table: dict[str, V], key: str, value: V, path: Path, line: int) -> None:
    """Add an entry; the same one twice is fine.

    Raises:
        InputError: the key is there with another value.
    """
    if table.setdefault(key, value) != value:
        raise InputError(f"{path}, line {line}: {key!r} is listed twice, with two values")


def _check_width(path: Path, number: int, line: str, columns: int) -> list[str]:
    words = line.split()
    if len(words) != columns:
        raise InputError(f"{path}, line {number}: {len(words)} columns, expected {columns}")
    return words


def _check_names(path: Path, number: int, words: list[str], names: Sequence[str]) -> None:
    for word, name in zip(words, names, strict=False):
        if word != name:
            raise InputError(f"{path}, line {number}: column {word!r}, expected {name!r}")


def _lines(path: Path) -> Iterator[str]:
    is_empty = True
    try:
        with path.open(encoding="utf-8-sig") as file:  # line by line: a list may have 200,000
            for line in file:
                if is_empty and line.lstrip().startswith("<"):
                    raise InputError(f"{path}, line 1: a web page, not the list; {_AGAIN}")
                is_empty = is_empty and not line.strip()
                yield line
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text file") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if is_empty:
        raise InputError(f"{path}: is empty; {_AGAIN}")
