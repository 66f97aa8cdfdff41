"""Training curves: every loss of every trained run, from its ``log.jsonl``."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from gazebench.reports.figures._drawing import COLOURS, Drawing
from gazebench.reports.figures._group import Group, Unfilled
from gazebench.reports.writers.wording import names
from gazebench.training.run import read_log

NUMBER = ""
_MOST = 400  # places on a curve
_MEANT = {
    "adv": "adversarial",
    "rec": "reconstruction",
    "cyc": "cycle",
    "per": "perceptual",
    "cls": "classification",
    "gp": "gradient penalty",
    "fp": "content code",
}
_COLUMNS, _LEGEND = 3, 3  # plots beside each other, names beside each other below a plot
_Curve = tuple[NDArray[np.float64], NDArray[np.float64]]  # steps, values


def draw(group: Group) -> Iterator[Drawing]:
    """A picture per run: one plot for each kind of loss, a line for each network."""
    empty = True
    for run, folder in group.logs.items():
        rows = read_log(folder / "log.jsonl")
        kinds = _curves(rows)
        if not kinds:
            continue
        empty = False
        title = group.titles.get(run, run)
        steps = max(row["step"] for row in rows)
        yield Drawing(
            figure=_figure(kinds),
            runs=[run],
            faces=False,
            title=f"Training of {title}",
            caption=f"Losses of the run {run} over {steps:,} steps, unweighted, each the mean over "
            "equal numbers of steps. " + _glossary(kinds),
            alt=f"Curves of the losses {names(list(kinds))} of {title} over {steps:,} steps.",
            of=run,
        )
    if empty:
        raise Unfilled("the log of a training", "gazebench train --method NAME DATASET RUNS/NAME")


def _curves(rows: Sequence[Mapping[str, object]]) -> dict[str, dict[str, _Curve]]:
    """By kind of loss, then by network: steps and means."""
    values: dict[str, dict[int, float]] = {}
    for row in rows:
        losses, step = row.get("losses"), row["step"]
        if not isinstance(losses, dict) or not isinstance(step, int):
            continue
        for name, value in losses.items():
            if isinstance(value, int | float) and math.isfinite(value):
                values.setdefault(str(name), {})[step] = float(value)
    kinds: dict[str, dict[str, _Curve]] = {}
    for name, by_step in sorted(values.items()):
        kind = name.rpartition("/")[2].partition("_")[0]
        if len(by_step) > 1:
            kinds.setdefault(kind, {})[name] = _means(by_step)
    return kinds


def _means(by_step: Mapping[int, float]) -> _Curve:
    """At most ``_MOST`` places, each the mean of as many steps."""
    steps = np.array(sorted(by_step), np.float64)
    values = np.array([by_step[int(step)] for step in steps])
    parts = np.array_split(np.arange(len(steps)), min(_MOST, max(2, len(steps) // 5)))
    means = [(steps[part].mean(), values[part].mean()) for part in parts if len(part)]
    x, y = np.array(means).T
    return x, y


def _figure(kinds: Mapping[str, Mapping[str, _Curve]]) -> Figure:
    columns = min(_COLUMNS, len(kinds))
    rows = -(-len(kinds) // columns)
    lines = max(-(-len(lines) // _LEGEND) for lines in kinds.values())
    size = (3.1 * columns, (2.4 + 0.17 * lines) * rows)
    figure = Figure(figsize=size, layout="constrained")
    for number, (kind, lines) in enumerate(kinds.items(), 1):
        _plot(figure.add_subplot(rows, columns, number), kind, lines)
    return figure


def _plot(axes: Axes, kind: str, lines: Mapping[str, _Curve]) -> None:
    for number, (line, (x, y)) in enumerate(lines.items()):
        dashes = ("-", "--", ":")[number // len(COLOURS) % 3]
        axes.plot(x, y, dashes, color=COLOURS[number % len(COLOURS)], lw=1, label=line)
    axes.set_title(kind, loc="left", fontweight="bold", parse_math=False)
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(color="#e4e4e4", lw=0.5)
    axes.margins(x=0.01)
    if len(lines) > 1 or kind not in lines:
        below = {"loc": "upper left", "bbox_to_anchor": (-0.1, -0.22), "frameon": False}
        axes.legend(**below, ncols=_LEGEND, handlelength=1.2, columnspacing=1, borderpad=0)


def _glossary(kinds: Mapping[str, object]) -> str:
    known = [f"{kind}: {_MEANT[kind]}" for kind in kinds if kind in _MEANT]
    return f"{', '.join(known)}." if known else ""
