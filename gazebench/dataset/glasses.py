"""Glasses, by the edge that their bridge draws across the nose.

A measure of ours: skin between the eyes is smooth, the bridge of glasses is a line across. In 2,284
generated portraits, of 40 drawn at random at or above ``LIKELY`` 34 wear glasses, and of 40 below
it 6 (rimless ones, and heads that are turned far). Fringes and hats are taken for glasses.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gazebench.dataset.boxes import Point

LIKELY = 24.0  # percent
# of the distance between the eyes: where the strip is, along the line of the eyes and down from it
_ALONG = (0.38, 0.62)
_DOWN = (-0.30, 0.40)
_SHAPE = (48, 16)  # samples down and along


def bridge_edge(portrait: Image.Image, eyes: tuple[Point, Point]) -> float:
    """Strength of the clearest line across the bridge of the nose, percent of the mean grey there.

    ``eyes``: centres in portrait pixels, the left one first.
    """
    strip = _strip(np.asarray(portrait.convert("L"), np.float64), eyes)
    steps = np.abs(strip[2:] - strip[:-2])  # over two samples down
    return float(np.median(steps, axis=1).max() / max(float(strip.mean()), 1.0) * 100)


def _strip(grey: NDArray[np.float64], eyes: tuple[Point, Point]) -> NDArray[np.float64]:
    """Between the eyes, upright, (48, 16); bilinear."""
    left, right = (np.array(eye, np.float64) for eye in eyes)
    along = right - left
    if not math.hypot(*along):
        return np.ones(_SHAPE)
    down = np.array([-along[1], along[0]])
    u = np.linspace(*_ALONG, _SHAPE[1])[None, :, None]
    v = np.linspace(*_DOWN, _SHAPE[0])[:, None, None]
    x, y = np.moveaxis(left + u * along + v * down, 2, 0)
    height, width = grey.shape
    x, y = x.clip(0, width - 1.001), y.clip(0, height - 1.001)
    column, row = x.astype(int), y.astype(int)
    x, y = x - column, y - row
    upper = grey[row, column] * (1 - x) + grey[row, column + 1] * x
    lower = grey[row + 1, column] * (1 - x) + grey[row + 1, column + 1] * x
    return upper * (1 - y) + lower * y
