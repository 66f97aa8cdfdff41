"""The head, neck and shoulders as surfaces: grids of points in inter-ocular distances.

Head axes: x to the image's right, y down, z forward; the origin lies between the eyes, in the
plane of the ears. Each surface is a stack of rings (superellipses) with bumps pressed into it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gazebench.synthetic.curves import Floats, along, bell, ramp
from gazebench.synthetic.look import Shape

CHIN = 1.79  # height of the average chin
_POWER = 2.3  # of the superellipse of a ring: the face is flatter in front than an ellipse
# height, half width, then z of the widest place, of the front and of the back
_HEAD_RINGS = np.array(
    [(-1.82, 0.00, -0.30, -0.30, -0.30), (-1.82, 0.36, -0.30, 0.05, -0.75),
     (-1.70, 0.68, -0.29, 0.46, -1.15), (-1.45, 0.93, -0.27, 0.80, -1.45),
     (-1.10, 1.08, -0.22, 1.00, -1.65), (-0.75, 1.14, -0.16, 1.09, -1.70),
     (-0.40, 1.14, -0.10, 1.12, -1.70), (-0.05, 1.13, -0.05, 1.08, -1.65),
     (0.30, 1.13, -0.02, 1.08, -1.50), (0.65, 1.08, 0.05, 1.09, -1.30),
     (0.95, 1.01, 0.12, 1.11, -1.05), (1.22, 0.91, 0.20, 1.12, -0.85),
     (1.44, 0.76, 0.30, 1.12, -0.60), (1.62, 0.54, 0.42, 1.11, -0.30),
     (1.74, 0.33, 0.55, 1.06, 0.10), (CHIN, 0.15, 0.66, 0.97, 0.40),
     (CHIN, 0.00, 0.75, 0.84, 0.60)]
)  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """Points of a surface: a row goes around it to the right, a column down it."""

    points: Floats  # (R, C, 3)

    @property
    def flat(self) -> Floats:
        """The points as a list, (R * C, 3)."""
        return self.points.reshape(-1, 3)

    def moved(self, turn: Floats, offset: Floats) -> "Grid":
        """The grid rotated by ``turn`` (3, 3), then moved by ``offset`` (3,)."""
        moved = turned(self.flat, turn) + offset.astype(self.points.dtype)
        return Grid(moved.reshape(self.points.shape))

    def facing(self) -> NDArray[np.bool_]:
        """Which points have the camera on their outer side, (R * C,); for camera axes."""
        x, y = self.points[..., 0], self.points[..., 1]
        (x_down, x_around), (y_down, y_around) = np.gradient(x), np.gradient(y)
        return (x_around * y_down > y_around * x_down).ravel()

    def normals(self, index: NDArray[np.int64]) -> Floats:
        """Outward normals (P, 3), length 1, of points by their number in ``flat``."""
        rows, columns, _ = self.points.shape
        row, column = np.divmod(index, columns)
        up, down = np.maximum(row - 1, 0), np.minimum(row + 1, rows - 1)
        left, right = np.maximum(column - 1, 0), np.minimum(column + 1, columns - 1)
        around = self.points[row, right] - self.points[row, left]
        normals = np.cross(around, self.points[down, column] - self.points[up, column])
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def turned(vectors: Floats, turn: Floats) -> Floats:
    """Vectors (N, 3) rotated by ``turn`` (3, 3)."""
    # a matrix product would start threads, whose number could change the last bit
    return np.einsum("nk,jk->nj", vectors, turn.astype(vectors.dtype))


class Head:
    """The head of one shape: its surface, and the depth of places on its face."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        # height, half width, z of the sides, the front and the back, from the crown to the chin
        self.rings = _shaped_rings(shape)
        self._fine = along(self.rings, 600)

    def grid(self, rows: int, columns: int) -> Grid:
        """The whole surface."""
        points, angle = stack(along(self.rings, rows), columns, reach=0.85)
        front = np.abs(angle) < np.pi / 2
        points[:, front, 2] += self._bumps(points[:, front, 0], points[:, front, 1])
        return Grid(points)

    def inset(self, x: Floats, y: Floats) -> Floats:
        """How far places are from the middle of the face: 0 there, 1 at its outline."""
        return np.abs(x) / np.maximum(np.interp(y, self._fine[:, 0], self._fine[:, 1]), 1e-6)

    def depth(self, x: Floats, y: Floats) -> Floats:
        """How far forward (z) the face is at places given by x and y."""
        side, front = (np.interp(y, self._fine[:, 0], self._fine[:, i]) for i in (2, 3))
        across = np.minimum(self.inset(x, y), 1)
        return side + (front - side) * (1 - across**_POWER) ** (1 / _POWER) + self._bumps(x, y)

    def contour(self, heights: Floats, side: int) -> Floats:
        """Points (N, 3) of the widest line of the head at ``heights``, left (-1) or right (1)."""
        width, z = (np.interp(heights, self._fine[:, 0], self._fine[:, i]) for i in (1, 2))
        return np.stack([side * width, heights, z], axis=1)

    @property
    def chin(self) -> float:
        """Height of the chin's lowest point."""
        return float(self._fine[-1, 0])

    def _bumps(self, x: Floats, y: Floats) -> Floats:
        """Sockets, eyeballs, brows, cheeks, mouth and chin, and the nose."""
        s, a = self.shape, np.abs(x)
        low = s.chin
        face = (
            -0.15 * bell(a, y, (0.44, 0.0), (0.24, 0.17))
            + 0.07 * bell(a, y, (0.5, -0.02), (0.19, 0.13))
            + 0.07 * bell(a, y, (0.45, -0.36), (0.36, 0.12))
            + 0.05 * s.cheeks * bell(a, y, (0.72, 0.5 - 0.08 * s.smile), (0.26, 0.22))
            + 0.05 * s.smile * bell(a, y, (0.6, 0.68), (0.16, 0.16))
            - 0.05 * bell(a, y, (0.78, 1.0), (0.2, 0.25))
            + 0.09 * bell(x, y, (0, 1.06 * low), (0.34, 0.17))
            - 0.045 * bell(x, y, (0, 1.34 * low), (0.2, 0.07))
            + 0.07 * bell(x, y, (0, 1.6 * low), (0.26, 0.15))
        )
        return face + self._nose(x, y)

    def _nose(self, x: Floats, y: Floats) -> Floats:
        s = self.shape
        t = y / s.nose_length
        rise = ramp(t, -0.3, 0.56) ** 1.2 * ramp(t, 0.74, 0.56)
        width = (0.1 + 0.075 * ramp(t, 0.15, 0.6)) * (0.6 + 0.4 * s.nose_width)
        ridge = (0.08 * bell(x, t, (0, -0.02), (0.1, 0.3)) + 0.4 * rise) * s.nose_height
        wings = 0.13 * bell(np.abs(x), t, (0.165 * s.nose_width, 0.6), (0.07, 0.085))
        return ridge * np.exp(-0.5 * (x / width) ** 2) + wings


