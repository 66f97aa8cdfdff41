"""Any folder of pictures, searched at any depth.

Nothing is known of the people, so each picture counts as another person; a folder per
person, or a list, is what ``celeba`` and later sources are for.
"""

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path

from gazebench.dataset.picture_types import ENDINGS, HEIF_ENDINGS, UNREAD, is_read, why_not
from gazebench.dataset.pictures import type_at
from gazebench.errors import InputError
from gazebench.sources import ANY_FOLDER, Source, SourceFace, _lookalike, _naming, text_name
from gazebench.store import asking

_LOOKED_AT = 64  # names that are looked at to see what the folder may be
_NAMED = 8  # kinds of files that were passed over


class Claim(Enum):
    """What a file seems to be."""

    PICTURE = "a picture of a type that is read"
    UNREAD = "a picture of another type"
    OTHER = "no picture"


class Folder(Source):
    """Every picture below a folder, whatever it is called; its first bytes say what it is.

    Left out: what is hidden, linked folders (so that no loop is walked), datasets of gazebench.
    Pictures of types that are not read go to quarantine; other files are counted.
    """

    title = "folder of pictures"
    layout = (
        "any tree of JPEG, PNG, WebP, BMP, TIFF (8 or 16 bit), AVIF and HEIC pictures (`pip "
        "install 'gazebench[heif]'`), detected from the content; every picture counts as a person"
    )
    license = "unknown: see the terms of the pictures"
    alignment = "ffhq"
    order = ANY_FOLDER

    def __init__(self, root: Path) -> None:
        self._root = root
        self._passed: Counter[str] = Counter()  # files that are no pictures that are read
        self._heif = 0

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Any folder with a picture in it."""
        return any(claim is not Claim.OTHER for _, claim in _files(root))

    def faces(self) -> Iterator[SourceFace]:
        """One face per picture file."""
        self._passed.clear()
        self._heif = 0
        for id_, name, path in _naming.identified(map(_named, self._pictures())):
            yield SourceFace(id=id_, name=name, path=self._root / (os.fsdecode(path or name)))

    def _pictures(self) -> Iterator[str]:
        for path, claim in _files(self._root):
            if claim is not Claim.PICTURE:
                self._passed[_kind(path)] += 1
            self._heif += path.lower().endswith(HEIF_ENDINGS)
            if claim is not Claim.OTHER:
                yield path

    def remarks(self) -> list[str]:
        """What was passed over, that splits cannot know people, and what a list would say."""
        people = "identities are unknown: the split treats each picture as a different person"
        heif = f"{self._heif:,} pictures: {why_not('HEIF')}" if self._heif else ""
        hint = [heif] if why_not("HEIF") and heif else []
        found = (path for path, claim in _files(self._root) if claim is Claim.PICTURE)
        missing = _lookalike.remarks(self._root, itertools.islice(found, _LOOKED_AT))
        return [*passed_over(self._passed), *hint, people, *missing]


def claim_of(path: Path) -> Claim:
    """What the file at ``path`` seems to be: by its ending, else by its first bytes."""
    if path.name.lower().endswith(ENDINGS):
        return Claim.PICTURE
    kind = type_at(path)
    if is_read(kind):
        return Claim.PICTURE
    return Claim.UNREAD if kind or path.name.lower().endswith(UNREAD) else Claim.OTHER


def passed_over(kinds: Counter[str]) -> list[str]:
    """A sentence on files of ``kinds`` that are not read; none for no files."""
    if not kinds:
        return []
    most = kinds.most_common(_NAMED)
    named = [f"{number:,} {kind}" for kind, number in most]
    if rest := kinds.total() - sum(number for _, number in most):
        named.append(f"{rest:,} more")
    files = "other file" if kinds.total() == 1 else "other files"
    return [f"{kinds.total():,} {files} passed over: {', '.join(named)}"]


def kinds_of(paths: Iterable[Path]) -> Counter[str]:
    """How many files there are of each kind, as ``passed_over`` names them."""
    return Counter(_kind(path.name) for path in paths)


def _kind(path: str) -> str:
    """A file's ending, in letters that can be printed."""
    ending = text_name(Path(path).suffix.lower())
    return ending if ending.isprintable() and 1 < len(ending) <= 12 else "without an ending"


def _named(path: str) -> tuple[str, bytes | None]:
    name = text_name(path)
    return name, None if name == path else os.fsencode(path)


def _files(root: Path) -> Iterator[tuple[str, Claim]]:
    """Path below ``root`` of each file, and what it seems to be."""
    try:
        yield from _walked(root)
    except OSError as error:
        # a folder that cannot be listed would lose its pictures without a word
        raise InputError(f"{error.filename}: {error.strerror or error}") from None


def _walked(root: Path) -> Iterator[tuple[str, Claim]]:
    """Files below ``root``, in no order: nothing but the way down is held."""
    way = [("", os.scandir(root))]
    try:
        while way:
            above, entries = way[-1]
            entry = next(entries, None)
            if entry is None:
                way.pop()  # it has closed itself
            elif entry.name.startswith("."):
                continue
            elif _is_folder(entry):
                if not entry.is_symlink() and not _is_dataset(Path(entry.path)):
                    way.append((f"{above}{entry.name}/", os.scandir(entry.path)))
            elif entry.name.lower().endswith(ENDINGS):  # no path is made of most files
                yield above + entry.name, Claim.PICTURE
            else:
                yield above + entry.name, claim_of(Path(entry.path))
    finally:
        for _, entries in way:
            entries.close()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere
        return False


def _is_dataset(folder: Path) -> bool:
    with asking(folder):
        return (folder / "build.sqlite").exists()
