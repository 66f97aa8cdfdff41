"""Frames and reflections of glasses that lie over an eye: found, and taken off.

Nothing is looked for unless a bar across the nose, the bridge, says that glasses are worn. A frame
is a line, dark or bright, that crosses the eye's opening and goes on outside it, where lids, lashes
and the iris end; flat lines near the eye count too, since lids that move would bend them. Lines are
looked for among parabolas (a Hough transform), so that a dark frame is followed over a dark iris as
well. A reflection is brighter than skin and sclera and larger than a catch-light. Lengths are in
units of 1/64 of the eye distance. Idea and code are gazebench's own.
"""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_opening,
    gaussian_filter,
    grey_closing,
    label,
    map_coordinates,
    maximum_filter,
)

from gazebench.dataset.boxes import Box
from gazebench.irises import Eye, EyePair

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Places = NDArray[np.int32]

_ASIDE, _UP, _DOWN = 26, 18, 14  # reach of the searched zone from the middle of an eye
_HALVES = (1.5, 2.5, 4.0)  # from a line's middle to what lies beside it
_CONTRAST = 0.14, 0.11  # of a flat, an upright line, of the brightness beside it
_DEEP = 1.6  # into the opening, from which a line is between the lids
_LID = 2.0  # distance from a lid's edge within which a line may be the lid or its lashes
_LENGTH = 13.0  # of a line
_WITHIN = 3  # of its places between the lids
_BEYOND = 4  # of its places above and below the eye
_ASIDE_OF = 5  # of its places to both sides of the corners
_LINES = 4  # of a frame over one eye
_NOSE = 9, 197  # points of the mesh on the ridge of the nose, above and below the bridge of glasses
_BARS = (2, 3, 5)  # from the middle of a bridge to what lies beside it
_WIDEST = 5
WORN = 0.08  # contrast of a bar across the nose from which glasses are worn
_BRIGHTER = 22.0  # of a reflection than skin and sclera
_CATCH_LIGHT = 14.0  # area up to which a bright spot is one
_SPOT = 80.0  # largest area of a reflection beside the eye
COVERED = 0.6  # share of an opening from which too little of an eye is free


@dataclass(frozen=True, slots=True)
class Bare:
    """A portrait without what glasses lay over its eyes."""

    pixels: Pixels  # (H, W, 3)
    covers: tuple[Floats | None, Floats | None]  # (h, w) of each box, 0 to 1 where covered
    shares: tuple[float, float]  # of each eye's opening, or iris, that is covered


def take_off(pixels: Pixels, pair: EyePair, boxes: tuple[Box, Box]) -> Bare:
    """The eyes without frames and reflections, filled in from what is beside them.

    Where nothing is found, ``pixels`` themselves.
    """
    if bridge(pixels, pair) <= WORN:
        return Bare(pixels, (None, None), (0.0, 0.0))
    unit = pair.distance / 64
    covers, shares = [], []
    bare = pixels
    for eye, box in zip(pair.eyes, boxes, strict=True):
        zone = _Zone(pixels, eye, unit)
        hidden = np.maximum(frame(zone), reflections(zone))
        shares.append(zone.share(hidden))
        if not hidden.any():
            covers.append(None)
            continue
        cover = zone.in_box(hidden, box)
        rim = (zone.depth > -0.5) & (zone.depth < 1.5)  # lids and lashes stay
        around = np.where(rim, hidden, maximum_filter(grey_closing(hidden, 5), 3))
        bare = _filled(bare, box, zone.in_box(around, box), unit)
        covers.append(cover)
    return Bare(bare, (covers[0], covers[1]), (shares[0], shares[1]))


