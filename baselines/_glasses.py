"""Frames and reflections of glasses that lie over an eye: found, and taken off.

A frame is a line, dark or bright, that crosses the eye's opening and goes on outside it, where
lids, lashes and the iris end. Lines are looked for among parabolas (a Hough transform), so that a
dark frame is followed over a dark iris as well. Where a bridge on the nose says that glasses are
worn, lines near the eye count too, since lids that move would bend them. A reflection is brighter
than skin and sclera and larger than a catch-light. Lengths are in units of 1/64 of the eye
distance. Idea and code are gazebench's own.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_opening,
    gaussian_filter,
    label,
    map_coordinates,
    maximum_filter,
    shift,
)

from gazebench.dataset.boxes import Box
from gazebench.irises import Eye, EyePair

Floats = NDArray[np.floating[Any]]
Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Places = NDArray[np.int32]

_ASIDE, _UP, _DOWN = 26, 18, 14  # reach of the searched zone from the middle of an eye
_HALVES = (1.5, 2.5, 4.0)  # from a line's middle to what lies beside it
_CONTRAST = 0.14  # of a line, of the brightness beside it
_DEEP = 1.6  # into the opening, from which a line is between the lids
_LID = 2.0  # distance from a lid's edge within which a line may be the lid or its lashes
_LENGTH = 13.0  # of a line
_INSIDE = 3  # of its places between the lids, outside the iris
_LINES = 4  # of a frame over one eye
_NOSE = 9, 197  # points of the mesh on the ridge of the nose, above and below the bridge of glasses
_BARS = (2, 3, 5)  # from the middle of a bridge to what lies beside it
_WIDEST = 5
_BRIDGE = 0.08  # contrast of a bar across the nose from which glasses are worn
_BRIGHTER = 22.0  # of a reflection than skin and sclera
_CATCH_LIGHT = 14.0  # area up to which a bright spot is one
_SPOT = 80.0  # largest area of a reflection beside the eye
COVERED = 0.4  # share of an opening from which too little of an eye is free


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
    unit = pair.distance / 64
    worn = bridge(pixels, pair) > _BRIDGE
    covers, shares = [], []
    bare = pixels
    for eye, box in zip(pair.eyes, boxes, strict=True):
        zone = _Zone(pixels, eye, unit)
        hidden = np.maximum(frame(zone, worn=worn), reflections(zone, worn=worn))
        shares.append(zone.share(hidden))
        if not hidden.any():
            covers.append(None)
            continue
        cover = zone.in_box(hidden, box)
        bare = _filled(bare, box, cover, unit)
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
        self.above = upper - self.b
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


def frame(zone: _Zone, *, worn: bool) -> Floats:
    """How far each place of the zone belongs to a frame, 0 to 1.

    ``worn``: lines that do not cross the opening count as well.
    """
    hidden = np.zeros_like(zone.light)
    for upright in (False, True):
        for dark in (True, False):
            evidence = _Evidence.of(zone, upright=upright, dark=dark)
            for curve, crosses in _lines(evidence, worn=worn and not upright):
                band = _band(zone, curve, evidence.half(curve))
                hidden = np.maximum(hidden, band if crosses else band * (zone.depth < 0))
    return hidden


def reflections(zone: _Zone, *, worn: bool) -> Floats:
    """How far each place of the zone is a reflection on a lens, 0 to 1.

    ``worn``: those that do not reach between the lids as well.
    """
    hidden = np.zeros_like(zone.light)
    white = zone.light[(zone.depth > 1) & (zone.from_iris > zone.radius + 1)]
    skin = zone.light[(zone.depth < -2) & (np.abs(zone.a) < 18)]
    usual = max(float(np.quantile(part, 0.8)) for part in (white, skin) if part.size)
    bright = binary_opening(zone.light > usual + _BRIGHTER, np.ones((2, 2)))
    if not bright.any():
        return hidden
    spots, count = label(zone.light > usual + _BRIGHTER / 2)
    edge = {*spots[0], *spots[-1], *spots[:, 0], *spots[:, -1]}  # bright skin or background
    for spot in {*range(1, count + 1)} - edge:
        place = spots == spot
        if not (bright & place).any() or place.sum() <= _CATCH_LIGHT:
            continue
        sclera = place & (zone.depth > 0.5) & (zone.from_iris > zone.radius)
        if sclera.sum() >= 4 or (worn and place.sum() < _SPOT):
            hidden[place] = 1
    return np.minimum(1, 2 * gaussian_filter(hidden, 0.8))


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What speaks for lines of one kind at each place of a zone, (h, w)."""

    seen: NDArray[np.bool_]  # darker, or brighter, than what is beside it
    halves: Floats  # how far off that is
    neutral: NDArray[np.bool_]  # may be lid, lashes or iris
    inside: NDArray[np.bool_]  # well between the lids and outside the iris
    outside: NDArray[np.bool_]  # well outside the opening, aside of its corners for flat lines
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
        seen = (best > _CONTRAST) & zone.known
        lid = zone.from_lid < (1.0 if upright else _LID)
        iris = (zone.from_iris < zone.radius + 1.5) & (zone.depth > -_LID)
        inside = (zone.depth > _DEEP) & (zone.from_iris > zone.radius + 1.5)
        outside = zone.depth < -2.5
        return cls(seen, halves, lid | iris, inside, outside, upright)

    def half(self, curve: Places) -> float:
        """Half the width of a line."""
        on = self.halves.flat[curve][self.seen.flat[curve]]
        return float(np.median(on)) if on.size else _HALVES[0]


