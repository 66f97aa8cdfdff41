"""Corrected eyes go back into the photograph that a portrait was cut from.

Only pixels of the photograph inside the turned eye boxes change, and only by what the method
changed: a portrait pixel that it left alone leaves the photograph's alone, whose detail is often
finer than a portrait's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from gazebench.curation import align
from gazebench.dataset.boxes import Box, Point

_EDGE = 1 / 8  # of an eye box's height: width of the soft edge, inside the box
_LEAST_EDGE = 2.0  # photograph pixels
_REACH = 1 / 15  # of the height: how far a change reaches when detail is judged
_MARGIN = 4  # pixels around an eye box that are turned with it
_SEEN = (4.0, 20.0)  # levels: a change below keeps the photograph's detail, one above replaces it

Pixels = NDArray[np.uint8]
Transform = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Window:
    """An eye box as it is in the photograph: the rows and columns it touches, and how much."""

    box: Box  # photograph pixels
    share: NDArray[np.float64]  # (h, w) of the box: 0 outside the turned eye box, 1 well inside

    @classmethod
    def of(cls, eye: Box, transform: Transform, size: tuple[int, int]) -> "Window | None":
        """Where ``eye`` is in a photograph of ``size`` (width, height); None: outside it.

        ``transform`` maps photograph pixels to portrait pixels.
        """
        back = align.invert(transform)
        ends = (eye.left - 0.5, eye.right - 0.5), (eye.top - 0.5, eye.bottom - 0.5)
        corners = [align.apply(back, Point(x, y)) for x in ends[0] for y in ends[1]]
        left, top = (max(0, math.floor(min(c[i] for c in corners))) for i in (0, 1))
        right, bottom = (
            min(length, math.ceil(max(c[i] for c in corners)) + 1) for i, length in enumerate(size)
        )
        if left >= right or top >= bottom:
            return None
        box = Box(left, top, right, bottom)
        return cls(box, _share(box, eye, transform))


def paste(
    photograph: Pixels, transform: Transform, eyes: Sequence[Box], source: Pixels, corrected: Pixels
) -> None:
    """Change ``photograph`` (H, W, C) by what differs in the eye boxes of a portrait cut from it.

    ``source``, ``corrected``: the portrait (S, S, C) before and after; ``transform`` maps
    photograph pixels to portrait pixels. Every pixel outside the turned boxes stays.
    """
    height, width = photograph.shape[:2]
    channels = source.shape[2]
    for eye in eyes:
        window = Window.of(eye, transform, (width, height))
        if window is None:
            continue
        box = window.box
        there = photograph[box.top : box.bottom, box.left : box.right]
        changes = _changes(source, corrected, eye)
        planes = [*source.transpose(2, 0, 1), *corrected.transpose(2, 0, 1), changes]
        turned = [_turned(plane, transform, box, eye) for plane in planes]
        old, new, seen = np.split(np.stack(turned, axis=2), (channels, 2 * channels), axis=2)
        replaced = ((seen - _SEEN[0]) / (_SEEN[1] - _SEEN[0])).clip(0, 1)
        change = new - old + replaced * (old - there)
        mixed = there + window.share[..., None] * change
        there[:] = np.rint(mixed).clip(0, 255).astype(np.uint8)


def _changes(source: Pixels, corrected: Pixels, eye: Box) -> Pixels:
    """Largest change near each portrait pixel, in levels, (S, S); 0 far from the eye box."""
    reach = max(1, round(eye.height * _REACH))
    rows = slice(max(0, eye.top - 8 * reach), eye.bottom + 8 * reach)
    near = rows, slice(max(0, eye.left - 8 * reach), eye.right + 8 * reach)
    levels = np.abs(source[near].astype(np.int16) - corrected[near]).max(axis=2).astype(np.uint8)
    spread = Image.fromarray(levels).filter(ImageFilter.MaxFilter(2 * reach + 1))
    changes = np.zeros(source.shape[:2], np.uint8)
    changes[near] = np.asarray(spread.filter(ImageFilter.GaussianBlur(reach)))
    return changes


def _share(box: Box, eye: Box, transform: Transform) -> NDArray[np.float64]:
    """How much of a photograph pixel is the eye's: 0 outside, rising smoothly to 1 inside."""
    a, b, c, d, e, f = transform
    y, x = np.mgrid[box.top : box.bottom, box.left : box.right].astype(np.float64)
    column, row = a * x + b * y + c, d * x + e * y + f
    scale = math.hypot(a, d)  # portrait pixels to a photograph pixel
    sides = (column - eye.left, eye.right - 1 - column, row - eye.top, eye.bottom - 1 - row)
    depth = (np.minimum.reduce(sides) + 0.5) / scale
    edge = max(_LEAST_EDGE, _EDGE * eye.height / scale)
    share = (depth / edge).clip(0, 1)
    return share * share * (3 - 2 * share)


def _turned(plane: Pixels, transform: Transform, box: Box, eye: Box) -> NDArray[np.float32]:
    """The part of the photograph inside ``box`` as one colour of the portrait, (S, S), shows it.

    Bicubic; where the portrait is finer than the photograph, it is first reduced by Lanczos, since
    Pillow's turning reads single places. Only what is near the eye box is right.
    """
    picture = Image.fromarray(plane.astype(np.float32))  # turning cuts 8-bit values off, not round
    side = picture.width
    scale = min(side, max(1, round(side / math.hypot(transform[0], transform[3])))) / side
    left, top = (max(0, math.floor(v * scale) - _MARGIN) for v in (eye.left, eye.top))
    right, bottom = (
        min(round(side * scale), math.ceil(v * scale) + _MARGIN) for v in (eye.right, eye.bottom)
    )
    if scale < 1:
        near = left / scale, top / scale, min(side, right / scale), min(side, bottom / scale)
        size = right - left, bottom - top
        picture = picture.resize(size, Image.Resampling.LANCZOS, box=near)
    else:
        picture = picture.crop((left, top, right, bottom))
    a, b, c, d, e, f = transform
    x, y = box.left - 0.5, box.top - 0.5
    # Pillow's map takes edges, ours takes pixel centres: shift by half a pixel on both sides
    edges = [a, b, a * x + b * y + c + 0.5, d, e, d * x + e * y + f + 0.5]
    edges = [value * scale for value in edges]
    edges[2], edges[5] = edges[2] - left, edges[5] - top
    turned = picture.transform(
        (box.width, box.height), Image.Transform.AFFINE, edges, resample=Image.Resampling.BICUBIC
    )
    return np.asarray(turned)
