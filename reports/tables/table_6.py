"""Table VI: up-samplers compared, from the ``upsampling.json`` of a run.

Paper: Zhang et al. 2022, section IV-F. Whether its numbers are of the full image or of the eyes is
not stated, so both are measured, and the printed ones are shown beside those of the full image.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gazebench.cards import MetricCard
from gazebench.errors import counted
from gazebench.reports.grid import MISSING, Grid, Line, Notes, Row, cells_by_line, columns_of
from gazebench.reports.measured import Measured
from gazebench.reports.paper import table_6
from gazebench.results import BENCHMARK, Score

FILE = "upsampling.json"
_FULL = "whole portrait"
_EYES = "both eye patches, resized to 256x256"
_COUNTED = "reconstruction and up-sampling together"
CARDS = {
    "ms_ssim_full": MetricCard(
        title="MS-SSIM, full image",
        higher_is_better=True,
        digits=4,
        help="How much of the source the full-size reconstruction has; 1 is unchanged.",
        region=_FULL,
        bounds=(0.0, 1.0),
        group="preservation",
        order=10,
    ),
    "lpips_full": MetricCard(
        title="LPIPS, full image",
        higher_is_better=False,
        digits=4,
        help="How different from the source the full-size reconstruction looks; 0 is unchanged.",
        region=_FULL,
        weights=("lpips_alexnet",),
        bounds=(0.0, None),
        group="preservation",
        order=20,
    ),
    "ms_ssim_eyes": MetricCard(
        title="MS-SSIM, eyes",
        higher_is_better=True,
        digits=4,
        help="The same of the eyes alone.",
        region=_EYES,
        bounds=(0.0, 1.0),
        group="preservation",
        order=30,
    ),
    "lpips_eyes": MetricCard(
        title="LPIPS, eyes",
        higher_is_better=False,
        digits=4,
        help="The same of the eyes alone.",
        region=_EYES,
        weights=("lpips_alexnet",),
        bounds=(0.0, None),
        group="preservation",
        order=40,
    ),
    "fps": MetricCard(
        title="FPS",
        higher_is_better=True,
        digits=1,
        unit="1/s",
        help="Portraits per second at batch 1, reconstruction included.",
        region=_COUNTED,
        group="cost",
        order=10,
    ),
    "parameters": MetricCard(
        title="Parameters",
        higher_is_better=False,
        digits=2,
        unit="M",
        help="Weights of all networks that take part.",
        region=_COUNTED,
        group="cost",
        order=20,
    ),
}


@dataclass(frozen=True, kw_only=True)
class _Upsampler:
    title: str
    scores: dict[str, Score]


@dataclass(frozen=True, kw_only=True)
class Upsampling:
    """What ``gazebench eval-upsampling`` left."""

    facts: dict[str, Any]  # run, dataset, fingerprint, resolution, split, n, device
    rows: dict[str, _Upsampler]  # by up-sampler
    skipped: dict[str, str]  # title → why it was not measured


def grids(measured: Measured) -> Iterator[Grid]:
    """A table for each run whose up-samplers were measured."""
    for run, content in measured.each(FILE, Upsampling):
        yield grid(run, content)


def grid(run: str, measured: Upsampling) -> Grid:
    """The table of one run's reconstructions."""
    facts = measured.facts
    lines = [Line(key=name, scores=_known(row.scores)) for name, row in measured.rows.items()]
    columns = columns_of(lines, CARDS)
    cells = cells_by_line(columns, lines)
    notes = Notes()
    for title, why in measured.skipped.items():
        notes.mark(f"{title} was not measured: {why.rstrip('.')}.")
    paper = table_6()
    return Grid(
        number="VI",
        title="Up-sampling",
        caption=_caption(run, facts),
        corner="Up-sampler",
        dataset=str(facts.get("dataset", MISSING)),
        fingerprint=str(facts.get("fingerprint", "")),
        benchmark=str(facts.get("benchmark", BENCHMARK)),
        resolution=int(facts.get("resolution", 0)),
        columns=columns,
        rows=tuple(
            Row(
                key=name,
                label=row.title,
                cells=cells[name],
                paper=paper.of(name),
                facts={"run": run, "upsampler": name, "title": row.title},
                details={"upsampler": name, "label": row.title},
            )
            for name, row in measured.rows.items()
        ),
        notes=tuple(notes.texts),
        paper=paper,
        of=run,
        details={"run": run, "facts": facts, "skipped": measured.skipped},
    )


def _known(scores: Mapping[str, Score]) -> dict[str, Score]:
    return {k: score for k, score in scores.items() if k in CARDS and math.isfinite(score.value)}


def _caption(run: str, facts: Mapping[str, Any]) -> str:
    def fact(key: str) -> str:
        return str(facts.get(key, MISSING))

    n = facts.get("n")
    portraits = counted(n, "portrait") if isinstance(n, int) else f"{MISSING} portraits"
    return (
        f"Reconstructions at half size of {portraits} of domain Y ({fact('split')}) of "
        f"{fact('dataset')}, {fact('resolution')} px, by the run {run}, brought to full size and "
        "compared with the source. Brackets hold 95 % intervals; the best of a column is bold, and "
        "up-samplers with one letter are not told apart from the best of that letter. FPS was "
        f"measured on {fact('device')}."
    )
