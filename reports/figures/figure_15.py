"""Figure 15: where GazeGANV2 and GazeGANV2 without its coarse-to-fine module differ."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from gazebench.dataset import Portrait
from gazebench.reports.figures._drawing import DPI, Drawing
from gazebench.reports.figures._group import EVAL, FULL, TRAIN, Group, Unfilled
from gazebench.reports.figures._sheet import Row, sheet
from gazebench.reports.figures.figure_11 import train_without

NUMBER = "15"
_FACES = 5
_WIDTH = 400
_SCALE = 190  # pixels for the bar of colours
_MAP = "cividis"  # dark to light for every eye, and in print


def draw(group: Group) -> Iterator[Drawing]:
    """Source, without CFM, with CFM, and their difference, a row per portrait."""
    without = group.without("D")
    full = group.full(beside=[without] if without else [])
    if full is None:
        raise Unfilled(f"a trained {FULL}", TRAIN.format(FULL), EVAL)
    if without is None:
        raise Unfilled("a GazeGANV2 without CFM", train_without("D"), EVAL)
    portraits = group.faces([full, without], _FACES)
    triples = [
        (group.source(p), group.corrected(without, p), group.corrected(full, p)) for p in portraits
    ]
    differences = [_difference(*triple[1:]) for triple in triples]
    highest = max(float(d.max()) for d in differences) or 1.0
    rows = [
        Row(
            label=portrait.id,
            cells=[_band(one, portrait) for one in (*triple, _coloured(difference, highest))],
        )
        for portrait, triple, difference in zip(portraits, triples, differences, strict=True)
    ]
    titles = [group.titles[run.result.run] for run in (without, full)]
    figure = sheet(rows, heads=["source", *titles, "difference"], right=_SCALE)
    _scale(figure, highest)
    yield Drawing(
        figure=figure,
        runs=[full.result.run, without.result.run],
        title="What the coarse-to-fine module adds",
        caption=f"Eyes of the source, corrected by {titles[0]} and by {titles[1]}, and the "
        "absolute difference between the two, in levels of 255, as the mean of red, green and "
        "blue. One scale for all rows.",
        alt=f"Eyes of {len(rows)} portraits by {titles[0]} and {titles[1]}, and a map of where "
        f"they differ, up to {highest:.0f} levels.",
    )


def _difference(one: Image.Image, other: Image.Image) -> NDArray[np.float64]:
    """Mean over the colours, (H, W), 0 to 255."""
    return np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)).mean(2)


def _coloured(difference: NDArray[np.float64], highest: float) -> Image.Image:
    pixels = mpl.colormaps[_MAP](difference / highest, bytes=True)[..., :3]
    return Image.fromarray(np.ascontiguousarray(pixels))


def _band(picture: Image.Image, portrait: Portrait) -> Image.Image:
    """The part of a portrait with both eyes, enlarged; twice as wide as high."""
    boxes, side = portrait.eyes, picture.width
    left, right = min(b.left for b in boxes), max(b.right for b in boxes)
    middle = sum(b.top + b.bottom for b in boxes) / 4
    width = min(side, round(1.15 * (right - left)))
    height = width // 2
    x = min(max(0, round((left + right - width) / 2)), side - width)
    y = min(max(0, round(middle - height / 2)), side - height)
    crop = picture.crop((x, y, x + width, y + height))
    return crop.resize((_WIDTH, _WIDTH // 2), Image.Resampling.LANCZOS)


def _scale(figure: Figure, highest: float) -> None:
    """A bar of colours at the right."""
    width = figure.get_size_inches()[0] * DPI
    place = figure.add_axes(((width - _SCALE + 10) / width, 0.2, 24 / width, 0.6))
    bar = figure.colorbar(ScalarMappable(Normalize(0, highest), _MAP), cax=place)
    bar.set_label("difference, levels of 255")
