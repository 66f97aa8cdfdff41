"""From two rough eye centres to lids, irises and head."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gazebench.dataset.boxes import Point
from gazebench.irises import _circle, _networks
from gazebench.irises._eyes import UNIT, Eye, EyePair, Floats
from gazebench.irises._head import head_of

_FACE = 3.6  # side of the first crop, in eye distances
_DOWN = 0.35  # its centre below the eyes, in eye distances
_AROUND = 1.5  # side of the second crop, of the mesh
_EYE = 2.3  # side of an eye's crop, of the distance of its corners
_WIDENED = 0.5  # of the way to the other eye's width, for an eye that a turned head narrows
_CORNERS = ((33, 133), (362, 263))  # of the mesh: image left, image right, of each eye
_LOWER, _UPPER = slice(0, 9), [0, *range(9, 16), 8]  # of the iris network, from the temple


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture, reduced where it is much larger than the networks need."""

    image: Image.Image
    factor: int

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], distance: float) -> "_Picture":
        factor = max(1, int(distance / (1.5 * UNIT)))
        image = Image.fromarray(pixels)
        return cls(image.reduce(factor) if factor > 1 else image, factor)

    def crop(self, cut: "_Cut") -> Floats:
        """The cut as (side, side, 3) in [0, 1]."""
        a, b, c, d, e, f = cut.matrix
        # Pillow's map takes edges of pixels, ours their centres: half a pixel on both sides
        c, f = c - (a + b) / 2 + 0.5, f - (d + e) / 2 + 0.5
        picture = self.image.transform(
            (cut.pixels, cut.pixels),
            Image.Transform.AFFINE,
            [value / self.factor for value in (a, b, c, d, e, f)],
            resample=Image.Resampling.BILINEAR,
        )
        return np.asarray(picture, np.float32) / 255


@dataclass(frozen=True, slots=True)
class _Cut:
    """A turned square of a picture, seen in ``pixels`` x ``pixels``."""

    center: Floats  # (2,)
    side: float
    angle: float  # radians
    pixels: int
    mirrored: bool = False

    @property
    def matrix(self) -> tuple[float, ...]:
        """From the cut's pixels to the picture's, (a, b, c, d, e, f)."""
        scale = self.side / self.pixels
        cos, sin = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        a, d = (-cos, -sin) if self.mirrored else (cos, sin)
        middle = (self.pixels - 1) / 2
        return (
            *(a, -sin, self.center[0] - a * middle + sin * middle),
            *(d, cos, self.center[1] - d * middle - cos * middle),
        )

    def back(self, points: Floats) -> Floats:
        """Points (N, 2) of the cut, as edges (a network's), in pixels of the picture."""
        a, b, c, d, e, f = self.matrix
        x, y = (points - 0.5).T
        return np.stack([a * x + b * y + c, d * x + e * y + f], 1)


def find_eyes(
    pixels: NDArray[np.uint8], centers: tuple[Point, Point], *, widened: float = _WIDENED
) -> EyePair:
    """Eyes and head of a face in ``pixels`` (H, W, 3), RGB.

    ``centers``: about where the left and the right eye are, within a fifth of their distance.
    ``widened``: how far the crop of the narrower eye goes towards the other one's. At 0, the far
    eye of a turned head looks too large to the network, which then has its lids too close. What is
    found may still be nonsense: ``EyePair.doubt`` says so.

    Raises:
        MissingPartError: a network or LiteRT cannot be had.
    """
    left, right = (np.array(center, float) for center in centers)
    picture = _Picture.of(pixels, float(np.hypot(*(right - left))))
    mesh, certainty, angle = _mesh(picture, left, right)
    looks = [_look(picture, mesh, angle, side, widened) for side in (0, 1)]
    radius = float(np.mean([look.radius for look in looks]))
    eyes = [_settled(pixels, look, radius) for look in looks]
    radius = float(np.mean([eye.radius for eye in eyes]))
    left_eye, right_eye = (Eye(e.upper, e.lower, e.iris, radius, e.fit, e.spread) for e in eyes)
    return EyePair(left_eye, right_eye, head_of(mesh), certainty, mesh)


def find_mesh(pixels: NDArray[np.uint8], centers: tuple[Point, Point]) -> Floats:
    """The mesh of a face, (468, 3), as `find_eyes` has it; a fifth of its time.

    Raises:
        MissingPartError: the network or LiteRT cannot be had.
    """
    left, right = (np.array(center, float) for center in centers)
    picture = _Picture.of(pixels, float(np.hypot(*(right - left))))
    return _mesh(picture, left, right)[0]


def _mesh(picture: _Picture, left: Floats, right: Floats) -> tuple[Floats, float, float]:
    """Points (468, 3), certainty and roll in radians; the second look is at what the first saw."""
    across = right - left
    distance = float(np.hypot(*across))
    angle = math.atan2(across[1], across[0])
    down = np.array([-across[1], across[0]])
    center, side = (left + right) / 2 + _DOWN * down, _FACE * distance
    points, certainty = np.empty((0, 3)), 0.0
    for _ in range(2):
        cut = _Cut(center, side, angle, _networks.MESH_SIDE)
        found, certainty = _networks.mesh(picture.crop(cut))
        depth = found[:, 2:] * side / _networks.MESH_SIDE
        points = np.concatenate([cut.back(found[:, :2]), depth], 1)
        x, y = points[_CORNERS[1][1], :2] - points[_CORNERS[0][0], :2]
        angle = math.atan2(y, x)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        turned = points[:, :2] @ turn.T
        low, high = turned.min(0), turned.max(0)
        center, side = turn.T @ ((low + high) / 2), _AROUND * float((high - low).max())
    return points, certainty, angle


@dataclass(frozen=True, slots=True)
class _Look:
    """What the iris network says of one eye, from two crops."""

    upper: Floats
    lower: Floats
    centers: Floats  # (2, 2): estimates of the iris's centre
    radius: float


def _look(picture: _Picture, mesh: Floats, angle: float, side: int, widened: float) -> _Look:
    corners, other = (mesh[list(_CORNERS[i]), :2] for i in (side, 1 - side))
    contours, centers, radii = [], [], []
    for _ in range(2):
        width = _width(corners)
        width += widened * max(0.0, _width(other) - width)
        cut = _Cut(corners.mean(0), _EYE * width, angle, _networks.IRIS_SIDE, bool(side))
        contour, iris = (cut.back(points) for points in _networks.iris(picture.crop(cut)))
        contours.append(contour)
        centers.append(iris[0])
        radii.append(max(np.hypot(*(iris[1] - iris[3])), np.hypot(*(iris[2] - iris[4]))) / 2)
        corners = contour[[8, 0]] if side else contour[[0, 8]]
    contour = np.mean(contours, 0)
    upper, lower = contour[_UPPER], contour[_LOWER]
    if side:
        upper, lower = upper[::-1], lower[::-1]
    return _Look(upper.copy(), lower.copy(), np.array(centers), float(np.mean(radii)))


def _width(corners: Floats) -> float:
    return float(np.hypot(*(corners[1] - corners[0])))


def _settled(pixels: NDArray[np.uint8], look: _Look, radius: float) -> Eye:
    center, found, fit = _circle.search(pixels, look.upper, look.lower, look.centers, radius)
    spread = max(float(np.hypot(*(center - other))) for other in look.centers) / radius
    return Eye(look.upper, look.lower, Point(*map(float, center)), found, fit, spread)
