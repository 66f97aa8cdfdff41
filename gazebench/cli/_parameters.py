"""How many parameters the methods have, beside what their paper printed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from gazebench import baselines, methods, plugins
from gazebench.dataset.boxes import eye_window
from gazebench.errors import MethodError
from gazebench.reports.paper import PublishedCount, parameter_counts

RULES = ("inference", "training", "training_vgg")
_NONE = "\u2013"  # a dash
_HEAD = ("method", "side", "inference", "training", "training + VGG")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a method, or a printed variant of it, for portraits of one side."""

    title: str
    resolution: int
    cells: tuple[str, str, str]  # by ``RULES``


def table(resolutions: Iterable[int]) -> list[str]:
    """Lines of text: parameters in millions of every trainable method, at its default settings.

    In brackets what Zhang et al. (2022) printed, and by how much ours is more. No memory is taken:
    networks are built without numbers in them.
    """
    kinds = {name: methods.load(baselines, name) for name in plugins.names(baselines)}
    trained = {name: kind for name, kind in kinds.items() if methods.is_trainable(kind)}
    rows = [
        row
        for name, kind in trained.items()
        for resolution in resolutions
        for row in _rows(name, kind, resolution)
    ]
    return [_line(*_HEAD), *(_line(r.title, str(r.resolution), *r.cells) for r in rows)]


def _rows(name: str, kind: Any, resolution: int) -> Iterator[Row]:
    try:
        with torch.device("meta"):
            method = kind(kind.Config(), methods.Task(resolution, eye_window(resolution)))
    except MethodError as error:
        yield Row(name, resolution, (_NONE, _NONE, f"{_NONE} {error}"))
        return
    printed = [p for p in parameter_counts() if (p.method, p.resolution) == (name, resolution)]
    counts = _counts(method, ())
    whole = {p.rule: p for p in printed if not p.without}
    yield Row(name, resolution, _cells(counts, whole))
    for variant in (p for p in printed if p.without):
        counts = {variant.rule: _counts(method, variant.without)[variant.rule]}
        title = f"{name} without {', '.join(variant.without)}"
        yield Row(title, resolution, _cells(counts, {variant.rule: variant}))


def _counts(method: methods.TrainableMethod, without: Iterable[str]) -> dict[str, int]:
    """Parameters by rule, but for those of some networks."""
    networks = {k: v for k, v in method.networks.items() if k not in without}
    left = {k: methods.count_parameters([v]) for k, v in networks.items()}
    training = sum(left.values())
    inference = sum(count for k, count in left.items() if k in method.inference_networks)
    counts = inference, training, training + method.frozen_parameters()
    return dict(zip(RULES, counts, strict=True))


def _cells(counts: dict[str, int], printed: dict[str, PublishedCount]) -> tuple[str, str, str]:
    first, second, third = (
        _cell(counts[rule], printed.get(rule)) if rule in counts else _NONE for rule in RULES
    )
    return first, second, third


def _cell(count: int, printed: PublishedCount | None) -> str:
    millions = f"{count / 1e6:.2f}"
    if printed is None:
        return millions
    more = count / 1e6 / float(printed.millions) - 1
    return f"{millions} ({printed.millions}, {more:+.2%})".replace("%", " %")


def _line(*cells: str) -> str:
    widths = (26, 6, 24, 11, 0)
    return "".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
