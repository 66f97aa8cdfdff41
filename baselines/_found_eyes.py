"""Eyes of portraits as methods need them: found once for each, and whether they may be changed."""

import hashlib
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from gazebench.dataset.boxes import Box, Point
from gazebench.irises import Eye, EyePair, find_eyes

Pixels = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]

MOST = 1024  # portraits whose eyes are remembered; a pair takes 13 kB
_AGREE = 0.7  # iris radii between estimates of an iris, beyond which it is not moved
_SEEN = 0.2  # fit of the iris's circle, below which it is not moved
_TURNED_DEG = 36.0  # yaw of the head beyond which the far eye shows too little
_CONTRAST = 0.25  # least range of brightness between the lids, of the cheeks' brightness
_CHEEKS = (50, 280, 205, 425)  # points of the mesh


class FoundEyes:
    """Finds the eyes of a portrait when they are first asked for; the newest are remembered."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, EyePair] = OrderedDict()

    def forget(self) -> None:
        """Remember none of the portraits so far."""
        self._known.clear()

    def of(self, pixels: Pixels, boxes: tuple[Box, Box]) -> EyePair:
        """The eyes of a portrait (H, W, 3) near the middles of its eye boxes, as ``find_eyes``."""
        key = hashlib.sha256(pixels.tobytes()).digest() + repr(boxes).encode()
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        left, right = (Point((b.left + b.right - 1) / 2, (b.top + b.bottom - 1) / 2) for b in boxes)
        pair = self._known[key] = find_eyes(pixels, (left, right))
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return pair


def why_not(pixels: Pixels, pair: EyePair, *, careful: bool) -> str:
    """Why the eyes of a portrait (H, W, 3) are left as they are; "" where they are not.

    ``careful``: also where they show too little to be painted well, as behind dark glasses.
    """
    if pair.doubt or not careful:
        return pair.doubt
    if max(eye.spread for eye in pair.eyes) > _AGREE:
        return "the estimates of an iris disagree"
    if min(eye.fit for eye in pair.eyes) < _SEEN:
        return "an iris cannot be seen"
    if abs(pair.head.yaw_deg) > _TURNED_DEG:
        return "the head is turned too far"
    cheeks = _brightness_at(pixels, pair.mesh[list(_CHEEKS), :2], pair.left.radius)
    if max(_range(pixels, eye) for eye in pair.eyes) < _CONTRAST * cheeks:
        return "the eyes hardly show: dark glasses, deep shade or narrow lids"
    return ""


def _brightness_at(pixels: Pixels, points: Floats, radius: float) -> float:
    """Median brightness of small squares around points (N, 2) x, y."""
    half = max(1, round(radius / 2))
    height, width = pixels.shape[:2]
    squares = []
    for x, y in np.rint(points).astype(int):
        x, y = np.clip(x, half, width - half - 1), np.clip(y, half, height - half - 1)
        squares.append(pixels[y - half : y + half + 1, x - half : x + half + 1].mean(-1))
    return float(np.median(squares))


def _range(pixels: Pixels, eye: Eye) -> float:
    """From nearly the darkest to nearly the brightest between the lids of an eye."""
    outline = np.concatenate([eye.upper, eye.lower[::-1]])
    left, top = np.maximum(np.floor(outline.min(0)).astype(int), 0)
    right, bottom = np.ceil(outline.max(0)).astype(int) + 1
    near = pixels[top:bottom, left:right].mean(-1)
    if not near.size:
        return 0.0
    mask = Image.new("L", near.shape[::-1])
    ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in outline], fill=1)
    inside = near[np.asarray(mask) > 0]
    return float(np.diff(np.quantile(inside, [0.05, 0.9]))[0]) if inside.size else 0.0
