"""A person's own irises moved, with lids that follow: layers taken apart, shifted, laid again.

An eye is seen as sclera, iris, lid shade and catch-lights. The sclera under the iris is completed
from what shows of it (``_sclera``), hidden parts of the iris from its mirror images and its radial
profile, or from the other iris where a lid hides the pupil. What the layers do not explain (lashes,
grain) stays where it was, and so do glasses, which are taken off first (``_glasses``). Without a
shift nothing changes. Lengths are in units of 1/64 of the eye distance, the same for portraits of
every size.
"""

import math
from dataclasses import dataclass

import numpy as np

from gazebench.baselines import _glasses
from gazebench.baselines._eye_view import Floats, Pixels, TooLittleError, View, smooth
from gazebench.baselines._sclera import complete_sclera
from gazebench.dataset.boxes import Box
from gazebench.irises import EyePair

_RAMP = 3.0  # portrait pixels at an edge of the box over which a change fades in
_RINGS = 12  # of the iris's radial profile
_PUPIL = 0.4  # radius of a pupil, of its iris's
_LEAST_PUPIL = 0.25  # share of a pupil between the lids, below which it counts as hidden
_LASHES = 2.5  # distance from a lid's edge within which lashes are
_STILL = 0.5  # shift below which what the layers do not explain fades back in everywhere


@dataclass(frozen=True, slots=True)
class Shift:
    """How one eye changes, pixels of the portrait."""

    iris: tuple[float, float]  # x, y of the iris's centre
    lid: float = 0.0  # of the upper lid's edge, across the line of the corners; positive closes

    @property
    def moves(self) -> bool:
        """Whether it changes anything."""
        return self.iris != (0.0, 0.0) or self.lid != 0.0


class Scene:
    """The eyes of a portrait, taken apart when a move needs it, for as many moves as one likes.

    ``pair``: the eyes of ``pixels`` (H, W, 3); ``boxes``: left, right. ``glint``: how much of a
    shift the catch-lights follow. ``near``: shift in iris radii up to which the portrait's own
    pixels are pushed; from twice that, layers are laid again, between them both.
    """

    def __init__(
        self,
        pixels: Pixels,
        pair: EyePair,
        boxes: tuple[Box, Box],
        *,
        glint: float = 0.5,
        near: float = 0.0,
    ) -> None:
        unit = pair.distance / 64
        bare = _glasses.take_off(pixels, pair, boxes)
        if max(bare.shares) > _glasses.COVERED:
            raise TooLittleError("glasses hide too much of an eye")
        left, right = (
            View(bare.pixels, eye, box, unit, cover)
            for eye, box, cover in zip(pair.eyes, boxes, bare.covers, strict=True)
        )
        self._pixels, self._glint, self._near = pixels, glint, near
        self._views = (left, right)
        self._layers: dict[int, Layers] = {}  # of the eyes that were taken apart

    def render(self, shifts: tuple[Shift, Shift]) -> Pixels:
        """A copy of the pixels with moved irises and lids; all outside the boxes stays.

        Raises:
            TooLittleError: an eye shows too little to be moved so far.
        """
        made = self._pixels.copy()
        for side, (view, shift) in enumerate(zip(self._views, shifts, strict=True)):
            if not shift.moves:
                continue
            box = view.box
            rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
            patch = self._pixels[rows, columns] + self._change(side, shift)
            made[rows, columns] = np.rint(patch).clip(0, 255)
        return made

    def _change(self, side: int, shift: Shift) -> Floats:
        """What is added to the pixels of a box, (h, w, 3)."""
        view = self._views[side]
        move, lid = view.turned(np.array(shift.iris)), shift.lid / view.unit
        warp = _lid_warp(view, lid)
        way = math.hypot(*move) / view.radius
        far = float(smooth(way / self._near - 1)) if self._near else 1.0
        made = np.zeros_like(view.colors)
        if far < 1:
            made += (1 - far) * _pushed(view, move, view.b if warp is None else warp)
        if far > 0:
            made += far * _relaid(view, self._apart(side), move, lid, warp, self._glint)
        ramp = smooth(view.to_edge / _RAMP)[..., None]
        change = view.coarse((made - view.colors) * ramp)
        return change if view.cover is None else change * (1 - view.cover[..., None])

    def _apart(self, side: int) -> "Layers":
        if side not in self._layers:
            self._layers[side] = apart(self._views[side], self._views[1 - side])
        return self._layers[side]


