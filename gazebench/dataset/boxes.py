"""Points and pixel rectangles.

A landmark at (x, y) names the centre of pixel column x, row y, as dlib gives it.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple, Self


class Point(NamedTuple):
    """A position in pixels; (0, 0) is the centre of the top left pixel."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open pixel rectangle: ``image[top:bottom, left:right]``."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, center: Point, height: int, width: int) -> Self:
        """The eye box of ``height`` x ``width`` pixels around an eye centre.

        Rows floor(cy - h/2) to floor(cy - h/2) + h - 1, columns likewise. For even sizes inside
        the frame these are the rows trunc(cy - h/2) to trunc(cy + h/2) - 1 of the code released
        with Zhang et al. (2020); this form keeps the size fixed for every centre and parity.
        """
        left = math.floor(center.x - width / 2)
        top = math.floor(center.y - height / 2)
        return cls(left, top, left + width, top + height)

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    def inside(self, height: int, width: int) -> bool:
        """Whether every pixel of the box is inside an image of ``height`` x ``width``."""
        return 0 <= self.left < self.right <= width and 0 <= self.top < self.bottom <= height

    def overlaps(self, other: "Box") -> bool:
        """Whether the two boxes share a pixel."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def mean_point(points: "list[Point]") -> Point:
    """The centre of an eye: the mean of its landmarks (Zhang et al. 2022, section IV-A)."""
    return Point(
        math.fsum(p.x for p in points) / len(points), math.fsum(p.y for p in points) / len(points)
    )


def eye_window(resolution: int) -> tuple[int, int]:
    """Height and width of the eye box at a portrait size.

    The published sizes (30x50 at 256, 46x80 at 512, 92x160 at 1024; Zhang et al. 2022, section
    IV-A and the released options); other sizes are the 256 window scaled and rounded to even.
    """
    published = {256: (30, 50), 512: (46, 80), 1024: (92, 160)}
    if resolution in published:
        return published[resolution]
    return 2 * round(30 * resolution / 512), 2 * round(50 * resolution / 512)
