"""The iris as the circle at whose sides, inside the lids, brightness rises the most."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.floating[Any]]

# lengths in units of the radius that the networks say, which is 5.9 px at an eye distance of 64
_FINE = 24  # pixels of the searched patch to a radius
_HALF = 3.2  # half its side
_ASIDE, _ALONG = np.arange(-0.72, 0.721, 0.04), np.arange(-0.36, 0.361, 0.06)  # shifts tried
_RADII = np.array([0.88, 0.94, 1.0, 1.06, 1.12])
_ARC = np.radians(np.r_[-50:51:10, 130:231:10])  # the iris's right and left side
_BLUR = 0.095
_NEAR = np.array([0.42, 0.20])  # where the search leaves the networks' estimates behind
_PULL, _SIZE = 0.03, 0.02  # weights of that and of the radius
_HIGHLIGHTS = 0.8  # quantile of brightness above which all counts as bright


def search(
    pixels: NDArray[np.uint8], upper: Floats, lower: Floats, centers: Floats, radius: float
) -> tuple[Floats, float, float]:
    """Centre (2,) and radius of the iris, pixels, and how well they fit.

    The fit is the mean brightness rise across the iris's two sides, added, over the eye's range of
    brightness, for one pixel of a portrait with 64 pixels between the eyes. ``upper``, ``lower``:
    the lids; ``centers`` (K, 2): what the networks say.
    """
    start = centers.mean(0)
    rise_x, rise_y, open_ = _patch(pixels, start, radius, upper, lower)
    if (open_ > 0).sum() < _FINE:
        return start, radius, 0.0
    dx, dy, size = (v.ravel() for v in np.meshgrid(_ASIDE, _ALONG, _RADII, indexing="ij"))
    cos, sin = np.cos(_ARC), np.sin(_ARC)
    middle = (len(open_) - 1) / 2
    columns = _index((dx[:, None] + size[:, None] * cos) * _FINE + middle, len(open_))
    rows = _index((dy[:, None] + size[:, None] * sin) * _FINE + middle, len(open_))
    weight = open_[rows, columns]
    rise = weight * (rise_x[rows, columns] * cos + rise_y[rows, columns] * sin)
    half = len(_ARC) // 2
    sides = slice(half), slice(half, None)
    fit = np.sum([rise[:, s].sum(1) / (weight[:, s].sum(1) + 2) for s in sides], 0)
    known = (np.concatenate([centers, start[None]]) - start) / radius  # (K + 1, 2)
    away = np.stack([dx, dy], 1)[:, None] - known  # (M, K + 1, 2)
    pull = ((away / _NEAR) ** 2).sum(2).min(1)
    best = int((fit - _PULL * pull - _SIZE * ((size - 1) / 0.1) ** 2).argmax())
    found = start + radius * np.array([dx[best], dy[best]])
    return found, radius * float(size[best]), float(fit[best])


def _patch(
    pixels: NDArray[np.uint8], center: Floats, radius: float, upper: Floats, lower: Floats
) -> tuple[Any, Any, Any]:
    """Rise of brightness in x and y and how open the eye is, around ``center``, fine pixels."""
    side = round(2 * _HALF * _FINE)
    scale = radius / _FINE
    left, top = center - scale * (side - 1) / 2
    grey = _brightness(pixels, (left, top), scale, side)
    mask = Image.new("L", (side, side))
    outline = np.concatenate([upper, lower[::-1]])
    ImageDraw.Draw(mask).polygon(
        [((x - left) / scale, (y - top) / scale) for x, y in outline], fill=255
    )
    inside = np.asarray(mask, np.float32) / 255
    if inside.sum() < _FINE:
        return grey, grey, np.zeros_like(grey)
    high = float(np.quantile(grey[inside > 0.5], _HIGHLIGHTS))
    span = max(8.0, high - float(np.quantile(grey[inside > 0.5], 0.05)))
    grey = gaussian_filter(np.minimum(grey, high), _BLUR * _FINE)
    rise_y, rise_x = np.gradient(grey / span)
    soft = gaussian_filter(inside, 0.07 * _FINE)
    to_unit = _FINE / 5.9
    return rise_x * to_unit, rise_y * to_unit, np.where(soft > 0.6, soft, 0)


def _brightness(
    pixels: NDArray[np.uint8], corner: tuple[float, float], scale: float, side: int
) -> Floats:
    """Mean of the smallest and the mean channel; ``side`` x ``side`` fine pixels from a corner."""
    margin = 3
    x, y = (int(np.floor(v)) - margin for v in corner)
    need = int(np.ceil(side * scale)) + 2 * margin + 1
    rows = np.clip(np.arange(y, y + need), 0, pixels.shape[0] - 1)
    columns = np.clip(np.arange(x, x + need), 0, pixels.shape[1] - 1)
    near = pixels[np.ix_(rows, columns)].astype(np.float32)
    grey = Image.fromarray(0.5 * near.min(2) + 0.5 * near.mean(2))
    origin = [corner[0] - x - scale / 2 + 0.5, corner[1] - y - scale / 2 + 0.5]
    return np.asarray(
        grey.transform(
            (side, side),
            Image.Transform.AFFINE,
            (scale, 0, origin[0], 0, scale, origin[1]),
            resample=Image.Resampling.BICUBIC,
        )
    )


def _index(places: Floats, size: int) -> NDArray[np.intp]:
    return np.clip(np.rint(places), 0, size - 1).astype(np.intp)
