"""Pixels and geometry of one eye box, on a grid finer than the portrait's where that is small."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter

from gazebench.dataset.boxes import Box
from gazebench.irises import Eye

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[np.uint8]

_MARGIN = 4  # pixels around the box that are read as well


class TooLittleError(ValueError):
    """Too little of the sclera or the iris shows for it to be completed."""


class View:
    """Pixels and geometry of one eye box on a grid of ``fine`` places to a pixel.

    ``a`` runs along the corners from the middle between them, ``b`` across, downwards; both in
    units. ``upper`` and ``lower`` are the lids' b at every a.
    """

    def __init__(
        self, pixels: Pixels, eye: Eye, box: Box, unit: float, cover: Floats | None = None
    ) -> None:
        self.box, self.unit, self.cover = box, unit, cover
        self.fine = 1 if unit > 2 else 2
        left, right = (np.array(corner) for corner in eye.corners)
        self.middle = (left + right) / 2
        self.along = (right - left) / max(float(np.hypot(*(right - left))), 1e-6)
        self.half = eye.width / 2 / unit
        self.radius = eye.radius / unit
        self.center = self.turned(np.array(eye.iris) - self.middle)
        rows, columns = (
            (np.arange(n * self.fine) + 0.5) / self.fine - 0.5 + start
            for n, start in ((box.height, box.top), (box.width, box.left))
        )
        x, y = np.meshgrid(columns, rows)
        self.to_edge = np.minimum.reduce(
            [x - box.left, box.right - 1 - x, y - box.top, box.bottom - 1 - y]
        )
        offsets = np.stack([x, y], -1) - self.middle
        self.a = (offsets @ self.along) / unit
        self.b = (offsets @ self._across()) / unit
        self.u = self.a / self.half
        self.upper = self.lid(eye.upper, self.a)
        self.lower = self.lid(eye.lower, self.a)
        self._filtered = _read(pixels, box)
        self.colors = self.source(self.a, self.b)  # (h, w, 3)
        self.light = self.colors.mean(-1)

    def free(self) -> NDArray[np.bool_]:
        """Where nothing covers the eye, (h, w)."""
        if self.cover is None:
            return np.ones_like(self.light, bool)
        return np.repeat(np.repeat(self.cover < 0.1, self.fine, 0), self.fine, 1)

    def turned(self, offset: Floats) -> Floats:
        """An offset in pixels (2,) as (a, b)."""
        return np.array([offset @ self.along, offset @ self._across()]) / self.unit

    def source(self, a: Floats, b: Floats) -> Floats:
        """Colours of the portrait at (a, b), bicubic: (..., 3)."""
        x = self.middle[0] + self.unit * (a * self.along[0] - b * self.along[1])
        y = self.middle[1] + self.unit * (a * self.along[1] + b * self.along[0])
        places = [y - self.box.top + _MARGIN, x - self.box.left + _MARGIN]
        planes = [
            map_coordinates(plane, places, order=3, mode="nearest", prefilter=False)
            for plane in self._filtered
        ]
        return np.stack(planes, -1)

    def on_grid(self, layer: Floats, a: Floats, b: Floats, *, outside: str = "nearest") -> Floats:
        """A layer of the grid, (h, w) or (h, w, 3), at (a, b), bilinear."""
        x = self.middle[0] + self.unit * (a * self.along[0] - b * self.along[1]) - self.box.left
        y = self.middle[1] + self.unit * (a * self.along[1] + b * self.along[0]) - self.box.top
        places = [(v + 0.5) * self.fine - 0.5 for v in (y, x)]
        if layer.ndim == 2:
            return map_coordinates(layer, places, order=1, mode=outside)
        planes = [map_coordinates(layer[..., i], places, order=1, mode=outside) for i in range(3)]
        return np.stack(planes, -1)

    def blurred(self, layer: Floats, sigma: float) -> Floats:
        """Gaussian blur by ``sigma`` units."""
        size = sigma * self.unit * self.fine
        return gaussian_filter(layer, (size, size, *[0] * (layer.ndim - 2)))

    def from_iris(self) -> Floats:
        """Distance from the iris's centre, (h, w)."""
        return np.hypot(self.a - self.center[0], self.b - self.center[1])

    def shows_iris(self) -> NDArray[np.bool_]:
        """Where the portrait shows the iris, clear of its edge and of the lids, (h, w)."""
        open_ = (self.b - self.upper > 1.2) & (self.lower - self.b > 0.8)
        return open_ & (self.from_iris() < self.radius - 0.4) & self.free()

    def height(self) -> Floats:
        """Opening of the eye at every place, at least 1."""
        return np.maximum(self.lower - self.upper, 1)

    def lid(self, points: Floats, a: Floats) -> Floats:
        """A lid's b at places a, from points (N, 2) of it in the portrait's pixels."""
        offsets = points - self.middle
        at, b = (offsets @ self.along) / self.unit, (offsets @ self._across()) / self.unit
        at = np.maximum.accumulate(at) + np.arange(len(at)) * 1e-3  # a doubtful lid may fold
        return PchipInterpolator(at, b)(np.clip(a, at[0], at[-1]))

    def coarse(self, layer: Floats) -> Floats:
        """A layer of the grid, (h, w, 3), in the portrait's pixels."""
        height, width = self.box.height, self.box.width
        return layer.reshape(height, self.fine, width, self.fine, 3).mean((1, 3))

    def _across(self) -> Floats:
        return np.array([-self.along[1], self.along[0]])


def smooth(t: Any) -> Any:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _read(pixels: Pixels, box: Box) -> list[Floats]:
    """Spline coefficients of the three colours of the box with its margin."""
    rows = np.clip(np.arange(box.top - _MARGIN, box.bottom + _MARGIN), 0, pixels.shape[0] - 1)
    columns = np.clip(np.arange(box.left - _MARGIN, box.right + _MARGIN), 0, pixels.shape[1] - 1)
    near = pixels[np.ix_(rows, columns)].astype(float)
    return [spline_filter(near[..., i], order=3, mode="nearest") for i in range(3)]
