"""Smooth curves through or along a few points."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_B_SPLINE = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6
_CATMULL_ROM = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2


def along(points: Floats, number: int) -> Floats:
    """``number`` points of the cubic B-spline of ``points`` (K, D), from their first to last."""
    padded = np.concatenate([*[points[:1]] * 2, points, *[points[-1:]] * 2])
    return _cubic(padded, number, _B_SPLINE)


def through(points: Floats, number: int, *, closed: bool = False) -> Floats:
    """``number`` points of a Catmull-Rom spline through ``points`` (K, D)."""
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        first, last = 2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1]
        padded = np.concatenate([first, points, last])
    return _cubic(padded, number, _CATMULL_ROM)


def ramp(value: Floats | float, start: Floats | float, end: Floats | float) -> Floats:
    """Smooth step: 0 up to ``start``, 1 from ``end`` on; falls where ``end`` is the smaller."""
    t = np.clip((value - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def bell(x: Floats, y: Floats, center: tuple[float, float], size: tuple[float, float]) -> Floats:
    """A bump of height 1 around ``center`` that has 61 % left at ``size`` along each axis."""
    return np.exp(-0.5 * (((x - center[0]) / size[0]) ** 2 + ((y - center[1]) / size[1]) ** 2))


def _cubic(points: Floats, number: int, basis: Floats) -> Floats:
    t = np.linspace(0, len(points) - 3, number)
    segment = np.minimum(t.astype(int), len(points) - 4)
    f = (t - segment)[:, None]
    powers = np.concatenate([np.ones_like(f), f, f**2, f**3], axis=1)  # (number, 4)
    return np.einsum("nj,jk,nkd->nd", powers, basis, points[segment[:, None] + np.arange(4)])
