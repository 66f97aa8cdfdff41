"""A portrait, its domain, its split, and what its image file is."""

from dataclasses import dataclass
from enum import StrEnum

from gazebench.dataset.boxes import Box, Point
from gazebench.dataset.measures import UNMEASURED, Measures


class Domain(StrEnum):
    """Where a portrait looks, in the letters of Zhang et al. (2020), section 3."""

    CAMERA = "X"
    AWAY = "Y"


class Split(StrEnum):
    """The halves of a dataset; with an identity split no person is in both."""

    TRAIN = "train"
    TEST = "test"


class ImageFormat(StrEnum):
    """What the image files of a dataset are, all the same; WebP is the lossless one."""

    PNG = "png"
    WEBP = "webp"
    JPEG = "jpeg"

    @property
    def suffix(self) -> str:
        """Ending of the file names, with its dot."""
        return ".jpg" if self is ImageFormat.JPEG else f".{self}"

    def file(self, id_: str) -> str:
        """Path of a portrait's image file below the dataset's folder."""
        return f"images/{id_}{self.suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """One aligned, square face crop."""

    id: str  # stable key, derived from the source name, safe as a file name
    source_name: str  # of the source face, as its dataset writes it
    identity: str | None  # person; identity splits never share one
    split: Split | None
    domain: Domain | None = None  # None until somebody labelled it
    left_eye: Box  # "left" = nearer the image's left edge
    right_eye: Box
    left_center: Point  # mean of the eye's six landmarks, portrait pixels
    right_center: Point
    transform: tuple[float, float, float, float, float, float]  # source pixel → portrait pixel
    measures: Measures = UNMEASURED
    score: float  # confidence of the face detector
    faces: int  # found in the source picture
    source_sha256: str  # of the source file
    sha256: str  # of the portrait's image file: an edited image is another portrait
    phash: str = ""  # perceptual hash of the portrait, 64 hex digits
    near_duplicate: str = ""  # first id of its group of look-alikes, "" for none
    note: str = ""  # what was not as it should be with the source file, "" for nothing

    @property
    def eyes(self) -> tuple[Box, Box]:
        """Left and right eye box."""
        return self.left_eye, self.right_eye


def box_faults(portrait: Portrait, side: int, window: tuple[int, int]) -> list[str]:
    """What is wrong with the eye boxes in a square of ``side`` pixels; ``window``: their size."""
    found = [
        f"{portrait.id}: eye box {box} is not {window[0]}x{window[1]} in the frame"
        for box in portrait.eyes
        if (box.height, box.width) != window or not box.inside(side, side)
    ]
    if portrait.left_eye.overlaps(portrait.right_eye):
        found.append(f"{portrait.id}: eye boxes overlap")
    return found
