"""From a source picture to a square portrait: one affine map, one antialiased resampling.

Three alignments. ``none``: the largest centred square, which is CelebA's customary 178x178 crop
and the whole of CelebA-HQ. ``eyes``: a similarity transform that puts both eyes where
they are on average in the released CelebGaze. ``ffhq``: the oriented square of Karras et al.
(2019), from eyes and mouth. Where the square leaves the picture, the picture is mirrored; what
share of it does is `outside`.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gazebench.dataset.boxes import Point
from gazebench.dataset.pictures import piece
from gazebench.errors import MissingPartError

ALIGNMENTS = ("none", "eyes", "ffhq")
PADDING = "mirror (reflect, edge pixel not repeated)"  # where the square leaves the picture
_EYES_AT = (Point(78.6, 92.9), Point(177.8, 92.7))  # of 256: means of the released X list
_FINEST = 8  # places read per portrait pixel, along a side


class AlignmentError(Exception):
    """The square reaches further outside the picture than mirroring can fill."""


@dataclass(frozen=True, slots=True)
class Square:
    """An oriented square in the source: centre and the half side's direction to the right."""

    center: Point
    half_side: Point  # vector from the centre to the middle of the right edge, source pixels

    @property
    def side(self) -> float:
        """Length of an edge in source pixels."""
        return 2 * math.hypot(*self.half_side)

    def transform(self, resolution: int) -> tuple[float, float, float, float, float, float]:
        """Affine map (a, b, c, d, e, f): portrait x = a·x + b·y + c, y = d·x + e·y + f.

        Both sides count pixel centres, so the portrait's edge lies at -0.5.
        """
        scale = resolution / self.side
        cos, sin = (2 * v / self.side for v in self.half_side)
        a, b, d, e = scale * cos, scale * sin, 0.0 - scale * sin, scale * cos
        middle = resolution / 2 - 0.5
        c = middle - a * self.center.x - b * self.center.y
        f = middle - d * self.center.x - e * self.center.y
        return a, b, c, d, e, f


def apply(transform: tuple[float, ...], point: Point) -> Point:
    """A source point in portrait pixels."""
    a, b, c, d, e, f = transform
    return Point(a * point.x + b * point.y + c, d * point.x + e * point.y + f)


def reduced(
    transform: tuple[float, float, float, float, float, float], scale: int
) -> tuple[float, float, float, float, float, float]:
    """The map from pixels of a picture, given that from a copy of it, smaller by ``scale``."""
    a, b, c, d, e, f = transform
    shift = 0.5 / scale - 0.5  # both count pixel centres
    return a / scale, b / scale, c + (a + b) * shift, d / scale, e / scale, f + (d + e) * shift


def invert(transform: tuple[float, ...]) -> tuple[float, float, float, float, float, float]:
    """The map from portrait pixels back to source pixels."""
    a, b, c, d, e, f = transform
    det = a * e - b * d
    ia, ib, id_, ie = e / det, -b / det, -d / det, a / det
    return ia, ib, -(ia * c + ib * f), id_, ie, -(id_ * c + ie * f)


def square(
    kind: str, size: tuple[int, int], left: Point, right: Point, mouth: Point | None
) -> Square:
    """The square of one of ``ALIGNMENTS`` for a picture of ``size`` (width, height).

    ``left``, ``right``, ``mouth``: eye centres and the middle of the mouth, source pixels.

    Raises:
        AlignmentError: ``ffhq`` without a mouth.
    """
    if kind == "none":
        return _centered(size)
    if kind == "eyes":
        return _by_eyes(left, right)
    if mouth is None:
        raise AlignmentError("--align ffhq needs the mouth, which this landmark finder lacks")
    return _ffhq(left, right, mouth)


def cut(picture: Image.Image, frame: Square, resolution: int) -> Image.Image:
    """The portrait of ``resolution`` x ``resolution`` pixels inside ``frame``.

    An upright square inside the picture is reduced by Lanczos. Else the picture is read bicubically
    at turned places, and these are reduced by Lanczos, both by libvips. The places lie halfway
    between the density of the picture and that of the portrait: what folds over there lies beyond
    the portrait's band, and the Lanczos filter takes it away.

    Raises:
        AlignmentError: the square reaches beyond the mirrored picture.
        MissingPartError: it is turned and libvips cannot be loaded.
    """
    if frame.half_side.y == 0 and _inside(frame, picture.size):
        left, top = (v + 0.5 - frame.side / 2 for v in frame.center)
        box = (left, top, left + frame.side, top + frame.side)
        return picture.resize((resolution, resolution), Image.Resampling.LANCZOS, box=box)
    pixels, frame = _mirrored(picture, frame)
    turned = _turned(pixels, frame, resolution)
    return Image.frombytes("RGB", (resolution, resolution), turned)