def ear(side: int, size: float) -> Grid:
    """An ear on the left (-1) or right (1), in head axes."""
    t, a = np.meshgrid(
        np.linspace(0.02, np.pi - 0.02, 110, dtype=np.float32),
        np.linspace(0, -side * 2 * np.pi, 110, dtype=np.float32),
        indexing="ij",
    )
    x = 0.1 * np.sin(t) * np.cos(a)
    y = -0.42 * np.cos(t) * size
    z = 0.24 * np.sin(t) * np.sin(a) * size * (1 + 0.25 * np.cos(t))
    return Grid(np.stack([side * (1.17 + x + 0.14 * (0.3 - z)), 0.27 + y, z - 0.22], axis=-1))


def ball(center: Floats, radius: float) -> Grid:
    """A ball, in head axes."""
    down, around = np.linspace(0, np.pi, 90), np.linspace(-np.pi, np.pi, 180)
    t, a = np.meshgrid(down, around, indexing="ij")
    out = np.stack([np.sin(t) * np.sin(a), -np.cos(t), np.sin(t) * np.cos(a)], axis=-1)
    return Grid((center + radius * out).astype(np.float32))


def neck(width: float, steps: float) -> Grid:
    """The neck, in body axes (the origin is where it meets the head), at ``steps`` per IOD."""
    rings = np.array(
        [(-0.6, 0.62, 0, 0.5, -0.6), (0.0, 0.62, 0, 0.5, -0.6), (0.6, 0.64, 0, 0.56, -0.6),
         (1.1, 0.7, 0, 0.6, -0.7)]
    ) * (1, width, 1, 1, 1)  # fmt: skip
    rows, columns = round(3 * steps), round(4 * steps)
    return Grid(stack(along(rings, rows), columns, reach=0.8, power=2)[0])


def shoulders(width: float, steps: float) -> Grid:
    """The upper body, in body axes, at ``steps`` per IOD."""
    rings = np.array(
        [(0.75, 0.5, -0.15, 0.3, -0.6), (0.95, 0.72, -0.15, 0.45, -0.8),
         (1.15, 1.05, -0.2, 0.6, -0.9), (1.4, 1.6, -0.2, 0.72, -0.95),
         (1.8, 2.15, -0.2, 0.82, -0.95), (2.4, 2.45, -0.2, 0.95, -0.95),
         (3.6, 2.5, -0.2, 1.05, -0.95)]
    ) * (1, width, 1, 1, 1)  # fmt: skip
    return Grid(stack(along(rings, round(4.5 * steps)), round(9 * steps), reach=0.8)[0])


def stack(
    rings: Floats, columns: int, *, reach: float = 1.0, power: float = _POWER
) -> tuple[Floats, Floats]:
    """Points (rows, columns, 3) of rings (rows, 5), and their angles (columns,).

    They go around as far as ``reach``: at 1 all around, at 0.85 as far as can be seen of a head.
    """
    y, width, side, front, back = (rings[:, i, None].astype(np.float32) for i in range(5))
    u = np.linspace(-reach, reach, columns, dtype=np.float32)[None, :]
    angle = np.pi * (0.5 * u + 0.5 * u**3)  # twice as dense in front, where the nose is steep
    s, c = np.sin(angle), np.cos(angle)
    x = width * np.sign(s) * np.abs(s) ** (2 / power)
    z = side + np.abs(c) ** (2 / power) * np.where(c > 0, front - side, back - side)
    points = np.stack([x, np.broadcast_to(y, x.shape), z], axis=-1)
    return points, angle[0]


def _shaped_rings(s: Shape) -> Floats:
    rings = _HEAD_RINGS.copy()
    y = rings[:, 0].copy()
    rings[:, 0] *= np.where(y > 0, s.chin, s.forehead)
    rings[:, 1] *= s.width * (1 + (s.jaw - 1) * ramp(y, 0.4, 1.5))
    return rings