def _beside(light: Floats, half: float, *, upright: bool) -> list[Floats]:
    """Brightness ``half`` units to both sides of each place."""
    step = (0.0, half) if upright else (half, 0.0)
    return [shift(light, [s * v for v in step], order=1, mode="nearest") for s in (-1, 1)]


@functools.cache
def _curves(upright: bool) -> Places:
    """Parabolas through the zone as flat places, (N, length); those outside it are the last one."""
    height, width = _UP + _DOWN + 1, 2 * _ASIDE + 1
    length, reach = (height, width) if upright else (width, height)
    bends = np.arange(-4, 5, 2) if upright else np.arange(-10, 11, 2)
    ends = np.arange(0, reach, 2)
    first, last, bend = (v.ravel() for v in np.meshgrid(ends, ends, bends, indexing="ij"))
    slanted = np.abs(first - last) <= 0.8 * length
    return _places(*(v[slanted] for v in (first, last, bend)), upright=upright)


def _places(first: Any, last: Any, bend: Any, *, upright: bool) -> Places:
    """Parabolas from ``first`` to ``last`` that bend by ``bend`` in their middle, (N, length)."""
    height, width = _UP + _DOWN + 1, 2 * _ASIDE + 1
    length, reach = (height, width) if upright else (width, height)
    t = np.linspace(0, 1, length)
    first, last, bend = (np.asarray(v, float)[:, None] for v in (first, last, bend))
    at = np.rint(first + (last - first) * t + 4 * bend * t * (1 - t)).astype(np.int32)
    along = np.arange(length, dtype=np.int32)
    flat = along * width + at if upright else at * width + along
    return np.where((at >= 0) & (at < reach), flat, height * width)


def _lines(evidence: _Evidence, *, worn: bool) -> Iterator[tuple[Places, bool]]:
    """Parts of curves that lie on what is seen, as flat places, and whether they cross the eye.

    The longest come first. ``worn``: those that do not cross it as well.
    """
    seen = evidence.seen.copy()
    for _ in range(_LINES):
        crossing = seen & evidence.inside
        if not worn and crossing.sum() < _INSIDE:
            return
        wide = maximum_filter(seen, (1, 3) if evidence.upright else (3, 1))
        curves = _curves(evidence.upright)
        if not worn:
            curves = curves[_on(wide & evidence.inside, curves).sum(1) >= _INSIDE]
        curve = _longest(wide, evidence.neutral, curves)
        if curve is None:
            return
        seen_on = (seen & ~evidence.neutral).flat[curve]
        crosses = _crosses(evidence, curve, seen_on)
        if crosses or (worn and (evidence.outside.flat[curve] & seen_on).sum() >= _LENGTH):
            yield curve, crosses
        near = np.zeros(seen.shape, np.float32)
        near.flat[curve] = 1
        seen &= gaussian_filter(near, 1.2) < 0.02


def _crosses(evidence: _Evidence, curve: Places, seen: Mask) -> bool:
    """Whether a line is seen between the lids and beyond both its ends there, as no lid is."""
    inside = np.flatnonzero(evidence.inside.flat[curve] & seen)
    if len(inside) < _INSIDE:
        return False
    outside = evidence.outside.flat[curve] & seen
    ends = outside[: inside[0]].sum(), outside[inside[-1] :].sum()
    return min(ends) >= 2 and max(ends) >= 4


def _on(mask: Mask, curves: Places) -> Mask:
    """A mask at places (N, length); nothing outside the zone."""
    return np.append(mask.ravel(), False)[curves]


def _longest(seen: Mask, neutral: Mask, curves: Places) -> Places | None:
    """The part of a curve that is seen farthest; what is not seen counts twice against it."""
    if not len(curves):
        return None
    worth = np.where(neutral, 0, np.where(seen, 1, -2)).astype(np.int16)
    gain = np.append(worth.ravel(), np.int16(-2))[curves].cumsum(1, dtype=np.int16)
    start = np.minimum.accumulate(np.minimum(gain, 0), 1)
    best, end = np.unravel_index(int((gain - start).argmax()), gain.shape)
    if gain[best, end] - start[best, end] < _LENGTH:
        return None
    before = np.append(0, gain[best, : end + 1])
    begin = int(np.flatnonzero(before == before.min())[-1])
    curve = curves[best, begin : end + 1]
    return curve[curve < seen.size]


def _band(zone: _Zone, curve: Places, half: float) -> Floats:
    """Places within ``half`` of a curve, with a soft edge."""
    rows, columns = np.unravel_index(curve, zone.light.shape)
    away = np.hypot(zone.a[..., None] + _ASIDE - columns, zone.b[..., None] + _UP - rows).min(-1)
    return np.clip(half + 0.2 - away, 0, 1)


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
    covered = (1 - free)[..., None] * (weight > 0)[..., None]
    there[:] = np.rint(colors + covered * (filled - colors)).clip(0, 255)
    return made
