"""Surfaces become lit pixels: points are sorted by depth, the nearest of each pixel stays.

This is done on a small picture; its colours are enlarged smoothly and cut out along a mask that
is sharpened again, so that outlines are crisp.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from gazebench.synthetic.canvas import Canvas
from gazebench.synthetic.curves import Floats
from gazebench.synthetic.pose import Pose

Bools = NDArray[np.bool_]
_SOFT = 1.2  # pixels of the small picture by which the mask is smoothed
_MARGIN = 5  # pixels of the small picture around what is seen
_REACH = 8.0  # IOD: nothing is further than this before or behind the eyes
_OUTWARD = (-1, -1, 1, 1)  # from a box's left, top, right, bottom
_SHARPEN = [max(0, min(255, round((v - 127.5) * 4.5 + 127.5))) for v in range(256)]


@dataclass(frozen=True)
class Visible:
    """What is seen of points: for each pixel with one, which it is."""

    side: int
    index: NDArray[np.int64]  # (P,) of the points
    pixel: NDArray[np.int64]  # (P,) row * side + column
    z: Floats  # (P,)

    def before(self, depth: Floats) -> "Visible":
        """What of it is nearer than ``depth`` (side * side)."""
        keep = self.z > depth[self.pixel]
        return Visible(self.side, self.index[keep], self.pixel[keep], self.z[keep])

    @cached_property
    def mask(self) -> Image.Image:
        """255 where a point is seen, on the small picture."""
        values = np.zeros(self.side**2, np.uint8)
        values[self.pixel] = 255
        return Image.fromarray(values.reshape(self.side, self.side))

    @cached_property
    def depth(self) -> Floats:
        """How near each pixel is (side * side): -inf for nothing, inf in gaps between points."""
        near = np.asarray(self.mask.filter(ImageFilter.GaussianBlur(_SOFT))).ravel()
        depth = np.where(near > 100, np.inf, -np.inf)
        depth[self.pixel] = self.z
        return depth

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """The part of the small picture that it takes, with a margin; None for nothing."""
        if (box := self.mask.getbbox()) is None:
            return None
        left, top, right, bottom = (v + d * _MARGIN for v, d in zip(box, _OUTWARD, strict=True))
        return max(0, left), max(0, top), min(self.side, right), min(self.side, bottom)


@dataclass(frozen=True)
class Cut:
    """Where something was painted: a mask whose left top corner stands at ``at``."""

    mask: Image.Image
    at: tuple[int, int]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Its rectangle on the canvas."""
        return (*self.at, self.at[0] + self.mask.width, self.at[1] + self.mask.height)


def see(places: Floats, z: Floats, is_there: Bools, side: int) -> Visible:
    """The nearest point of each pixel: ``places`` (N, 2) as fractions of the side, larger z wins.

    Points where not ``is_there`` (N,) are left out; for a closed surface those that face away, so
    that none shines through a gap.
    """
    x, y = places[:, 0] * side, places[:, 1] * side
    kept = np.flatnonzero(is_there & (x >= 0) & (x < side) & (y >= 0) & (y < side))
    levels = (z[kept].clip(-_REACH, _REACH) + _REACH) * (65535 / (2 * _REACH))
    kept = kept[np.argsort(levels.astype(np.uint16), kind="stable")]  # 16 bits: a radix sort
    pixel = y[kept].astype(np.int64) * side + x[kept].astype(np.int64)
    nearest = np.full(side * side, -1)
    nearest[pixel] = kept  # the last one, the nearest, stays
    pixel = np.flatnonzero(nearest >= 0)
    return Visible(side, nearest[pixel], pixel, z[nearest[pixel]])


def lit(normals: Floats, pose: Pose, *, wrap: float = 0.35) -> Floats:
    """Light (N, 3) that arrives at surfaces with ``normals`` (N, 3) in camera axes."""
    normals = np.where(normals[:, 2:] < 0, -normals, normals)
    facing = np.clip((_dot(normals, pose.light) + wrap) / (1 + wrap), 0, 1)
    sky = 0.5 - 0.5 * normals[:, 1]
    warm = np.array([1 + 0.05 * pose.warmth, 1, 1 - 0.07 * pose.warmth])
    ambient = (0.74 - 0.36 * pose.key) + 0.16 * (sky - 0.5)
    return ambient[:, None] * (2 - warm) + (0.22 + 0.5 * pose.key) * facing[:, None] * warm


def shine(normals: Floats, pose: Pose, power: float) -> Floats:
    """Reflection of the light in a glossy surface, (N,) in [0, 1]."""
    half = np.add(pose.light, (0, 0, 1))
    half /= np.linalg.norm(half)
    return np.clip(_dot(normals, half), 0, 1) ** power


def _dot(vectors: Floats, other: Floats) -> Floats:
    return np.einsum("nk,k->n", vectors, other.astype(vectors.dtype))


def paste(canvas: Canvas, seen: Visible, colors: Floats) -> Cut | None:
    """Paint what is seen in ``colors`` (P, 3), and say where; None for nothing."""
    if (box := seen.box) is None:
        return None
    picture = np.zeros((seen.side**2, 3), np.uint8)
    picture[seen.pixel] = (np.clip(colors, 0, 1) * 255).round()
    known = Image.fromarray(picture.reshape(seen.side, seen.side, 3)).crop(box)
    times = canvas.side // seen.side
    size = (known.width * times, known.height * times)
    large = _spread(known, seen.mask.crop(box)).resize(size, Image.Resampling.BILINEAR)
    soft = seen.mask.crop(box).filter(ImageFilter.GaussianBlur(_SOFT))
    mask = soft.resize(size, Image.Resampling.BICUBIC).point(_SHARPEN)
    cut = Cut(mask, (box[0] * times, box[1] * times))
    canvas.paste(large, cut.mask, cut.at)
    return cut


def _spread(known: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture with its colours continued into the pixels where nothing was seen."""
    blur = ImageFilter.GaussianBlur(2)
    weight = np.maximum(np.asarray(mask.filter(blur), np.float32)[..., None], 1)
    near = np.asarray(known.filter(blur), np.float32) * (255 / weight)
    around = Image.fromarray(near.clip(0, 255).astype(np.uint8))
    return Image.composite(known, around, mask)
