"""Beards: where the skin is darker, and single hairs."""

import numpy as np
from numpy.typing import NDArray

from gazebench.synthetic.canvas import hairs
from gazebench.synthetic.curves import Floats, bell, ramp
from gazebench.synthetic.look import Look
from gazebench.synthetic.scene import Easel, Scene

_STUBBLE = 0.45  # up to this much of a beard no single hair is seen
_EDGE = ([0, 0.3, 0.45, 0.75, 1.0, 1.15], [1.32, 1.28, 1.1, 0.88, 0.45, 0.1])  # |x|, height


def beard_at(look: Look, x: Floats, y: Floats) -> Floats:
    """How much of the skin a beard hides at places of the face, (N,) in [0, 1]."""
    if look.beard + look.moustache == 0:
        return np.zeros_like(x)
    a, low = np.abs(x), look.shape.chin
    edge = np.interp(a, *_EDGE) * low
    jaw = ramp(y, edge - 0.12, edge + 0.25) * look.beard
    lip = bell(x, y, (0, 0.85 * low), (0.34, 0.07)) * (a < 0.5)
    around = bell(a, y, (0.5, 1.12 * low), (0.09, 0.2)) * look.beard
    return np.clip(np.maximum(jaw, np.maximum(lip, around) * look.moustache), 0, 1)


def paint_beard(easel: Easel) -> None:
    """Single hairs of a full beard, pointing down and outwards."""
    scene, look, rng = easel.scene, easel.scene.look, easel.personal("beard")
    number = round(3600 * (max(look.beard, look.moustache) - _STUBBLE))
    if number <= 0:
        return
    spots = rng.uniform((-1.05, 0.2), (1.05, 1.75), (number, 2))
    lean = np.stack([0.5 * spots[:, 0], np.ones(number)], axis=1) + rng.normal(0, 0.25, (number, 2))
    is_grown = beard_at(look, *spots.T) > rng.uniform(0.25, 0.9, number)
    is_grown &= ~_is_lip(scene, spots) & (scene.head.inset(*spots.T) < 0.88)
    roots = scene.place_flat(spots[is_grown])
    across, along = 0.05 * lean[is_grown].T[..., None]
    tips = roots + across * scene.right + along * scene.down
    drawn = hairs(roots, tips, 0.01 * scene.unit)
    easel.canvas.fill_all(drawn[::2], look.hair.color * 0.52, 0.5)
    easel.canvas.fill_all(drawn[1::2], look.hair.color * 0.86, 0.4)


def _is_lip(scene: Scene, spots: Floats) -> NDArray[np.bool_]:
    x, y = scene.features.lips_outer[:, 0], scene.features.lips_outer[:, 1]
    half, high = np.ptp(x) / 2, np.ptp(y) / 2
    return np.hypot(spots[:, 0] / half, (spots[:, 1] - y.mean()) / high) < 1.15
