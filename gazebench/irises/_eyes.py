"""What is known of the two eyes of a face."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazebench.dataset.boxes import Point

Floats = NDArray[np.floating[Any]]

UNIT = 64.0  # eye distance, in pixels, at which lengths of this room are given
CLOSED = 0.17  # opening, of the half width between the corners, below which an eye is shut
_NARROW = 0.5  # opening in iris radii below which too little of the iris shows
_SHOWN = 0.35  # share of an iris between the lids
_FACE = 0.5  # certainty of the mesh
_SEEN = 0.12  # fit of the circle
_AGREE = 1.0  # spread, in iris radii
_DISC = np.array(  # points of the unit disc, evenly
    [[x, y] for x in np.linspace(-1, 1, 25) for y in np.linspace(-1, 1, 25) if x * x + y * y <= 1]
)


@dataclass(frozen=True, slots=True)
class Head:
    """How a head is turned, and its place in the image plane.

    Angles are relative to the mean head of portraits that look at the camera.
    """

    yaw_deg: float  # positive to the image's right
    pitch_deg: float  # positive upwards
    roll_deg: float  # of the line through the eyes; positive clockwise in the image
    scale: float  # root mean square distance of the mesh's points from their mean, pixels


@dataclass(frozen=True, slots=True)
class Eye:
    """One eye. Lids run from the image's left corner to its right one, corners included."""

    upper: Floats  # (9, 2) points x, y of the upper lid's edge
    lower: Floats  # (9, 2)
    iris: Point  # centre of the iris
    radius: float  # of the iris; both eyes have the same
    fit: float  # brightness rise at the iris's sides, of the eye's range; above 0.25 a good one
    spread: float  # how far the estimates of the centre lie apart, in radii

    @property
    def corners(self) -> tuple[Point, Point]:
        """The image's left and right corner."""
        return Point(*map(float, self.upper[0])), Point(*map(float, self.upper[-1]))

    @property
    def middle(self) -> Point:
        """Half way between the corners."""
        left, right = self.corners
        return Point((left.x + right.x) / 2, (left.y + right.y) / 2)

    @property
    def width(self) -> float:
        """Distance of the corners, pixels."""
        left, right = self.corners
        return float(np.hypot(right.x - left.x, right.y - left.y))

    @property
    def opening(self) -> float:
        """Largest distance of the lids across the line of the corners, pixels."""
        left, right = self.corners
        across = np.array([left.y - right.y, right.x - left.x]) / max(self.width, 1e-6)
        return float(((self.lower - self.upper) @ across).max())

    @property
    def shown(self) -> float:
        """Share of the iris's disc between the lids, 0 to 1."""
        left, right = (np.array(corner) for corner in self.corners)
        along = (right - left) / max(self.width, 1e-6)
        axes = np.array([along, [-along[1], along[0]]])
        disc = np.array(self.iris) + self.radius * _DISC @ axes
        a, b = ((disc - left) @ axes.T).T
        upper, lower = ((lid - left) @ axes.T for lid in (self.upper, self.lower))
        above, below = (np.interp(a, *_rising(lid)) for lid in (upper, lower))
        return float(((b > above) & (b < below)).mean())


def _rising(lid: Floats) -> tuple[Floats, Floats]:
    """A lid as a function: along, which never falls, and across."""
    return np.maximum.accumulate(lid[:, 0]), lid[:, 1]


@dataclass(frozen=True, slots=True)
class EyePair:
    """Both eyes of a face, and its head. "Left" is nearer the image's left edge."""

    left: Eye
    right: Eye
    head: Head
    certainty: float  # of the face, 0 to 1
    mesh: Floats  # (468, 3) points of the face mesh: x, y, depth in pixels

    @property
    def eyes(self) -> tuple[Eye, Eye]:
        """Left, right."""
        return self.left, self.right

    @property
    def distance(self) -> float:
        """Between the middles of the two eyes, pixels."""
        a, b = self.left.middle, self.right.middle
        return float(np.hypot(b.x - a.x, b.y - a.y))

    @property
    def doubt(self) -> str:
        """Why the irises are not to be trusted, in words; "" where they are."""
        if self.certainty < _FACE:
            return "no face"
        if any(
            eye.opening < max(CLOSED * eye.width / 2, _NARROW * eye.radius) for eye in self.eyes
        ):
            return "an eye is closed"
        if min(eye.shown for eye in self.eyes) < _SHOWN:
            return "a lid hides most of an iris"
        if min(eye.fit for eye in self.eyes) < _SEEN:
            return "an iris cannot be seen"
        if max(eye.spread for eye in self.eyes) > _AGREE:
            return "the estimates of an iris disagree"
        return ""
