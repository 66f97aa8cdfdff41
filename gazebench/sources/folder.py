"""Any folder of pictures, searched at any depth.

Nothing is known of the people, so each picture counts as a person of its own; a folder per
person, or a list, is what ``celeba`` and later sources are for.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from gazebench.errors import InputError
from gazebench.sources import Source, SourceFace, _naming, text_name
from gazebench.store import asking

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


class Folder(Source):
    """Every JPEG, PNG, WebP and BMP below a folder.

    Left out: what is hidden, linked folders (so that no loop is walked), datasets of gazebench.
    """

    title = "folder of pictures"
    license = "unknown: see the terms of the pictures"
    alignment = "ffhq"
    order = 90

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """Any folder with a picture in it."""
        return next(_pictures(root), None) is not None

    def faces(self) -> Iterator[SourceFace]:
        """One face per picture file."""
        for id_, name, path in _naming.identified(map(_named, _pictures(self._root))):
            yield SourceFace(id=id_, name=name, path=self._root / (os.fsdecode(path or name)))

    def remarks(self) -> list[str]:
        """That splits cannot know people here."""
        return ["identities are unknown: the split treats each picture as a different person"]


def _named(path: str) -> tuple[str, bytes | None]:
    name = text_name(path)
    return name, None if name == path else os.fsencode(path)


def _pictures(root: Path) -> Iterator[str]:
    try:
        yield from _walked(root)
    except OSError as error:
        # a folder that cannot be listed would lose its pictures without a word
        raise InputError(f"{error.filename}: {error.strerror or error}") from None


def _walked(root: Path) -> Iterator[str]:
    """Paths of pictures below ``root``, in no order: nothing but the way down is held."""
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
            elif entry.name.lower().endswith(ENDINGS):
                yield above + entry.name
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