def _turned(pixels: NDArray[np.uint8], frame: Square, resolution: int) -> bytes:
    vips = _vips()
    halfway = math.ceil((frame.side + resolution) / 2)
    fine = min(max(resolution, halfway), _FINEST * resolution)
    a, b, c, d, e, f = frame.transform(fine)
    height, width = pixels.shape[:2]
    places = vips.Image.new_from_memory(pixels, width, height, 3, "uchar").affine(
        [a, b, d, e],
        odx=c,
        ody=f,
        oarea=[0, 0, fine, fine],
        interpolate=vips.Interpolate.new("bicubic"),
    )
    # gap 0: one filter, no quicker mean of pixels before it
    return places.resize(resolution / fine, kernel="lanczos3", gap=0).write_to_memory()


@functools.cache
def _vips() -> Any:
    try:
        import pyvips  # here, because its start would cost every command
    except (ImportError, OSError) as error:  # the module, or the library behind it
        raise MissingPartError(
            f"libvips, which turns portraits, cannot be loaded ({error}); run "
            "`pip install 'pyvips[binary]'`"
        ) from None
    vips: Any = pyvips
    vips.concurrency_set(1)  # a build has a process for each core
    vips.cache_set_max(0)  # no picture comes twice
    return vips


def outside(frame: Square, size: tuple[int, int]) -> float:
    """Share, 0 to 1, of the square that lies outside a picture of ``size`` (width, height)."""
    width, height = size
    half = complex(*frame.half_side)
    center = complex(*frame.center) + complex(0.5, 0.5)  # the picture's edges at whole numbers
    corners = [center + half * turn for turn in (-1 - 1j, 1 - 1j, 1 + 1j, -1 + 1j)]
    corners = _clipped(corners, lambda p: p.real)
    corners = _clipped(corners, lambda p: p.imag)
    corners = _clipped(corners, lambda p: width - p.real)
    corners = _clipped(corners, lambda p: height - p.imag)
    following = corners[1:] + corners[:1]
    doubled = sum((a.conjugate() * b).imag for a, b in zip(corners, following, strict=True))
    return round(max(0.0, 1.0 - doubled / 2 / frame.side**2), 6)


def _clipped(corners: Sequence[complex], depth: Callable[[complex], float]) -> list[complex]:
    """The part of a convex polygon where ``depth`` is not negative (Sutherland and Hodgman)."""
    kept: list[complex] = []
    for a, b in zip(corners, [*corners[1:], *corners[:1]], strict=True):
        here, there = depth(a), depth(b)
        if here >= 0:
            kept.append(a)
        if (here < 0) != (there < 0):
            kept.append(a + (b - a) * here / (here - there))
    return kept


def _centered(size: tuple[int, int]) -> Square:
    side = min(size)
    left, top = ((length - side) // 2 for length in size)
    return Square(Point(left + (side - 1) / 2, top + (side - 1) / 2), Point(side / 2, 0.0))


def _by_eyes(left: Point, right: Point) -> Square:
    (lx, ly), (rx, ry) = ((Point(p.x / 256, p.y / 256)) for p in _EYES_AT)
    span = complex(rx - lx, ry - ly)
    unit = complex(right.x - left.x, right.y - left.y) / span  # one portrait side, as a vector
    center = complex(*left) + unit * (complex(0.5, 0.5) - complex(lx + 0.5 / 256, ly + 0.5 / 256))
    return Square(Point(center.real, center.imag), Point(unit.real / 2, unit.imag / 2))


def _ffhq(left: Point, right: Point, mouth: Point) -> Square:
    eye = complex(right.x - left.x, right.y - left.y)
    middle = complex((left.x + right.x) / 2, (left.y + right.y) / 2)
    down = complex(*mouth) - middle
    direction = eye + down * -1j  # the eye line and the turned eye-mouth line, averaged
    if abs(direction) == 0:
        raise AlignmentError("eyes and mouth coincide")
    half = direction / abs(direction) * max(abs(eye) * 2.0, abs(down) * 1.8)
    center = middle + down * 0.1
    return Square(Point(center.real, center.imag), Point(half.real, half.imag))


def _inside(frame: Square, size: tuple[int, int]) -> bool:
    half = frame.side / 2
    low = min(frame.center.x, frame.center.y) + 0.5 - half
    x, y = (c + 0.5 + half for c in frame.center)
    return low >= 0 and x <= size[0] and y <= size[1]


def _mirrored(picture: Image.Image, frame: Square) -> tuple[NDArray[np.uint8], Square]:
    """The part of the mirrored picture that the square can reach, and the square in it."""
    reach = abs(frame.half_side.x) + abs(frame.half_side.y) + 3  # of corners, and of the filter
    width, height = picture.size
    x, y = frame.center
    need = [reach - x, reach - y, x + reach - width, y + reach - height]
    left, top, right, bottom = (max(0, math.ceil(v)) for v in need)
    if max(left, right) >= width or max(top, bottom) >= height:
        raise AlignmentError("the square reaches far outside the picture")
    x0, y0 = (max(0, math.floor(v - reach)) for v in (x, y))
    x1, y1 = min(width, math.ceil(x + reach) + 1), min(height, math.ceil(y + reach) + 1)
    pixels = np.asarray(piece(picture, (x0, y0, x1, y1)))
    if any((left, top, right, bottom)):
        pixels = np.pad(pixels, ((top, bottom), (left, right), (0, 0)), mode="reflect")
    return pixels, Square(Point(x - x0 + left, y - y0 + top), frame.half_side)