def bridge(pixels: Pixels, pair: EyePair) -> float:
    """How clearly a bar lies across the ridge of the nose, of the brightness there."""
    unit, mesh = pair.distance / 64, pair.mesh[:, :2]
    left, right = (np.array(eye.middle) for eye in pair.eyes)
    along = (right - left) / max(float(np.hypot(*(right - left))), 1e-6)
    way = mesh[_NOSE[1]] - mesh[_NOSE[0]]
    length = max(float(way @ [-along[1], along[0]]), 1.0) / unit
    rows = np.arange(-_WIDEST, length + _WIDEST)[:, None, None]
    aside = np.linspace(-3, 3, 9)[None, :, None] * unit * along
    x, y = np.moveaxis(mesh[_NOSE[0]] + way * np.clip(rows / length, -0.3, 1.5) + aside, -1, 0)
    near = _read(pixels, x, y, unit)
    usual = max(float(np.median(near)), 25.0)
    found = 0.0
    for half in _BARS:
        middle, over, under = near[half:-half], near[: -2 * half], near[2 * half :]
        darker = np.minimum(over, under) - middle
        lighter = middle - np.maximum(over, under)
        row = rows[half:-half, 0, 0]
        between = (row > 0.1 * length) & (row < length)
        for bar in (darker, lighter):
            found = max(found, *np.quantile(bar[between], 0.35, axis=1), 0.0)
    return float(found) / usual


class _Zone:
    """An eye and what is around it, one place to a unit: ``a`` along its corners, ``b`` across."""

    def __init__(self, pixels: Pixels, eye: Eye, unit: float) -> None:
        left, right = (np.array(corner) for corner in eye.corners)
        self.middle = (left + right) / 2
        self.along = (right - left) / max(float(np.hypot(*(right - left))), 1e-6)
        self.across = np.array([-self.along[1], self.along[0]])
        self.unit = unit
        self.a, self.b = np.meshgrid(np.arange(-_ASIDE, _ASIDE + 1.0), np.arange(-_UP, _DOWN + 1.0))
        x, y = (
            self.middle[i] + unit * (self.a * self.along[i] + self.b * self.across[i])
            for i in (0, 1)
        )
        self.known = (x >= 0) & (y >= 0) & (x < pixels.shape[1]) & (y < pixels.shape[0])
        self.light = _read(pixels, x, y, unit)
        upper, lower = (self._lid(lid) for lid in (eye.upper, eye.lower))
        self.depth = np.minimum(self.b - upper, lower - self.b)  # into the opening
        self.depth = np.minimum(self.depth, eye.width / 2 / unit - np.abs(self.a))
        self.half = eye.width / 2 / unit
        self.from_lid = np.minimum(np.abs(self.b - upper), np.abs(self.b - lower))
        self.from_lid[np.abs(self.a) > self.half + 1] = _ASIDE
        self.above, self.below = upper - self.b, self.b - lower
        self.radius = eye.radius / unit
        iris = (np.array(eye.iris) - self.middle) / unit
        center = iris @ self.along, iris @ self.across
        self.from_iris = np.hypot(self.a - center[0], self.b - center[1])

    def _lid(self, points: Floats) -> Floats:
        offsets = (points - self.middle) / self.unit
        at = np.maximum.accumulate(offsets @ self.along)
        return np.interp(self.a, at, offsets @ self.across)

    def share(self, hidden: Floats) -> float:
        """How much of the opening, or of the iris in it where that is more, is hidden."""
        open_ = self.depth > 0
        parts = [hidden[part] for part in (open_, open_ & (self.from_iris < self.radius))]
        return max((float(part.mean()) for part in parts if part.size), default=0.0)

    def in_box(self, hidden: Floats, box: Box) -> Floats:
        """What is hidden, for each pixel of the box, (h, w)."""
        x, y = np.meshgrid(np.arange(box.left, box.right), np.arange(box.top, box.bottom))
        offsets = (np.stack([x, y], -1) - self.middle) / self.unit
        places = [offsets @ self.across + _UP, offsets @ self.along + _ASIDE]
        return map_coordinates(hidden, places, order=1, mode="constant").clip(0, 1)


def frame(zone: _Zone) -> Floats:
    """How far each place of the zone belongs to a frame, 0 to 1."""
    hidden = np.zeros_like(zone.light)
    for upright in (False, True):
        for dark in (True, False):
            evidence = _Evidence.of(zone, upright=upright, dark=dark)
            for curve, crosses in _lines(evidence):
                band = _band(zone, curve, evidence.half(curve))
                hidden = np.maximum(hidden, band if crosses else band * np.clip(-zone.depth, 0, 1))
    return hidden


