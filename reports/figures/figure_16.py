"""Figure 16: t-SNE of the codes r of the gaze, and of the content codes of y and of y with a tilde.

Paper: Zhang et al. 2022, section IV-F: r of 50 portraits at 5 points each, c of the test half.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from gazebench.errors import InputError
from gazebench.reading import read_arrays
from gazebench.reports.figures import _tsne as tsne
from gazebench.reports.figures._drawing import COLOURS, Drawing, Panel
from gazebench.reports.figures._group import EVAL, FULL, TRAIN, Group, Shown, Unfilled
from gazebench.reports.writers.wording import names

NUMBER = "16"
_MOST = 300  # portraits of a panel of c, as many as the paper's test half has
# one colour from dark to light for the way from the source to its correction
_STEPS = ("#440154", "#3B528B", "#21918C", "#5EC962", "#C8B400")
_PAIR = (COLOURS[1], COLOURS[0])  # c of y orange, c of y with a tilde blue, as in the paper
_MARKS = ("o", "s", "D", "^", "v")


@dataclass(frozen=True, kw_only=True)
class _Plot:
    """A panel and what the JSON file says of it."""

    panel: Panel
    run: str
    kind: str  # "r" or "c"
    perplexity: float


def draw(group: Group) -> Iterator[Drawing]:
    """R of GazeGAN and GazeGANV2 above, c of GazeGANV2 without and with its loss below."""
    found = [(kind, shown) for kind, shown in _wanted(group) if _has(shown, kind)]
    if not found:
        raise Unfilled(f"the codes of a trained {FULL}", TRAIN.format(FULL), EVAL)
    plots = [p for kind, s in found if (p := _plot(kind, s, group.title_of(s))) is not None]
    if not plots:
        raise Unfilled("codes that can be read (codes.npz is damaged or too short)", EVAL)
    panels = [plot.panel for plot in plots]
    yield Drawing(
        figure=_figure(plots),
        runs=[plot.run for plot in plots],
        faces=False,
        title="The codes of gaze and content (t-SNE)",
        caption=_caption(plots, group),
        alt=f"Scatter plots of codes: {names([f'{p.title} ({p.note})' for p in panels])}.",
        panels=panels,
        data={"t_sne": tsne.facts(), "panels": [_json(plot) for plot in plots]},
    )


def _wanted(group: Group) -> Iterator[tuple[str, Shown]]:
    """The four panels of the paper, where there are runs for them."""
    by_run = {shown.run: shown for shown in group.shown}
    full = group.full(codes=True)
    for kind, run in (
        ("r", group.full("gazegan", codes=True)),
        ("r", full),
        ("c", group.without("C")),
        ("c", full),
    ):
        if run and run.result.run in by_run:
            yield kind, by_run[run.result.run]


def _has(shown: Shown, kind: str) -> bool:
    return kind in shown.facts.codes


def _plot(kind: str, shown: Shown, title: str) -> _Plot | None:
    arrays = _arrays(shown.folder / "figures" / "codes.npz")
    try:
        codes, groups, series, texts = (_of_r if kind == "r" else _of_c)(arrays, shown)
    except (KeyError, ValueError):
        return None
    if len(codes) < tsne.FEWEST or not np.isfinite(codes).all():
        return None
    places = tsne.embed(codes)
    share = tsne.own_neighbours(codes, groups)
    points = [
        (float(x), float(y), int(s), text)
        for (x, y), s, text in zip(places, series, texts, strict=True)
    ]
    panel = Panel(
        title=f"{title}: {kind}",
        note=f"nearest code is of the same portrait: {100 * share:.0f} %",
        points=points,
        links=_links(groups),
        series=_names(shown, kind),
    )
    return _Plot(panel=panel, run=shown.run, kind=kind, perplexity=tsne.perplexity(len(codes)))


_Found = tuple[tsne.Codes, np.ndarray, np.ndarray, list[str]]  # codes, portrait, series, titles


def _of_r(arrays: Mapping[str, np.ndarray], shown: Shown) -> _Found:
    r, ids = arrays["r"].astype(np.float64), [str(id_) for id_ in arrays["r_ids"]]
    count, points, size = r.shape
    if count != len(ids) or points != len(shown.facts.points):
        raise ValueError
    names_ = _names(shown, "r")
    texts = [f"{id_}, {name}" for id_ in ids for name in names_]
    groups = np.repeat(np.arange(count), points)
    return r.reshape(-1, size), groups, np.tile(np.arange(points), count), texts


def _of_c(arrays: Mapping[str, np.ndarray], shown: Shown) -> _Found:
    c, made = (arrays[name][:_MOST].astype(np.float64) for name in ("c", "c_made"))
    ids = [str(id_) for id_ in arrays["ids"][:_MOST]]
    if c.shape != made.shape or len(c) != len(ids):
        raise ValueError
    texts = [f"{id_}, {name}" for name in _names(shown, "c") for id_ in ids]
    groups = np.tile(np.arange(len(c)), 2)
    return np.concatenate([c, made]), groups, np.repeat([0, 1], len(c)), texts


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        return dict(read_arrays(path))
    except InputError:
        return {}


def _names(shown: Shown, kind: str) -> list[str]:
    if kind == "c":
        return ["c of y", "c of ỹ"]
    ends = {0.0: " (source)", 1.0: " (corrected)"}
    return [f"I{n}{ends.get(p, '')}" for n, p in enumerate(shown.facts.points, 1)]


def _links(groups: np.ndarray) -> list[tuple[int, int]]:
    """Each code of a portrait with the next one of the same."""
    found: list[tuple[int, int]] = []
    for group in np.unique(groups):
        of_it = [int(n) for n in np.flatnonzero(groups == group)]
        found += pairwise(of_it)
    return found


def colours(panel: Panel) -> Sequence[str]:
    """Of the panel's series, by number."""
    return _PAIR if len(panel.series) == 2 else _STEPS


