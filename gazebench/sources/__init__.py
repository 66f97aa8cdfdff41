"""Where source faces come from. Each module of this package reads one layout of folders."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Protocol

from gazebench import plugins
from gazebench.dataset.boxes import Point
from gazebench.errors import InputError
from gazebench.sources import _naming


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFace:
    """One picture of a source dataset, as its lists describe it."""

    id: str  # safe as a file name, unique whatever the case
    name: str  # as the dataset writes it, for people
    path: Path
    member: str = ""  # name inside the archive at ``path``; "" for a file of its own
    identity: str | None = None  # person
    partition: str | None = None  # the source's own split, or the plan's: "train", "val", "test"
    eyes: tuple[Point, Point] | None = None  # the source's own eye points, left then right
    mouth: Point | None = None  # middle of the mouth's corners
    box: tuple[float, float, float, float] | None = None  # x, y, width, height of the face meant
    attributes: int | None = None  # CelebA's forty, see manifest.attributes
    label: str | None = None  # X or Y where the source says so; any label from a list of labels


class Source(Protocol):
    """A layout of folders and lists. Its file name is its name."""

    title: ClassVar[str]  # "CelebA, aligned and cropped"
    license: ClassVar[str]  # terms of the pictures, for the dataset card
    redistributable: ClassVar[bool] = False  # whether the pictures are known to be free to pass on
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


def load(package: ModuleType, name: str) -> type[Source]:
    """The source in ``package/name.py``."""
    return plugins.load(package, name, marker="recognises")


def recognise(package: ModuleType, root: Path) -> str:
    """Name of the source whose layout the folder has.

    Raises:
        InputError: there is no such folder, or no source knows it.
    """
    check_place(root)
    known = {name: load(package, name) for name in plugins.names(package)}
    for name in sorted(known, key=lambda n: known[n].order):
        if known[name].recognises(root):
            return name
    raise InputError(f"{root}: no pictures found (JPEG, PNG, WebP, BMP, at any depth)")


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
