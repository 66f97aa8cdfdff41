"""Names of pictures in tables that people make, and which of the pictures known here they mean.

A name may have folders and an ending that ours has not, or lack the zeros that a spreadsheet takes
away. `label import` and `build-dataset` follow the same steps, see ``find`` and ``chosen``.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

from gazebench.dataset import tables
from gazebench.errors import InputError

Key = TypeVar("Key")
COLUMNS = ("id", "source_name", "name", "file", "image", "filename", "file_name", "image_id")
MANY = 100  # an index may give no more pictures than these for a name: it is ambiguous anyway
_SHOWN = 5  # pictures in a message
_PICTURE = re.compile(r"(.+)\.(jpe?g|png|webp|bmp|tiff?|jfif|avif|heic)", re.IGNORECASE)
_NUMBER = re.compile(r"([0-9]{1,18})([.,]0+)?")
_AS_TEXT = re.compile(r"=\"(.*)\"|'([0-9]+)")  # how a spreadsheet is told to keep zeros in front


class Form(NamedTuple):
    """A name as it is compared with others that are written otherwise."""

    path: str  # small letters, no ending, folders last: "x/sub/" for "Sub/x.jpg"
    number: int | None  # where it is one, without the zeros in front

    @classmethod
    def of(cls, name: str) -> Self:
        """The form of a name."""
        *folders, base = name.lower().replace("\\", "/").removeprefix("./").split("/")
        picture = _PICTURE.fullmatch(base)
        stem = picture[1] if picture else base
        number = _NUMBER.fullmatch(stem)
        return cls("/".join([stem, *reversed(folders), ""]), int(number[1]) if number else None)


class Counted(set[Key]):
    """Pictures that a number means, which may also count the lines of its table, see ``chosen``."""


class Strays(set[Key]):
    """The same among pictures that are not called by numbers."""


class Index(Protocol[Key]):
    """Pictures by their names. Of more than ``MANY`` that fit, any ``MANY`` may be given."""

    def exact(self, name: str) -> set[Key]:
        """Those with just this name."""
        ...

    def alike(self, path: str) -> set[Key]:
        """Those whose ``Form.path`` begins with ``path``, or is its beginning."""
        ...

    def numbered(self, number: int) -> set[Key]:
        """Those with this ``Form.number``."""
        ...

    def has_numbers(self) -> bool:
        """Whether at least half of the pictures have a ``Form.number``."""
        ...


def find(index: Index[Key], name: str) -> set[Key]:
    """Every picture that a name may mean: one for a plain name, several where it is ambiguous.

    In turn: the name itself; without ending and without folders that only one side has, in any
    case of letters; a number by its value, whatever zeros are in front, where at least half of the
    pictures are called by numbers. A number that was found by its value alone, or is written
    without zeros in front, comes as ``Counted``, or as ``Strays`` among other names.
    """
    path, number = Form.of(name)
    found = index.exact(name) or index.alike(path)
    if not found and number is not None and path.count("/") == 1 and index.has_numbers():
        return Counted(index.numbered(number))
    if not found or not _is_count(name):
        return found
    return Counted(found) if index.has_numbers() else Strays(found)


def shorter(path: str, most: int) -> Iterator[str]:
    """Beginnings of a ``Form.path`` that name fewer folders; no longer than ``most`` parts."""
    parts = path.split("/")[:-1]
    return ("/".join([*parts[:n], ""]) for n in range(1, min(len(parts), most + 1)))


class Names(Generic[Key]):
    """An index in memory."""

    def __init__(self, meant: Iterable[tuple[str, Key]]) -> None:
        self._exact: dict[str, set[Key]] = defaultdict(set)
        self._paths: dict[str, set[Key]] = defaultdict(set)
        self._numbers: dict[int, set[Key]] = defaultdict(set)
        every: set[object] = set()
        numbered: set[object] = set()
        for name, key in meant:
            self._exact[name].add(key)
            path, number = Form.of(name)
            self._paths[path].add(key)
            picture = path if key is None else key  # None is every picture that cannot be used
            every.add(picture)
            if number is not None:
                self._numbers[number].add(key)
                numbered.add(picture)
        self._has_numbers = 2 * len(numbered) >= len(every)
        self._ordered = sorted(self._paths)
        self._deepest = max((path.count("/") for path in self._ordered), default=0)

    def find(self, name: str) -> set[Key]:
        """Every key that a name may mean, see ``names.find``."""
        return find(self, name)

    def exact(self, name: str) -> set[Key]:
        """See ``Index``."""
        return self._exact.get(name, set())

    def alike(self, path: str) -> set[Key]:
        """See ``Index``."""
        found = {key for p in shorter(path, self._deepest) for key in self._paths.get(p, ())}
        for place in range(bisect_left(self._ordered, path), len(self._ordered)):
            if len(found) >= MANY or not self._ordered[place].startswith(path):
                break
            found |= self._paths[self._ordered[place]]
        return found

    def numbered(self, number: int) -> set[Key]:
        """See ``Index``."""
        return self._numbers.get(number, set())

    def has_numbers(self) -> bool:
        """See ``Index``."""
        return self._has_numbers


class Meant(NamedTuple, Generic[Key]):
    """What a line of a table is about."""

    column: str  # that its name is in; "" where the line has no other name
    name: str
    keys: set[Key]  # one, or none where no picture has the name

    @property
    def quoted(self) -> str:
        """The name for a message."""
        return f"{self.column} {self.name!r}".lstrip()


def plain(cell: str | None) -> str:
    """A name as it is meant: without blanks around it, and without the marks of a text cell."""
    name = (cell or "").strip()
    found = _AS_TEXT.fullmatch(name)
    return (found[1] or found[2] or "").strip() if found else name


def columns(path: Path, row: Mapping[str, str | None]) -> tuple[str, ...]:
    """The columns of names that the table with this row has.

    Raises:
        InputError: it has none.
    """
    tables.column(path, row, COLUMNS)
    return tuple(column for column in COLUMNS if column in row)


def cells(row: Mapping[str, str | None], columns: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Column and name of each name that a row has; an empty one where it has none."""
    filled = tuple((column, name) for column in columns if (name := plain(row[column])))
    return filled or ((columns[0], ""),)