def _figure(plots: Sequence[_Plot]) -> Figure:
    columns = min(2, len(plots))
    rows = -(-len(plots) // columns)
    figure = Figure(figsize=(4.4 * columns, 4.3 * rows), layout="constrained")
    for number, plot in enumerate(plots, 1):
        _scatter(figure.add_subplot(rows, columns, number), plot.panel)
    return figure


def _scatter(axes: Axes, panel: Panel) -> None:
    places = np.array([point[:2] for point in panel.points])
    series = np.array([point[2] for point in panel.points])
    ends = [(places[a], places[b]) for a, b in panel.links]
    axes.add_collection(LineCollection(ends, colors="#9a9a9a", linewidths=0.5, zorder=1))
    for number, (name, colour) in enumerate(zip(panel.series, colours(panel), strict=False)):
        x, y = places[series == number].T
        axes.scatter(
            x, y, s=11, c=colour, marker=_MARKS[number % 5], linewidths=0, label=name, zorder=2
        )
    axes.set_title(panel.title, loc="left", fontweight="bold", pad=18, parse_math=False)
    axes.text(0, 1.02, panel.note, transform=axes.transAxes, color="#444444")
    axes.set(xticks=[], yticks=[], xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), aspect="equal")
    axes.spines[["top", "right"]].set_visible(True)
    legend = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.01), "frameon": False}
    axes.legend(**legend, ncols=3, markerscale=1.6, handletextpad=0.2, columnspacing=1)


def _caption(plots: Sequence[_Plot], group: Group) -> str:
    kinds = {plot.kind for plot in plots}
    r, c = (
        "r is the code of the gaze at five points on the way from the source (I1) to its "
        "correction (I5); a thin line joins the five of one portrait. ",
        "c is the code of the content of a portrait of domain Y and ỹ what the method makes of "
        "the codes of that portrait; a thin line joins the two. ",
    )
    sizes = sorted({round(plot.perplexity, 1) for plot in plots})
    return (
        f"{r if 'r' in kinds else ''}{c if 'c' in kinds else ''}"
        f"t-SNE from the first two principal components, perplexity "
        f"{names([f'{size:g}' for size in sizes])}, seed {tsne.SEED}. Distances between far groups "
        "mean little; the share in each heading is counted among the codes themselves."
        + _absent(plots, group)
    )


def _absent(plots: Sequence[_Plot], group: Group) -> str:
    """Which of the paper's panels are not here."""
    there = {(plot.kind, plot.run) for plot in plots}
    lacking = []
    for kind, run, what in (
        ("r", group.full("gazegan", codes=True), "r of GazeGAN"),
        ("r", group.full(codes=True), "r of GazeGANV2"),
        ("c", group.without("C"), "c of GazeGANV2 without C (weight_fp = 0)"),
        ("c", group.full(codes=True), "c of GazeGANV2"),
    ):
        if run is None or (kind, run.result.run) not in there:
            lacking.append(what)
    return f" Panels of the paper without a run here: {names(lacking)}." if lacking else ""


def _json(plot: _Plot) -> dict[str, object]:
    points = [
        {"title": text, "series": plot.panel.series[s], "x": round(x, 6), "y": round(y, 6)}
        for x, y, s, text in plot.panel.points
    ]
    facts = {"run": plot.run, "code": plot.kind, "perplexity": plot.perplexity}
    return {**facts, "title": plot.panel.title, "note": plot.panel.note, "points": points}
