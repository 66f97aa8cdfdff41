"""CelebA in the wild: ``img_celeba`` with its boxes and landmarks, before any alignment.

Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015. A picture may show several
people; the box of ``list_bbox_celeba.txt`` says which one is meant.
"""

from collections.abc import Iterator
from pathlib import Path

from gazebench.dataset.boxes import Point, mean_point
from gazebench.errors import InputError
from gazebench.sources import Source, SourceFace, _attributes, _lists, celeba, text_name

_NAME = "img_celeba"
_BOXES = "list_bbox_celeba.txt"
_LANDMARKS = "list_landmarks_celeba.txt"
_BOX = ("x_1", "y_1", "width", "height")
_Points = tuple[Point, Point, Point]  # left eye, right eye, middle of the mouth
_BoxXYWH = tuple[float, float, float, float]


class CelebAWild(Source):
    """The pictures of CelebA as they were found, by their numbers."""

    title = "CelebA, in the wild"
    layout = (
        "a folder with `img_celeba/` and its lists; a box in `list_bbox_celeba.txt` marks the face"
    )
    license = "CelebA agreement: non-commercial research, no redistribution"
    alignment = "ffhq"
    order = 15

    def __init__(self, root: Path) -> None:
        self._images = celeba.image_folder(root, _NAME)
        places = [*celeba.list_folders(root), self._images, self._images.parent]
        self._identities = celeba.read_identities(places)
        self._partitions = celeba.read_partitions(places)
        self._boxes = _read_boxes(_lists.find(_BOXES, *places))
        self._points = _read_points(_lists.find(_LANDMARKS, *places))
        self._aligned = _lists.find(celeba.ALIGNED, *places)
        self._attributes = _attributes.read(_attributes.CELEBA, places)

    @classmethod
    def recognises(cls, root: Path) -> bool:
        """A folder named ``img_celeba``, or one that holds it and not the aligned pictures."""
        return celeba.holds(root, _NAME)

    def faces(self) -> Iterator[SourceFace]:
        """One face per picture, with the box and the points of the lists."""
        for id_, path in celeba.numbered(self._images):
            listed = path.stem
            points = self._points.get(listed)
            yield SourceFace(
                id=id_,
                name=text_name(Path(path.name)),
                path=path,
                identity=self._identities.get(listed),
                partition=self._partitions.get(listed),
                eyes=celeba.in_order(points and points[:2]),
                mouth=points and points[2],
                box=self._boxes.get(listed),
                attributes=self._attributes.get(listed),
            )

    def remarks(self) -> list[str]:
        """Which lists are missing, and which are for other pictures."""
        remarks = celeba.missing_lists(self._identities, self._partitions)
        remarks += celeba.exchanged(_LANDMARKS, [points[:2] for points in self._points.values()])
        if not self._points and self._aligned:
            remarks.append(
                f"{_LANDMARKS} not found; {self._aligned.name} is for the aligned pictures and is "
                "not used"
            )
        if not self._boxes:
            remarks.append(f"{_BOXES} not found: pictures of several people are quarantined")
        return remarks


def _read_boxes(path: Path | None) -> dict[str, _BoxXYWH]:
    table: dict[str, _BoxXYWH] = {}
    if path is None:
        return table
    for row in _lists.table(path, _BOX):
        x, y, width, height = (_lists.integer(text, path, row.line) for text in row.values)
        if width < 0 or height < 0:
            raise InputError(f"{path}, line {row.line}: a box of {width}x{height} pixels")
        if width and height:  # an empty box says nothing
            _lists.enter(table, row, (x, y, width, height), path)
    return table


def _read_points(path: Path | None) -> dict[str, _Points]:
    table: dict[str, _Points] = {}
    if path is None:
        return table
    for row in _lists.table(path, celeba.LANDMARKS, unnamed=1):
        values = [_lists.integer(text, path, row.line) for text in row.values]
        eye, other, _, *mouth = (Point(*xy) for xy in zip(values[::2], values[1::2], strict=True))
        _lists.enter(table, row, (eye, other, mean_point(mouth)), path)
    return table
