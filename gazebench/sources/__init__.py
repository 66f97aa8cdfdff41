"""Where source faces come from: each module reads one layout of folders; its file name is its name.

It uses `dataset` for points, names and attributes, and no other room; `curation` and `landmarks`
use it.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Protocol

from gazebench import plugins
from gazebench.dataset.picture_types import ENDINGS, KNOWN
from gazebench.errors import InputError
from gazebench.plugins import Collection
from gazebench.sources import _known as known_faults
from gazebench.sources import _naming
from gazebench.sources._face import SourceFace
from gazebench.sources._given import with_eye_points, with_labels
from gazebench.sources._spooled import SpooledFaces

__all__ = [
    "Source",
    "SourceFace",
    "SpooledFaces",
    "check_place",
    "known_faults",
    "load",
    "locate",
    "safe_ids",
    "text_name",
    "with_eye_points",
    "with_labels",
]


ANY_FOLDER = 90  # ``order`` of what takes any folder of pictures; known layouts come before


_FEW = 16  # folders whose own folders are looked at
_FILES = (".zip", ".tar", ".parquet")


class Source(Protocol):
    """A layout of folders and lists. Its file name is its name."""

    title: ClassVar[str]  # "CelebA, aligned and cropped"
    layout: ClassVar[str] = ""  # what to give to build-dataset, and what is read from it
    license: ClassVar[str]  # terms of the pictures, for the dataset card
    redistributable: ClassVar[bool] = (
        False  # whether the pictures are known to be free to redistribute
    )
    alignment: str  # default of --align for such pictures; of the class, or of one folder
    landmarks: ClassVar[str] = "dlib"  # default of --landmarks
    order: ClassVar[int]  # sources are asked in this order whether a folder is theirs

    def __init__(self, root: Path) -> None:
        """Read the lists of the dataset at ``root``.

        Raises:
            InputError: a list is damaged; file and line are named.
        """
        ...

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Whether the folder has this layout."""
        ...

    def faces(self) -> Iterator[SourceFace]:
        """Every picture, in the order of ids."""
        ...

    def remarks(self) -> list[str]:
        """What a user should know: a list that is missing and what follows from it."""
        ...

    def twins(self) -> list[tuple[str, str]]:
        """Ids of pictures that are known to be one picture twice: they stay in one half."""
        return []


def load(collection: Collection, name: str) -> type[Source]:
    """The source in ``name.py`` of a collection."""
    return plugins.load(collection, name, marker="recognises")


def locate(
    collection: Collection, root: Path, source: str | None = None
) -> tuple[str, Path, list[str]]:
    """Name of the source, the folder that has its layout, and what a user should know of that.

    The folder is ``root``, or the one folder one or two levels down that has a layout of a dataset,
    as downloaders put ``celeba`` into theirs. ``source``: the name, where the user gives it.

    Raises:
        InputError: there is no such folder, no source knows it, or several datasets are in it.
    """
    check_place(root)
    known = {name: load(collection, name) for name in plugins.names(collection)}
    in_turn = sorted(known, key=lambda n: known[n].order)
    if source is not None:
        load(collection, source)  # that there is one
        in_turn = [source]
    layouts = [name for name in in_turn if known[name].order < ANY_FOLDER]
    for name in layouts:
        if known[name].recognises(root):
            return name, root, []
    inner: list[tuple[str, Path]] = []
    places: list[Path] = []
    for places in _levels(root):
        inner = [(name, place) for place in places if (name := _of(known, layouts, place))]
        if inner:
            break
    if len(inner) == 1:
        (name, place), beside = inner[0], len(places) - 1
        left_out = f"; {beside} other folders beside it are left out" if beside else ""
        way = "; give --source-type folder to take every picture" if beside else ""
        return name, place, [f"{place.relative_to(root)}/ is {known[name].title}{left_out}{way}"]
    if inner:
        found = ", ".join(
            f"{place.relative_to(root)}/ ({known[name].title})" for name, place in inner
        )
        raise InputError(
            f"{root}: holds {len(inner)} datasets, {found}; give one of these folders, or "
            "--source-type folder to take every picture"
        )
    if root.is_file():
        raise InputError(
            f"{root}: is not a dataset that is known here; unpack it and give the folder of "
            "pictures"
        )
    for name in in_turn:
        if source is not None or known[name].recognises(root):
            return name, root, []
    raise InputError(f"{root}: no pictures found ({KNOWN}, at any depth)")


def _of(known: dict[str, type["Source"]], layouts: list[str], place: Path) -> str | None:
    return next((name for name in layouts if known[name].recognises(place)), None)


def _levels(root: Path) -> Iterator[list[Path]]:
    """The folders in ``root``, then, where these are few, the folders in them."""
    first = _folders(root)
    yield first
    if len(first) <= _FEW:
        yield [inner for place in first for inner in _folders(place)]


def _folders(root: Path) -> list[Path]:
    """The folders in ``root``; none where pictures lie beside them, which nobody wants to lose."""
    with contextlib.suppress(OSError):
        shown = [path for path in root.iterdir() if not path.name.startswith(".")]
        if not any(path.suffix.lower() in ENDINGS for path in shown):
            return sorted(path for path in shown if path.is_dir())
    return []


def check_place(root: Path) -> None:
    """That pictures can be looked for at ``root``: a folder, an archive or a Parquet table.

    Raises:
        InputError: neither.
    """
    if root.is_dir() or (root.is_file() and root.suffix.lower() in _FILES):
        return
    if root.is_file():
        raise InputError(f"{root}: is not a folder; of files, {', '.join(_FILES)} can be read")
    raise InputError(f"{root}: no such folder; give the folder that holds the pictures")


def safe_ids(names: Iterable[str]) -> dict[str, str]:
    """A file-name-safe id for each source name, unique even where case is ignored.

    The id is the name without its ending, with folders joined by "-". Names whose ids would be
    equal, names too long and names that lose characters all get hex digits of their hash
    appended, so that ids do not depend on the order of names.
    """
    return {name: id_ for id_, name, _ in _naming.identified((name, None) for name in names)}


def text_name(path: Path | str) -> str:
    r"""A path as text that can be written anywhere, and that no other path has.

    Bytes that are no UTF-8 become escapes such as ``\xff``, so a backslash becomes two.
    """
    name = (path if isinstance(path, str) else path.as_posix()).replace("\\", "\\\\")
    if name.isascii():
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