def chosen(
    find: Callable[[str], set[Key]],
    given: Sequence[tuple[str, str]],
    where: str,
    shown: Callable[[Key], str],
) -> Meant[Key]:
    """What a line is about, of which ``cells`` has ``given`` the names.

    All that mean a picture must mean the same one. Beside other names a number may only count
    lines (``1``, ``0001``), and labels would go to pictures that have these numbers by chance:

    - it is sure only where it is written with all the zeros of the picture's own name;
    - it never is beside a name that ends as pictures do (``face.jpg``) and that none has;
    - one that is not sure counts for nothing where another name of the line means no picture;
    - nor beside a name that means one, if the pictures are not called by numbers.

    ``where``: the line, for messages. ``shown``: what a picture is called there.

    Raises:
        InputError: the names mean different pictures, or may mean several.
    """
    if len(given) == 1:
        ((_, name),) = given
        found = []
        meant = Meant("", name, find(name))
    else:
        found = [Meant(column, name, find(name)) for column, name in given]
        meant = _deciding(found)
    if len(meant.keys) > 1:
        which = _listed(meant, shown, " and ")
        way = "give the other of its two names"
        raise InputError(f"{where}: {meant.quoted} may mean {which}; {way}")
    if any(_differ(meant.keys, other.keys) for other in found if not _is_stray(other, meant)):
        each = ", ".join(f"{m.quoted} is {_listed(m, shown, ' or ')}" for m in found if m.keys)
        way = "leave out the column that does not name portraits"
        raise InputError(f"{where}: names different portraits: {each}; {way}")
    return meant


def _deciding(found: list[Meant[Key]]) -> Meant[Key]:
    """The first that means one picture and counts no lines, else the one that is in doubt."""
    is_other = any(not m.keys and _PICTURE.fullmatch(m.name) for m in found)
    names = [m for m in found if not _may_count(m, is_other)]
    sure = [m for m in names if len(m.keys) == 1]
    numbers = sorted((m for m in found if m.keys), key=lambda m: len(m.keys))
    return (sure or names or numbers or found)[0]


def _is_stray(other: Meant[Key], meant: Meant[Key]) -> bool:
    return isinstance(other.keys, Strays) and not isinstance(meant.keys, Counted | Strays)


def _differ(one: set[Key], others: set[Key]) -> bool:
    return 0 < len(others) < MANY and not one <= others


def _may_count(meant: Meant[Key], is_other: bool) -> bool:
    """``is_other``: the line has the name of a picture that is not here."""
    if not _NUMBER.fullmatch(meant.name):
        return False
    is_found_so = bool(meant.keys) and isinstance(meant.keys, Counted | Strays)
    return is_other or is_found_so or _is_count(meant.name)


def _is_count(name: str) -> bool:
    """Whether a name is a number without zeros in front."""
    number = _NUMBER.fullmatch(name)
    return bool(number) and (name[0] != "0" or len(number[1]) == 1)


def _listed(meant: Meant[Key], shown: Callable[[Key], str], between: str) -> str:
    each = sorted(shown(key) for key in meant.keys)
    more = ["more"] if len(each) > _SHOWN else []
    return between.join([*each[:_SHOWN], *more])