@dataclass(frozen=True, slots=True)
class Layers:
    """An eye taken apart; all on the view's grid."""

    sclera: Floats  # (h, w, 3), complete
    rest: Floats  # (h, w), where the iris shows beside its circle, 0 to 1
    lit: Floats  # (h, w, 3), the portrait without the lid's shade
    shows: Floats  # (h, w), where the iris's own pixels can be used, 0 to 1
    profile: Floats  # (rings, 3), colours from the centre outwards
    glints: Floats  # (h, w, 3), light added by catch-lights
    theirs: "Theirs | None" = None  # the other iris, where a lid hides this one's pupil


@dataclass(frozen=True, slots=True)
class Theirs:
    """The iris of the other eye."""

    view: View
    lit: Floats  # (h, w, 3) on that view's grid, as bright as this eye's
    shows: Floats  # (h, w)


def _pushed(view: View, move: Floats, b: Floats) -> Floats:
    """The portrait's own pixels with the iris pushed a short way inside the lids, (h, w, 3).

    ``b``: where each place is read from without the push, which a moving lid has changed.
    """
    aside, down = view.a - view.center[0] - move[0], view.b - view.center[1] - move[1]
    away = np.hypot(aside, down)
    by_lid = (view.b - b).flat[away.argmin()]  # the lid has moved the iris so far already
    room = view.half - np.sign(aside) * (view.center[0] + move[0]) - view.radius
    share = smooth(1 - (away - view.radius - 0.3) / np.maximum(room, 2.5))
    share = share * smooth((np.minimum(b - view.upper, view.lower - b) + 0.7) / 2)
    return view.source(view.a - share * move[0], b - share * (move[1] - by_lid))


def _relaid(
    view: View, layers: "Layers", move: Floats, lid: float, warp: Floats | None, glint: float
) -> Floats:
    """The eye with its layers laid again, (h, w, 3)."""
    before = _laid(view, layers, np.zeros(2), 0.0, None, glint)
    after = _laid(view, layers, move, lid, warp, glint)
    skin = view.colors if warp is None else view.source(view.a, warp)
    kept = _lashes(view, layers.rest, math.hypot(*move, lid))[..., None]
    dark = 1 - kept * (1 - np.clip(view.colors / np.maximum(before, 1), 0, 1))
    light = kept * np.maximum(view.colors - before, 0)
    if warp is not None:
        dark, light = (view.on_grid(layer, view.a, warp) for layer in (dark, light))
    open_ = _open(view, *_lids(view, lid))[..., None]
    return skin + open_ * (after * dark + light - skin)


def _laid(
    view: View, layers: Layers, move: Floats, lid: float, warp: Floats | None, glint: float
) -> Floats:
    """Sclera, iris at its new place and catch-lights, (h, w, 3)."""
    upper, _ = _lids(view, lid)
    sclera = layers.sclera if warp is None else view.on_grid(layers.sclera, view.a, warp)
    center = view.center + move
    distance = np.hypot(view.a - center[0], view.b - center[1])
    disc = 1 - smooth((distance - view.radius + 0.75) / 1.5)
    inside = disc > 0
    colors = texture(view, layers, view.a[inside] - center[0], view.b[inside] - center[1])
    colors = colors * _shade((view.b - upper)[inside])[:, None]
    made = sclera.copy()
    made[inside] += disc[inside][:, None] * (colors - sclera[inside])
    lights = layers.glints
    if move.any() and lights.any():
        lights = view.on_grid(
            lights, view.a - glint * move[0], view.b - glint * move[1], outside="constant"
        )
    return np.minimum(made + lights * (disc > 0.05)[..., None], 255)