def reflections(zone: _Zone) -> Floats:
    """How far each place of the zone is a reflection on a lens, 0 to 1."""
    hidden = np.zeros_like(zone.light)
    white = zone.light[(zone.depth > 1) & (zone.from_iris > zone.radius + 1)]
    skin = zone.light[(zone.depth < -2) & (np.abs(zone.a) < 18)]
    levels = [float(np.quantile(skin, 0.8)) + _BRIGHTER]
    if white.size:  # of which a reflection may fill more than half
        levels.append(float(np.quantile(white, 0.3)) + 3.5 * _BRIGHTER)
    bright = binary_opening(zone.light > max(levels), np.ones((2, 2)))
    labelled: Any = label(bright)
    spots, count = labelled
    edge = {*spots[0], *spots[-1], *spots[:, 0], *spots[:, -1]}  # bright skin or background
    for spot in {*range(1, count + 1)} - edge:
        place = spots == spot
        sclera = place & (zone.depth > 0.5) & (zone.from_iris > zone.radius)
        beyond = place & ((zone.depth < -1) | (zone.from_iris < zone.radius - 1.5))
        across = min(sclera.sum(), beyond.sum()) >= 4  # the white of an eye ends at lids and iris
        if place.sum() > _CATCH_LIGHT and (across or place.sum() < _SPOT):
            hidden[place] = 1
    return np.minimum(1, 2.5 * gaussian_filter(hidden, 1.0))


