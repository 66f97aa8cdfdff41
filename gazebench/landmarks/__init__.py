"""How the face and its landmarks are found: each module is one finder; its file name is its name.

It uses `dataset`, `sources` (what a source lists of a face) and `weights`.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeGuard

from PIL import Image

from gazebench import plugins
from gazebench.dataset.boxes import Point, mean_point
from gazebench.errors import InputError
from gazebench.plugins import Collection
from gazebench.sources import SourceFace

Edges = tuple[float, float, float, float]  # left, top, right, bottom

RIVAL = 2.0  # the largest face is taken when its area is at least this many times the next one's


class FaceError(InputError):
    """A picture without one usable face: ``code`` is the reason of the quarantine list."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFace:
    """The one face of a picture, in source pixels."""

    left_eye: Point  # centre of the eye nearer the image's left edge
    right_eye: Point
    mouth: Point | None  # middle of the mouth's corners; None where a finder does not know it
    score: float  # confidence of the detector; 1 for a given list
    faces: int  # found in the picture
    points: tuple[Point, ...] | None = None  # the 68 landmarks, where the finder has them

    @property
    def eye_distance(self) -> float:
        """Inter-ocular distance in source pixels."""
        return (
            (self.right_eye.x - self.left_eye.x) ** 2 + (self.right_eye.y - self.left_eye.y) ** 2
        ) ** 0.5


class LandmarkFinder(Protocol):
    """Finds the face of a picture. Built once per worker process."""

    model: ClassVar[str]  # name in `gazebench weights list`, "" for none
    memory_bytes: ClassVar[int | None] = 4 << 30  # address space of a worker; None: no limit

    @classmethod
    def prepare(cls) -> None:
        """Fetch what a finder needs; called once, before there are workers.

        Raises:
            MissingPartError: it cannot be had.
        """

    def find(self, picture: Image.Image, face: SourceFace) -> FoundFace:
        """The picture's face.

        Raises:
            FaceError: no face, several of like size, or points that make no face.
        """
        ...


class FaceDetector(LandmarkFinder, Protocol):
    """A finder that sees faces itself."""

    def boxes(self, picture: Image.Image) -> list[Edges]:
        """Every face, small ones too: left, top, right, bottom, pixels of the picture."""
        ...

    def find_at(self, picture: Image.Image, box: Edges, faces: int) -> FoundFace:
        """The face in a box of ``boxes``, of which there were so many.

        Raises:
            FaceError: points that make no face.
        """
        ...


def load(collection: Collection, name: str) -> type[LandmarkFinder]:
    """The finder in ``name.py`` of a collection."""
    return plugins.load(collection, name, marker="find")


def detects(kind: type[LandmarkFinder]) -> TypeGuard[type[FaceDetector]]:
    """Whether the finder detects faces itself, and need not be given where they are."""
    return hasattr(kind, "boxes")


def eyes_of_68(points: list[Point]) -> tuple[Point, Point, Point]:
    """Left eye centre, right eye centre and mouth of the 68-point scheme.

    An eye's centre is the mean of its six landmarks (Zhang et al. 2022, section IV-A).
    """
    return (
        mean_point(points[36:42]),
        mean_point(points[42:48]),
        mean_point([points[48], points[54]]),
    )


def ordered(left: Point, right: Point) -> tuple[Point, Point]:
    """The two eye centres, checked to stand as in an upright face.

    Raises:
        FaceError: the left one is not left of the right one, or they coincide.
    """
    if not right.x - left.x > abs(right.y - left.y):
        raise FaceError("landmark_invalid", "the eyes do not stand side by side")
    return left, right