def apart(view: View, other: View) -> Layers:
    """The eye of ``view`` as layers; ``other``: the other eye, for what this one hides.

    Raises:
        TooLittleError: too little of the iris or of the white of the eye shows.
    """
    sclera, rest = complete_sclera(view, other)
    lit, shows, bright = _iris(view)
    distance = view.from_iris()
    profile = _profile(lit, shows, distance, view.radius)
    theirs = _theirs(view, other, profile) if _pupil(view) < _LEAST_PUPIL else None
    layers = Layers(sclera, rest, lit, shows, profile, np.zeros_like(lit), theirs)
    spots = bright > 0
    under = texture(view, layers, view.a[spots] - view.center[0], view.b[spots] - view.center[1])
    under = under * _shade((view.b - view.upper)[spots])[:, None]
    layers.glints[spots] = np.maximum(view.colors[spots] - under, 0) * bright[spots][:, None]
    return layers


def _iris(view: View) -> tuple[Floats, Floats, Floats]:
    """The portrait without the lid's shade, where it shows the iris, and catch-lights there."""
    distance, above, below = view.from_iris(), view.b - view.upper, view.lower - view.b
    seen = view.shows_iris()
    if seen.sum() < 3.75 * (view.fine * view.unit) ** 2:
        raise TooLittleError("too little of an iris shows")
    usual = np.median(view.light[seen])
    rise = max(45.0, 1.6 * float(np.median(np.abs(view.light[seen] - usual))))
    near = (distance < view.radius + 0.2) & (above > 0.3) & (below > 0.3)
    bright = smooth((view.light - usual - rise) / 25) * near
    bright = bright * smooth(view.radius - 0.5 - distance)
    bright = np.clip(view.blurred(bright, 0.35) * 1.6, 0, 1)
    dull = 1 - np.clip(view.blurred((bright > 0.15).astype(float), 0.3) * 2, 0, 1)
    shows = smooth((above - 0.6) / 0.8) * smooth((below - 0.4) / 0.8) * dull * view.free()
    return view.colors / _shade(above)[..., None], shows, bright


def _pupil(view: View) -> float:
    """Share of the pupil between the lids."""
    disc = view.from_iris() < _PUPIL * view.radius
    open_ = (view.b - view.upper > 0.6) & (view.lower - view.b > 0.4)
    return float(open_[disc].mean()) if disc.any() else 0.0