_SEEN, _NEUTRAL, _OPEN, _INSIDE, _ABOVE, _BELOW, _LEFT, _RIGHT = (1 << bit for bit in range(8))


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What speaks for lines of one kind at each place of a zone, (h, w)."""

    contrast: Floats  # to both sides, where it is a line's, else 0
    halves: Floats  # how far off these sides are
    where: NDArray[np.uint8]  # bits: may be lid or iris, between the lids, outside them ...
    upright: bool

    @classmethod
    def of(cls, zone: _Zone, *, upright: bool, dark: bool) -> "_Evidence":
        best, halves = np.zeros(zone.light.shape), np.full(zone.light.shape, _HALVES[0])
        for half in _HALVES if dark or upright else _HALVES[:1]:  # broad and bright: a lid
            before, after = _beside(zone.light, half, upright=upright)
            low, high = np.minimum(before, after), np.maximum(before, after)
            now = (low if dark else zone.light) - (zone.light if dark else high)
            now = now / np.maximum(low if dark else zone.light, 20.0)
            if not upright:  # the eye itself is a dark bar
                now[zone.from_lid < half + 0.5] = 0
                if half > _HALVES[1]:
                    now[zone.depth > -1] = 0
            better = now > 1.3 * best + 0.02  # a line is no broader than it must be
            best[better], halves[better] = now[better], half
        best[(best <= _CONTRAST[upright]) | ~zone.known] = 0
        return cls(best, halves, _where(zone, upright=upright), upright)

    def marks(self, seen: Mask) -> NDArray[np.uint8]:
        """The bits of each place, with that of what is seen there or one unit aside."""
        wide: Mask = maximum_filter(seen, (1, 3) if self.upright else (3, 1)).astype(bool)
        return self.where | (wide & ((self.where & _NEUTRAL) == 0)).astype(np.uint8)

    def half(self, curve: Places) -> float:
        """Half the width of a line."""
        on = self.halves.flat[curve][self.contrast.flat[curve] > 0]
        return float(np.median(on)) if on.size else _HALVES[0]


def _where(zone: _Zone, *, upright: bool) -> NDArray[np.uint8]:
    lid = zone.from_lid < (1.0 if upright else _LID)
    iris = zone.from_iris < zone.radius + 1.5
    open_, outside = zone.depth > _DEEP, zone.depth < -2.5
    near = outside & (np.abs(zone.a) < zone.half + 3)
    parts = {
        _NEUTRAL: lid | (iris & (zone.depth > -_LID)),
        _OPEN: open_,
        _INSIDE: open_ & ~iris,
        _ABOVE: near & (zone.above > 2.5),
        _BELOW: near & (zone.below > 2.5),
        _LEFT: outside & (zone.a < -zone.half),
        _RIGHT: outside & (zone.a > zone.half),
    }
    return np.add.reduce([bit * mask.astype(np.uint8) for bit, mask in parts.items()])


def _beside(light: Floats, half: float, *, upright: bool) -> tuple[Floats, Floats]:
    """Brightness ``half`` units to both sides of each place."""
    size, far = light.shape[upright], math.ceil(half)
    wide = np.pad(light, [(0, 0), (far, far)] if upright else [(far, far), (0, 0)], mode="edge")

    def part(start: int) -> Floats:
        return wide[:, start : start + size] if upright else wide[start : start + size]

    near = math.floor(half)
    before = (part(far - near) + part(0)) / 2
    return before, (part(far + near) + part(2 * far)) / 2


@functools.cache
def _curves(upright: bool) -> tuple[Places, Places]:
    """Parabolas through the zone: first and last place and bend (N, 3), and ``_places``."""
    reach, length = (2 * _ASIDE + 1, _UP + _DOWN + 1)[:: 1 if upright else -1]
    bends = np.arange(-4, 5, 2) if upright else np.arange(-14, 15, 2)
    ends = np.arange(0, reach, 2)
    shapes = np.stack(np.meshgrid(ends, ends, bends, indexing="ij"), -1).reshape(-1, 3)
    shapes = shapes[np.abs(shapes[:, 0] - shapes[:, 1]) <= 0.8 * length].astype(np.int32)
    places = _places(shapes, upright=upright)
    rows, columns = np.divmod(places, 2 * _ASIDE + 1)
    amid = (np.abs(rows - _UP) <= 6) & (np.abs(columns - _ASIDE) <= 14)
    through = np.count_nonzero(amid, axis=1) >= _WITHIN
    return shapes[through], places[through]


def _places(shapes: Places, *, upright: bool) -> Places:
    """The flat places of parabolas, (N, length); one past the last where they leave the zone."""
    height, width = _UP + _DOWN + 1, 2 * _ASIDE + 1
    length, reach = (height, width) if upright else (width, height)
    t = np.linspace(0, 1, length)
    first, last, bend = (v[:, None] for v in shapes.T)
    at = np.rint(first + (last - first) * t + 4 * bend * t * (1 - t)).astype(np.int32)
    along = np.arange(length, dtype=np.int32)
    flat = along * width + at if upright else at * width + along
    return np.where((at >= 0) & (at < reach), flat, height * width)


def _lines(evidence: _Evidence) -> Iterator[tuple[Places, bool]]:
    """Parts of curves that lie on what is seen, as flat places, and whether they cross the eye.

    The longest come first. Upright ones cross it: others are cheeks, noses and hair.
    """
    seen = evidence.contrast > 0
    for _ in range(_LINES):
        marks = evidence.marks(seen)
        shapes, places = _curves(evidence.upright)
        on = _on(marks, places)
        if evidence.upright:
            may = _crosses(on, upright=evidence.upright)
            shapes, places, on = shapes[may], places[may], on[may]
        found = _longest(on)
        if found is None:
            return
        best, part = found
        curve = _settled(evidence, shapes[best], part)
        crosses = bool(_crosses(_on(marks, curve[None]), upright=evidence.upright)[0])
        outside = _count(_on(marks, curve), _SEEN) - _count(_on(marks, curve), _SEEN | _OPEN)
        if crosses or (not evidence.upright and outside >= _LENGTH):
            yield curve, crosses
        near = np.zeros(seen.shape, np.float32)
        near.flat[curve] = 1
        seen = seen & (gaussian_filter(near, 1.2) < 0.02)


def _crosses(on: NDArray[np.uint8], *, upright: bool) -> Mask:
    """Which lines, of marks (N, length), pass between the lids and go on outside as no lid does.

    They go on above and below the eye, or, flat ones, to its left and right. An iris may hide them.
    """
    passes = _count(on, _OPEN) >= (1 if upright else _WITHIN)
    inside = _count(on, _SEEN | _INSIDE)
    least, most = _both(on, _ABOVE, _BELOW)
    crosses = passes & (least >= _BEYOND)
    if not upright:
        least, most = _both(on, _LEFT, _RIGHT)
        crosses |= passes & (inside >= 2) & (least >= _ASIDE_OF)
    return crosses | ((inside >= _WITHIN) & (least >= 2) & (most >= 4))


def _both(on: NDArray[np.uint8], one: int, other: int) -> tuple[Any, Any]:
    """How much is seen on the one side and on the other: the less, the more."""
    counts = _count(on, _SEEN | one), _count(on, _SEEN | other)
    return np.minimum(*counts), np.maximum(*counts)


def _count(on: NDArray[np.uint8], bits: int) -> Any:
    """How many places of lines (..., length) have all bits."""
    return np.count_nonzero((on & bits) == bits, axis=-1)


def _on(marks: NDArray[np.uint8], curves: Places) -> NDArray[np.uint8]:
    """Marks at places; none outside the zone."""
    return np.append(marks.ravel(), np.uint8(0))[curves]


def _longest(on: NDArray[np.uint8]) -> tuple[int, slice] | None:
    """The line, and the part of it, that is seen farthest; what is not seen counts twice."""
    if not len(on):
        return None
    worth = np.where(on & _NEUTRAL, 0, np.where(on & _SEEN, 1, -2)).astype(np.int16)
    gain = worth.cumsum(1, dtype=np.int16)
    start = np.minimum.accumulate(np.minimum(gain, 0), 1)
    best, end = np.unravel_index(int((gain - start).argmax()), gain.shape)
    if gain[best, end] - start[best, end] < _LENGTH:
        return None
    before = np.append(0, gain[best, : end + 1])
    return int(best), slice(int(np.flatnonzero(before == before.min())[-1]), int(end) + 1)


def _settled(evidence: _Evidence, shape: Places, part: slice) -> Places:
    """The part of the curve near ``shape`` that has the most contrast, as flat places."""
    moves = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], [-1, 0, 1]), -1).reshape(-1, 3)
    curves = _places((shape + moves).astype(np.int32), upright=evidence.upright)[:, part]
    contrast = np.append(evidence.contrast.ravel(), 0.0)[curves].sum(1)
    contrast[len(moves) // 2] += 1e-6
    curve = curves[int(contrast.argmax())]
    return curve[curve < evidence.contrast.size]


def _band(zone: _Zone, curve: Places, half: float) -> Floats:
    """Places within ``half`` of a curve, with a soft edge."""
    rows, columns = np.unravel_index(curve, zone.light.shape)
    away = np.hypot(zone.a[..., None] + _ASIDE - columns, zone.b[..., None] + _UP - rows).min(-1)
    return np.clip(half + 0.6 - away, 0, 1)


def _read(pixels: Pixels, x: Floats, y: Floats, unit: float) -> Floats:
    """Brightness at places of the portrait, each the mean of about a unit."""
    left, top = (int(max(np.floor(v.min()) - 3, 0)) for v in (x, y))
    right, bottom = (int(max(np.ceil(v.max()) + 4, 1)) for v in (x, y))
    near = pixels[top:bottom, left:right].mean(-1)
    if not near.size:
        return np.zeros_like(x)
    near = gaussian_filter(near, 0.4 * unit)
    return map_coordinates(near, [y - top, x - left], order=1, mode="nearest")


def _filled(pixels: Pixels, box: Box, cover: Floats, unit: float) -> Pixels:
    """A copy with what is covered in a box filled in from what is beside it."""
    made = pixels.copy()
    there = made[box.top : box.bottom, box.left : box.right]
    free = (cover < 0.05).astype(float)
    colors = there.astype(float)
    filled, weight = np.zeros_like(colors), np.zeros_like(free)
    for size in (1.0, 2.0, 4.0, 8.0):
        sigma = size * unit
        share = gaussian_filter(free, sigma)
        mean = gaussian_filter(colors * free[..., None], (sigma, sigma, 0))
        trust = (1 - weight) * np.clip(share / 0.15, 0, 1)
        filled += trust[..., None] * mean / (share + 1e-9)[..., None]
        weight += trust
    filled /= np.maximum(weight, 1e-9)[..., None]
    covered = (np.minimum(1.5 * cover, 1) * (weight > 0))[..., None]
    there[:] = np.rint(colors + covered * (filled - colors)).clip(0, 255)
    return made
