"""A portrait, its domain and its split."""

from dataclasses import dataclass
from enum import StrEnum

from gazebench.geometry import Box, Point
from gazebench.measures import UNMEASURED, Measures


class Domain(StrEnum):
    """Where a portrait looks, in the letters of Zhang et al. (2020), section 3."""

    CAMERA = "X"
    AWAY = "Y"


class Split(StrEnum):
    """The halves of a dataset; with an identity split no person is in both."""

    TRAIN = "train"
    TEST = "test"


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

    @property
    def image(self) -> str:
        """Path of the image file below the dataset's folder."""
        return f"images/{self.id}.png"

    @property
    def eyes(self) -> tuple[Box, Box]:
        """Left and right eye box."""
        return self.left_eye, self.right_eye
