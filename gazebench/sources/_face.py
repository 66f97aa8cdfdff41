"""One picture of a source dataset."""

from dataclasses import dataclass
from pathlib import Path

from gazebench.dataset.boxes import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFace:
    """One picture of a source dataset, as its lists describe it."""

    id: str  # safe as a file name, unique whatever the case
    name: str  # as the dataset writes it, for people
    path: Path
    member: str = ""  # name, or address, inside the archive at ``path``; "" for a file of its own
    identity: str | None = None  # person
    partition: str | None = None  # the source's own split, or the plan's: "train", "val", "test"
    eyes: tuple[Point, Point] | None = None  # the source's own eye points, left then right
    mouth: Point | None = None  # middle of the mouth's corners
    box: tuple[float, float, float, float] | None = None  # x, y, width, height of the face meant
    attributes: int | None = None  # CelebA's forty, see dataset.attributes
    label: str | None = None  # X or Y where the source says so; any label from a list of labels
