"""Any folder of pictures, searched at any depth.

Nothing is known of the people, so each picture counts as a person of its own; a folder per
person, or a list, is what ``celeba`` and later sources are for.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from gazebench.errors import InputError
from gazebench.sources import Source, SourceFace, safe_ids, text_name
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
        paths = {text_name(p.relative_to(self._root)): p for p in _pictures(self._root)}
        ids = safe_ids(paths)
        for name in sorted(paths, key=lambda n: ids[n]):
            yield SourceFace(id=ids[name], name=name, path=paths[name])

    def remarks(self) -> list[str]:
        """That splits cannot know people here."""
        return ["identities are unknown: the split takes each picture for another person"]


def _pictures(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root, onerror=_unreadable):
        folders[:] = sorted(f for f in folders if f[0] != "." and not _is_dataset(folder, f))
        for file in sorted(files):
            if file.lower().endswith(ENDINGS) and not file.startswith("."):
                yield Path(folder, file)


def _is_dataset(parent: str, folder: str) -> bool:
    path = Path(parent, folder)
    with asking(path):
        return (path / "build.sqlite").exists()


def _unreadable(error: OSError) -> None:
    # a folder that cannot be listed would lose its pictures without a word
    raise InputError(f"{error.filename}: {error.strerror or error}") from None
