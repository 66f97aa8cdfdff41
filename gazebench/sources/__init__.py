"""Where source faces come from: each module reads one layout of folders; its file name is its name.

It uses `dataset` for points and attributes, and no other room; `curation` and `landmarks` use it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Protocol

from gazebench import plugins
from gazebench.dataset.picture_types import KNOWN
from gazebench.errors import InputError
from gazebench.plugins import Collection
from gazebench.sources import _naming
from gazebench.sources._face import SourceFace
from gazebench.sources._given import with_eye_points, with_labels
from gazebench.sources._spooled import SpooledFaces

__all__ = [
    "Source",
    "SourceFace",
    "SpooledFaces",
    "check_place",
    "load",
    "recognise",
    "safe_ids",
    "text_name",
    "with_eye_points",
    "with_labels",
]


class Source(Protocol):
    """A layout of folders and lists. Its file name is its name."""

    title: ClassVar[str]  # "CelebA, aligned and cropped"
    license: ClassVar[str]  # terms of the pictures, for the dataset card
    redistributable: ClassVar[bool] = (
        False  # whether the pictures are known to be free to redistribute
    )
    alignment: ClassVar[str]  # default of --align for such pictures
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


def load(collection: Collection, name: str) -> type[Source]:
    """The source in ``name.py`` of a collection."""
    return plugins.load(collection, name, marker="recognises")


def recognise(collection: Collection, root: Path) -> str:
    """Name of the source whose layout the folder has.

    Raises:
        InputError: there is no such folder, or no source knows it.
    """
    check_place(root)
    known = {name: load(collection, name) for name in plugins.names(collection)}
    for name in sorted(known, key=lambda n: known[n].order):
        if known[name].recognises(root):
            return name
    raise InputError(f"{root}: no pictures found ({KNOWN}, at any depth)")


def check_place(root: Path) -> None:
    """That pictures can be looked for at ``root``: a folder, or a ZIP archive of them.

    Raises:
        InputError: neither.
    """
    if root.is_dir() or (root.is_file() and root.suffix.lower() == ".zip"):
        return
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
