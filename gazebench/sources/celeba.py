"""CelebA as released: ``img_align_celeba`` with its landmark, identity and partition lists.

Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015. The pictures are 178x218,
already aligned; only researchers may use them and nobody may redistribute them. They may also be in
``img_align_celeba.zip`` or ``.tar``, or in Kaggle's ZIP archive; lists in the same archive are read
there. An archive is never extracted.
"""

import itertools
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from PIL import Image

from gazebench.dataset.boxes import Point
from gazebench.errors import InputError
from gazebench.sources import Source, SourceFace, _archive, _attributes, _lists, safe_ids, text_name

_PARTITIONS = {"0": "train", "1": "val", "2": "test"}
_NAME = "img_align_celeba"
ALIGNED = "list_landmarks_align_celeba.txt"
_SIZE = 178, 218
_LIST_FOLDERS = (".", "Anno", "anno", "Eval", "eval", "CelebA", "celeba")
_LOOKED_AT = 8  # pictures whose size is looked at
_PLACES_OF_POINTS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
LANDMARKS = tuple(f"{place}_{axis}" for place in _PLACES_OF_POINTS for axis in "xy")


class CelebA(Source):
    """The aligned pictures of CelebA, by their numbers."""

    title = "CelebA, aligned and cropped"
    layout = (
        "`CelebA/` as released, `img_align_celeba.zip` or `.tar`, Kaggle's copy (comma-separated "
        "lists) or its `archive.zip`, torchvision's root; people, partitions, eyes and attributes "
        "from the lists beside the pictures"
    )
    license = "CelebA agreement: non-commercial research, no redistribution"
    alignment = "none"
    order = 10

    def __init__(self, root: Path) -> None:
        self._images = _archive_at(root) or image_folder(root, _NAME)
        places = [*list_folders(root), self._images, self._images.parent]
        if self._images.is_file():  # lists may be packed with the pictures
            places += _archive.folders(self._images)
        self.identities = read_identities(places)
        self.partitions = read_partitions(places)
        self._eyes = _read_eyes(places)
        self._attributes = _attributes.read(_attributes.CELEBA, places)

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """A folder named ``img_align_celeba``, one that holds it, or the archive of it."""
        if _archive.is_archive(root):
            return root.stem == _NAME or _archive.has_folder(root, _NAME)
        return root.is_dir() and (holds(root, _NAME) or _archive_at(root) is not None)

    def faces(self) -> Iterator[SourceFace]:
        """One face per picture; a list that names other pictures than are there is fine."""
        for id_, name, path, member in self._found():
            listed = Path(name).stem
            yield SourceFace(
                id=id_,
                name=name,
                path=path,
                member=member,
                identity=self.identities.get(listed),
                partition=self.partitions.get(listed),
                eyes=in_order(self._eyes.get(listed)),
                attributes=self._attributes.get(listed),
            )

    def remarks(self) -> list[str]:
        """Which lists are missing, and which do not fit the pictures."""
        remarks = missing_lists(self.identities, self.partitions)
        remarks += self._remarks_on_strangers()
        return [*remarks, *exchanged(ALIGNED, self._eyes.values()), *self._remarks_on_size()]

    def _remarks_on_strangers(self) -> Iterator[str]:
        """A list of other pictures would be lost without a word."""
        pictures = {Path(name).stem for _, name, _, _ in self._found()}
        lists = {
            "identity_CelebA.txt": self.identities,
            "list_eval_partition.txt": self.partitions,
            ALIGNED: self._eyes,
            _attributes.CELEBA: self._attributes,
        }
        for name, listed in lists.items():
            if listed and pictures.isdisjoint(listed):
                yield (
                    f"{name} lists none of these pictures (it has {next(iter(listed))!r}, they are "
                    f"such as {min(pictures)!r}): it is not used"
                )

    def _remarks_on_size(self) -> Iterator[str]:
        """The list is for 178x218 only; copies go round in other sizes."""
        if not self._eyes or not self._images.is_dir():
            return
        some = itertools.islice((p for p in self._images.iterdir() if p.is_file()), _LOOKED_AT)
        sizes = {size for path in some if (size := _size(path))}
        if sizes and _SIZE not in sizes:
            yield (
                f"the pictures are not 178x218, so that the points of {ALIGNED} do not fit them; "
                "keep to --landmarks dlib"
            )

    def _found(self) -> list[tuple[str, str, Path, str]]:
        """Id, name, file and, in an archive, address of each picture, by id."""
        if self._images.is_dir():
            found = numbered(self._images)
            return [(id_, text_name(Path(path.name)), path, "") for id_, path in found]
        members = _archive.pictures(self._images, _NAME)
        if not members:
            raise InputError(f"{self._images}: holds no picture in {_NAME}/")
        names = {text_name(Path(Path(member.name).name)): member.address for member in members}
        ids = safe_ids(names)
        return sorted((id_, name, self._images, names[name]) for name, id_ in ids.items())