def _theirs(view: View, other: View, profile: Floats) -> Theirs:
    """The other iris for one whose pupil is hidden, as bright as what shows of that (``profile``).

    Raises:
        TooLittleError: its pupil is hidden too, or too little of it shows.
    """
    if _pupil(other) < _LEAST_PUPIL:
        raise TooLittleError("the lids hide both pupils")
    lit, shows, _ = _iris(other)
    outer = slice(_RINGS // 2, None)
    level = _profile(lit, shows, other.from_iris(), other.radius)[outer].mean(0)
    gain = np.clip(profile[outer].mean(0) / np.maximum(level, 1), 0.6, 1.6)
    return Theirs(other, lit * gain, shows)


def _profile(lit: Floats, shows: Floats, distance: Floats, radius: float) -> Floats:
    """Colours of the iris by distance from its centre; an unseen pupil is dark."""
    ring = np.clip((distance / radius * _RINGS).astype(int), 0, _RINGS - 1)
    use = shows * (distance < radius)
    use = np.where(use > 0.3, use, 0)
    counts = np.bincount(ring.ravel(), use.ravel(), _RINGS)
    sums = np.stack(
        [np.bincount(ring.ravel(), (use * lit[..., i]).ravel(), _RINGS) for i in range(3)], 1
    )
    means = sums / np.maximum(counts, 1e-9)[:, None]
    steps = np.arange(_RINGS)[:, None] - np.arange(_RINGS)
    spread = (np.exp(-0.5 * (steps / 0.7) ** 2) + 1e-3 * np.exp(-0.5 * (steps / 2.5) ** 2)) * counts
    profile = spread @ means / (spread.sum(1, keepdims=True) + 1e-9)
    place = (np.arange(_RINGS) + 0.5) / _RINGS
    usual = (0.45 + 0.55 * smooth((place - 0.28) / 0.16)) * (
        1 - 0.22 * smooth((place - 0.82) / 0.15)
    )
    outer = counts * (place > 0.45)
    if outer.sum() == 0:
        return profile
    level = (profile * outer[:, None]).sum(0) / (usual * outer).sum()
    whole = (
        2
        * place
        / _RINGS
        * math.pi
        * (counts.sum() / max(use.sum(), 1e-9))
        * _area(distance, radius)
    )
    weak, strong = 0.2 * whole, np.minimum(counts, whole)
    usual = usual[:, None] * np.minimum(level, 230)
    return (profile * strong[:, None] + usual * weak[:, None]) / (weak + strong)[:, None]


def _area(distance: Floats, radius: float) -> float:
    """Places of the grid to one squared radius, from those inside the circle."""
    return float((distance < radius).sum()) / math.pi


def texture(view: View, layers: Layers, a: Floats, b: Floats) -> Floats:
    """Colours (N, 3) of the iris, without the lid's shade, at offsets (N,) from its centre."""
    distance = np.hypot(a, b)
    inner = view.radius - 0.45  # beyond it a pixel has sclera in it
    pull = np.where(distance > inner, inner / np.maximum(distance, 1e-6), 1)
    a, b, distance = a * pull, b * pull, np.minimum(distance, inner)
    place = distance / view.radius * _RINGS - 0.5
    rings = np.arange(_RINGS)
    made = np.stack([np.interp(place, rings, layers.profile[:, i]) for i in range(3)], -1)
    for sign_a, sign_b, trust in ((-1, -1, 0.35), (1, -1, 0.35), (-1, 1, 0.8), (1, 1, 1.0)):
        if layers.theirs and (sign_a, sign_b) == (1, 1):
            made += _mirrored(layers.theirs, a, b, made)
        at = view.center[0] + sign_a * a, view.center[1] + sign_b * b
        weight = trust * view.on_grid(layers.shows, *at, outside="constant")
        made += weight[:, None] * (view.on_grid(layers.lit, *at) - made)
    return made


def _mirrored(theirs: Theirs, a: Floats, b: Floats, made: Floats) -> Floats:
    """What the mirror image of the other iris changes in ``made`` (N, 3)."""
    at = theirs.view.center[0] - a, theirs.view.center[1] + b
    weight = theirs.view.on_grid(theirs.shows, *at, outside="constant")
    return weight[:, None] * (theirs.view.on_grid(theirs.lit, *at) - made)


def _shade(below_lid: Floats) -> Floats:
    """How dark the upper lid and its lashes make what lies ``below_lid`` units under its edge."""
    return 1 - 0.38 * np.exp(-np.maximum(below_lid, 0) / 1.6)


def _lids(view: View, lid: float) -> tuple[Floats, Floats]:
    return view.upper + lid * _lid_share(view), view.lower


def _lid_share(view: View) -> Floats:
    """How much of the lid's motion there is along the eye: none at the corners."""
    return smooth((1.05 - np.abs(view.u)) / 0.6)


def _lid_warp(view: View, lid: float) -> Floats | None:
    """The b that each place of the grid is read from when the upper lid has moved."""
    if not lid:
        return None
    above = np.maximum(view.upper - view.b, 0)
    share = np.exp(-(above**2) / (2 * 4.0**2)) * smooth(1.2 * (view.lower - view.b) / view.height())
    return view.b - lid * _lid_share(view) * share


def _lashes(view: View, rest: Floats, move: float) -> Floats:
    """Where what the layers do not explain is kept: at the lids; everywhere without a move."""
    near = np.minimum(view.b - view.upper, 1.5 * (view.lower - view.b))
    outside = smooth(view.from_iris() - view.radius) * (1 - rest)
    return np.maximum((1 - smooth(near / _LASHES)) * outside, 1 - min(1.0, move / _STILL))


def _open(view: View, upper: Floats, lower: Floats) -> Floats:
    """1 inside the lids, 0 outside, (h, w)."""
    depth = np.minimum(view.b - upper, lower - view.b) + 0.35
    ends = smooth((view.half + 0.35 - np.abs(view.a)) / 1.5)
    return smooth((depth + 0.75) / 1.5) * ends
