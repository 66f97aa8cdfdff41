"""The sclera of an eye, completed where its iris hides it.

Lengths are in units of 1/64 of the eye distance.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy.ndimage import correlate1d, gaussian_filter, minimum_filter

from gazebench.baselines._eye_view import Floats, TooLittleError, View, smooth

_VESSELS = 0.08  # largest difference of a vessel from the sclera, of its brightness
_SOFT = 0.7  # blur of soft grain, pixels of the portrait
_LEAST_GRAIN = 60  # pixels of sclera that must show for its grain to be known
_MOST_GRAIN = 0.04  # of the sclera's brightness
_CONTRAST = 0.3  # least difference of complete sclera and iris, of the sclera's brightness
_EDGE = 2.5  # distance from a lid within which its edge and lashes make the sclera darker


def complete_sclera(view: View, other: View) -> tuple[Floats, Floats]:
    """The sclera (h, w, 3), and where the iris shows beside its circle, 0 to 1, (h, w).

    The sclera is its own pixels, and under the iris a shaded surface with grain, fitted to what
    shows of it, in ``other`` (the eye beside it) too.

    Raises:
        TooLittleError: too little of it shows, or it is nearly as dark as the iris.
    """
    shows = _sclera_shows(view)
    theirs = _sclera_shows(other) > 0
    own = shows > 0
    v, other_v = (np.clip((e.b - e.upper) / e.height(), 0, 1) for e in (view, other))
    shading, other_shading = _shading(view), _shading(other)
    bare, other_bare = (view.colors / shading, other.colors / other_shading)
    other_bare = other_bare * _dimmed(bare[own], other_bare[theirs])
    parts = [  # along, across, colours, weight; the other eye is the mirror image
        (view.u[own], v[own], bare[own], 1.0),
        (-view.u[own], v[own], bare[own], 0.25),
        (-other.u[theirs], other_v[theirs], other_bare[theirs], 0.2),
        (other.u[theirs], other_v[theirs], other_bare[theirs], 0.2),
    ]
    along, across, colors = (np.concatenate([p[i] for p in parts]) for i in range(3))
    weight = np.concatenate([np.full(len(p[0]), p[3]) for p in parts])
    if weight.sum() < 15 * (view.fine * view.unit) ** 2 / 4:
        raise TooLittleError("too little of the white of an eye shows")
    surface = _fitted(along, across, colors, weight, np.clip(view.u, -1, 1), v)
    rest = np.clip(bare - surface, -30, 30) * shows[..., None]
    share = view.blurred(shows, 2)
    rest = view.blurred(rest, 2) / (share + 1e-6)[..., None]
    surface = surface + rest * smooth(share / 0.12)[..., None]
    light, levels = surface.mean(-1), colors.mean(-1)
    bounded = np.clip(light, 0.5 * np.median(levels), np.quantile(levels, 0.65))
    surface = surface * (bounded / np.maximum(light, 1))[..., None] * shading
    surface *= _vessels(view, shows)
    surface *= _grain(
        view, shows, surface.mean(-1), _differences(other.light, 1.0 * theirs, other.fine)
    )
    surface *= _edges(view, surface.mean(-1))
    white = surface.mean(-1)
    rest = _rest_of_iris(view, white, _dark(view, white))
    cover = np.maximum(1 - smooth((view.from_iris() - view.radius - 0.6) / 1.4), rest)
    return view.colors + cover[..., None] * (surface - view.colors), rest


def _sclera_shows(view: View) -> Floats:
    """1 where the portrait shows sclera, else 0, (h, w)."""
    clear = (view.b - view.upper > 1) & (view.lower - view.b > 0.7) & (np.abs(view.u) < 0.86)
    clear &= (view.from_iris() > view.radius + 1.3) & view.free()
    if clear.sum() > 7 * (view.fine * view.unit / 2) ** 2:
        low, high = np.quantile(view.light[clear], [0.5, 0.97])
        clear &= (view.light > 0.85 * low) & (view.light < high + 25)
    return clear.astype(float)


def _dimmed(own: Floats, theirs: Floats) -> float:
    """What makes the other eye's sclera, colours (N, 3), no brighter than this eye's ``own``."""
    if not len(own) or not len(theirs):
        return 1.0
    gain = float(np.median(own.mean(-1)) / max(np.median(theirs.mean(-1)), 1))
    trust = len(own) / (len(own) + 0.25 * len(theirs))
    return 1 + trust * (min(max(gain, 0.5), 1.0) - 1)


def _dark(view: View, white: Floats) -> float:
    """Brightness of the iris; ``white`` is that of the complete sclera, (h, w).

    Raises:
        TooLittleError: the two are nearly the same, or too little of the iris shows.
    """
    inside = view.shows_iris()
    if not inside.any():
        raise TooLittleError("too little of an iris shows")
    dark, usual = float(np.median(view.light[inside])), float(np.median(white[inside]))
    if usual - dark < _CONTRAST * usual:
        raise TooLittleError("the white of an eye is nearly as dark as its iris")
    return dark


def _rest_of_iris(view: View, white: Floats, dark: float) -> Floats:
    """Where an iris larger than its circle, or beside it, still shows, 0 to 1, (h, w).

    That is near the circle, between the lids, and more like the iris (``dark``) than like the
    complete sclera (``white``).
    """
    like = (white - view.light) / np.maximum(white - dark, 1)
    near = smooth((1.9 - view.from_iris() / view.radius) / 0.3)
    above, below = view.b - view.upper, view.lower - view.b
    open_ = smooth((above - 0.4) / 0.8) * smooth((below + 0.5) / 0.8)
    return view.blurred(smooth((like - 0.25) / 0.3), 0.3) * near * open_


def _shading(view: View) -> Floats:
    """How dark lids and corners make the sclera, (h, w, 1)."""
    above, below = (np.maximum(d, 0) for d in (view.b - view.upper, view.lower - view.b))
    lids = (1 - 0.40 * np.exp(-above / 2.2)) * (1 - 0.15 * np.exp(-below / 1.0))
    return (lids * (1 - 0.22 * smooth((np.abs(view.u) - 0.45) / 0.5)))[..., None]


def _vessels(view: View, shows: Floats) -> Floats:
    """Vessels of the sclera that shows, reflected under the iris: factors, (h, w, 3)."""
    share = view.blurred(shows, 1.5)[..., None]
    even = view.blurred(view.colors * shows[..., None], 1.5) / (share + 1e-6)
    vessels = view.colors / np.maximum(even, 1) - 1
    vessels = np.clip(vessels, -_VESSELS, _VESSELS) * shows[..., None]
    vessels *= smooth((share - 0.5) / 0.35)  # at the end of what shows it is the shade that differs
    aside = view.a - view.center[0]
    edge = view.radius + 1.4
    sides = [float(shows[(aside > 0) == right].sum()) for right in (False, True)]
    side = 1.0 if sides[1] > sides[0] else -1.0
    far = np.abs(edge - side * aside)  # folded at the iris's edge: the sclera beyond it
    at = view.center[0] + side * (edge + far)
    return 1 + view.on_grid(vessels, at, view.b, outside="constant")


def _grain(view: View, shows: Floats, white: Floats, theirs: Sequence[Floats]) -> Floats:
    """What ``white``, the complete sclera, lacks of the photograph's grain: factors, (h, w, 1).

    Noise that makes the sclera under the iris as rough as that which shows; ``theirs``: how rough
    the other eye's is, see ``_differences``.
    """
    ours = _differences(view.light, shows, view.fine)
    seen = [np.concatenate(both) for both in zip(ours, theirs, strict=True)]
    if len(seen[0]) < _LEAST_GRAIN * view.fine**2:
        return np.ones_like(white)[..., None]
    (sharp, _), (soft, soft_far) = _roughness_of_noises(view.fine)
    near, far = _roughness(seen)
    far = min(far, near * soft_far / soft)  # what is coarser is no grain
    open_ = (view.b - view.upper > 1) & (view.lower - view.b > 0.7)
    under = 1.0 * (open_ & (view.from_iris() < view.radius))
    there = _roughness(_differences(white, under, view.fine))
    near, far = max(near - there[0], 0.0), max(far - there[1], 0.0)
    of_soft = max(far - near, 0.0) / (soft_far - soft)  # sharp noise has as much of both
    of_sharp = max(near - of_soft * soft, 0.0) / sharp
    strengths = np.sqrt([of_sharp, of_soft]).clip(max=_MOST_GRAIN)
    return 1 + np.tensordot(strengths, _noises(view.fine, white.shape), 1)[..., None]


def _differences(light: Floats, use: Floats, fine: int) -> list[Floats]:
    """How ``light`` changes over one and over two pixels inside ``use``, of its brightness: (n,).

    Second differences both ways, which no even shade has (Immerkær 1996, fast noise estimation).
    """
    level = max(float(np.median(light[use > 0])), 1.0) if use.any() else 1.0
    found = []
    for step in (fine, 2 * fine):
        weights = np.zeros(2 * step + 1)
        weights[[0, step, -1]] = 1, -2, 1
        both = correlate1d(correlate1d(light, weights, 0), weights, 1)
        found.append(both[minimum_filter(use, 2 * step + 1) > 0] / level)
    return found


def _roughness(differences: Sequence[Floats]) -> list[float]:
    """The variance of each, whatever a few places have; 0 of none."""
    return [float(2.2 * np.median(np.square(some))) if len(some) else 0.0 for some in differences]


def _noises(fine: int, shape: tuple[int, ...]) -> Floats:
    """Sharp and soft noise like a camera's, variance 1, the same at every call: (2, h, w)."""
    drawn = np.random.default_rng(0).standard_normal((2, *(n // fine for n in shape)))
    drawn[1] = gaussian_filter(drawn[1], _SOFT)
    drawn = drawn.repeat(fine, 1).repeat(fine, 2)
    return drawn / drawn.std((1, 2), keepdims=True)


@cache
def _roughness_of_noises(fine: int) -> list[list[float]]:
    """What each noise has of both differences."""
    noises = _noises(fine, (120, 160)) / 100
    found = [_differences(1 + noise, np.ones_like(noise), fine) for noise in noises]
    return [[100**2 * rough for rough in _roughness(some)] for some in found]


def _edges(view: View, white: Floats) -> Floats:
    """How much darker than ``white`` the sclera is along the lids: factors, (h, w, 1).

    That is measured beside the iris, by the distance from each lid: lashes and the lid's edge.
    """
    above, below = view.b - view.upper, view.lower - view.b
    beside = (np.abs(view.u) < 0.9) & (view.from_iris() > view.radius + 1.3) & view.free()
    darker = np.clip(view.light / np.maximum(white, 1), 0.3, 1)
    at = np.arange(-0.5, _EDGE + 0.25, 0.25)
    made = np.ones_like(white)
    for depth, other in ((above, below), (below, above)):
        use = beside & (other > _EDGE) & (depth > -0.5) & (depth < _EDGE)
        near = np.exp(-0.5 * ((depth[use] - at[:, None]) / 0.3) ** 2)
        usual = 0.5 * (view.fine * view.unit) ** 2  # weight of no shade, where little shows
        profile = (near @ darker[use] + usual) / (near.sum(1) + usual)
        profile = 1 + (profile - 1) * smooth((_EDGE - at) / _EDGE * 1.5)
        made *= np.interp(depth, at, profile)
    return made[..., None]


def _fitted(
    u: Floats, v: Floats, colors: Floats, weight: Floats, at_u: Floats, at_v: Floats
) -> Floats:
    """A ridge regression of colours (N, 3) on position, shrunk towards a shaded ball's."""

    def terms(u: Floats, v: Floats) -> Floats:
        return np.stack([np.ones_like(u), u, u * u, v, v * v], -1)

    mean = np.average(colors, axis=0, weights=weight)
    prior = np.outer([0.0, 0.0, -0.14, 0.30, -0.22], mean)
    prior[0] = mean - 0.3 * prior[2] - 0.5 * prior[3] - 0.35 * prior[4]
    design = terms(u, v)
    weighted = design * weight[:, None]
    ridge = np.diag([1e-3, 0.05, 0.05, 0.05, 0.05]) * weight.sum()
    found = np.linalg.solve(weighted.T @ design + ridge, weighted.T @ (colors - design @ prior))
    return terms(at_u, at_v) @ (prior + found)
