"""CelebA as released: ``img_align_celeba`` with its landmark, identity and partition lists.

Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015. The pictures are 178x218,
already aligned; only researchers may use them and nobody may pass them on.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from gazebench.errors import InputError
from gazebench.geometry import Point
from gazebench.sources import Source, SourceFace, _lists, safe_ids, text_name

_PARTITIONS = {"0": "train", "1": "val", "2": "test"}
_FOLDERS = ("Img/img_align_celeba", "img_align_celeba", "img_align_celeba/img_align_celeba")


class CelebA(Source):
    """The aligned pictures of CelebA, by their numbers."""

    title = "CelebA, aligned and cropped"
    license = "CelebA agreement: non-commercial research, no redistribution"
    alignment = "none"
    order = 10

    def __init__(self, root: Path) -> None:
        self._images = _image_folder(root)
        places = [*list_folders(root), self._images, self._images.parent]
        self.identities = read_identities(places)
        self.partitions = read_partitions(places)
        self._eyes = _read_eyes(places)

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """A folder named ``img_align_celeba``, or one that holds it."""
        return is_named(root, "img_align_celeba") or any((root / f).is_dir() for f in _FOLDERS)

    def faces(self) -> Iterator[SourceFace]:
        """One face per picture; a list that names other pictures than are there is fine."""
        for id_, path in numbered(self._images):
            listed = f"{path.stem}.jpg"  # the lists say .jpg for the PNG release too
            yield SourceFace(
                id=id_,
                name=text_name(Path(path.name)),
                path=path,
                identity=self.identities.get(listed),
                partition=self.partitions.get(listed),
                eyes=self._eyes.get(listed),
            )

    def remarks(self) -> list[str]:
        """Which lists are missing."""
        return missing_lists(self.identities, self.partitions)


def is_named(root: Path, name: str) -> bool:
    """Whether a folder has a name, also where it is given as "."."""
    return Path(os.path.abspath(root)).name == name  # noqa: PTH100 - links keep their own names


def pictures(folder: Path) -> list[Path]:
    """The JPEG files of a folder, or else its PNG files; not those that are hidden."""
    for pattern in ("*.jpg", "*.png"):
        if found := [p for p in folder.glob(pattern) if not p.name.startswith(".")]:
            return found
    return []


def numbered(folder: Path) -> list[tuple[str, Path]]:
    """Pictures of a folder with their ids, which are their numbers, by id."""
    names = {text_name(Path(path.name)): path for path in pictures(folder)}
    return sorted((id_, names[name]) for name, id_ in safe_ids(names).items())


def list_folders(root: Path) -> list[Path]:
    """Folders where CelebA's lists may stand, seen from a folder of the dataset."""
    root = Path(os.path.abspath(root))  # noqa: PTH100 - "." has no parent
    near = [root, root.parent, root.parent.parent]
    return [place / sub for place in near for sub in (".", "Anno", "Eval", "CelebA", "celeba")]


def read_identities(places: list[Path]) -> dict[str, str]:
    """``identity_CelebA.txt``: person by picture name; empty when there is no such list."""
    return _two_columns(
        "identity_CelebA.txt",
        places,
        lambda text, path, line: str(_lists.integer(text, path, line)),
    )


def read_partitions(places: list[Path]) -> dict[str, str]:
    """``list_eval_partition.txt``: train, val or test by picture name; empty when not there."""

    def part(text: str, path: Path, line: int) -> str:
        if text not in _PARTITIONS:
            raise InputError(f"{path}, line {line}: partition {text!r}, expected 0, 1 or 2")
        return _PARTITIONS[text]

    return _two_columns("list_eval_partition.txt", places, part)


def missing_lists(identities: dict[str, str], partitions: dict[str, str]) -> list[str]:
    """Remarks on the lists that were not found."""
    remarks = []
    if not identities:
        remarks.append(
            "identity_CelebA.txt not found: the split takes each picture for another person; "
            "put the list beside the pictures or into Anno/"
        )
    if not partitions:
        remarks.append("list_eval_partition.txt not found: --split partition is not possible")
    return remarks


def _two_columns(
    name: str, places: list[Path], parse: Callable[[str, Path, int], str]
) -> dict[str, str]:
    path = _lists.find(name, *places)
    table: dict[str, str] = {}
    if path is None:
        return table
    for line, (picture, text) in _lists.rows(path, 2):
        _lists.put(table, picture, parse(text, path, line), path, line)
    return table


def _read_eyes(places: list[Path]) -> dict[str, tuple[Point, Point]]:
    path = _lists.find("list_landmarks_align_celeba.txt", *places)
    table: dict[str, tuple[Point, Point]] = {}
    if path is None:
        return table
    for line, (picture, *texts) in _lists.counted_rows(path, 11):
        x1, y1, x2, y2, *_ = [_lists.integer(text, path, line) for text in texts]
        left, right = sorted([Point(x1, y1), Point(x2, y2)])
        _lists.put(table, picture, (left, right), path, line)
    return table


def _image_folder(root: Path) -> Path:
    nested = root / "img_align_celeba"
    candidates = [root / folder for folder in _FOLDERS]
    if is_named(root, "img_align_celeba"):
        candidates = [nested, root]
    for folder in candidates:
        if folder.is_dir() and pictures(folder):
            return folder
    raise InputError(f"{root}: has CelebA's folders but no picture in img_align_celeba")