def in_order(eyes: tuple[Point, Point] | None) -> tuple[Point, Point] | None:
    """The eye nearer the picture's left edge first."""
    return eyes and (min(eyes), max(eyes))


def exchanged(name: str, eyes: Collection[tuple[Point, Point]]) -> Iterator[str]:
    """A remark where most lines of the list ``name`` have the right eye first."""
    wrong = sum(left.x > right.x for left, right in eyes)
    if 2 * wrong > len(eyes):
        yield (
            f"{name}: in {wrong:,} of {len(eyes):,} lines the left eye stands to the right of the "
            "right one; each is taken by where it stands"
        )


def _size(path: Path) -> tuple[int, int] | None:
    try:
        with Image.open(path) as image:
            return image.size
    except Exception:  # what is damaged is named by the build
        return None


def is_named(root: Path, name: str) -> bool:
    """Whether a folder has a name, also where it is given as "."."""
    return name_of(root) == name


def name_of(root: Path) -> str:
    """A folder's name, also where it is given as "."."""
    return Path(os.path.abspath(root)).name  # noqa: PTH100 - links keep their own names


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
    return [place / sub for place in near for sub in _LIST_FOLDERS]


def read_identities(places: _lists.Places) -> dict[str, str]:
    """``identity_CelebA.txt``: person by picture name; empty when there is no such list."""
    return _two_columns(
        "identity_CelebA.txt",
        "identity",
        places,
        lambda text, path, line: str(_lists.integer(text, path, line)),
    )


def read_partitions(places: _lists.Places) -> dict[str, str]:
    """``list_eval_partition.txt``: train, val or test by picture name; empty when not there."""

    def part(text: str, path: Path, line: int) -> str:
        if text not in _PARTITIONS:
            raise InputError(f"{path}, line {line}: partition {text[:12]!r}, expected 0, 1 or 2")
        return _PARTITIONS[text]

    return _two_columns("list_eval_partition.txt", "partition", places, part)


def missing_lists(identities: dict[str, str], partitions: dict[str, str]) -> list[str]:
    """Remarks on the lists that were not found."""
    remarks = []
    if not identities:
        remarks.append(
            "identity_CelebA.txt not found: the split treats each picture as a different person, "
            "and people can be in both halves; put the list beside the pictures or into Anno/ "
            "(Kaggle's copy lacks it, CelebA's own page has it)"
        )
    if not partitions:
        remarks.append("list_eval_partition.txt not found: --split partition is not possible")
    return remarks


def _two_columns(
    name: str, column: str, places: _lists.Places, parse: Callable[[str, Path, int], str]
) -> dict[str, str]:
    path = _lists.find(name, *places)
    table: dict[str, str] = {}
    if path is None:
        return table
    for row in _lists.table(path, [column]):
        _lists.enter(table, row, parse(row.values[0], path, row.line), path)
    return table


def _read_eyes(places: _lists.Places) -> dict[str, tuple[Point, Point]]:
    path = _lists.find(ALIGNED, *places)
    table: dict[str, tuple[Point, Point]] = {}
    if path is None:
        return table
    for row in _lists.table(path, LANDMARKS, unnamed=1):
        x1, y1, x2, y2, *_ = [_lists.integer(text, path, row.line) for text in row.values]
        _lists.enter(table, row, (Point(x1, y1), Point(x2, y2)), path)
    return table


def holds(root: Path, name: str) -> bool:
    """Whether a folder is, or has at one of CelebA's places, the folder of pictures ``name``."""
    return is_named(root, name) or any((root / place).is_dir() for place in _places(name))


def image_folder(root: Path, name: str) -> Path:
    """The folder of pictures ``name`` of a CelebA tree.

    Raises:
        InputError: it is not there, or empty.
    """
    candidates = [root / place for place in _places(name)]
    if is_named(root, name):
        candidates = [root / name, root]
    for folder in candidates:
        if folder.is_dir() and pictures(folder):
            return folder
    raise InputError(f"{root}: has CelebA's folders but no picture in {name}")


def _places(name: str) -> tuple[str, ...]:
    return f"Img/{name}", name, f"{name}/{name}"


def _archive_at(root: Path) -> Path | None:
    if root.is_file():
        return root
    try:
        image_folder(root, _NAME)
    except InputError:  # extracted pictures win over their archive
        places = (root / "Img", root)
        found = (_lists.find_exactly(f"{_NAME}{ending}", *places) for ending in _archive.ENDINGS)
        return next(filter(None, found), None)
    return None
