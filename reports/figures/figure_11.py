"""Figure 11: GazeGANV2 against itself without one of its parts (ablations A to D)."""

from collections.abc import Iterator

from gazebench.reports.ablations import TAKEN_AWAY
from gazebench.reports.figures._drawing import Drawing
from gazebench.reports.figures._group import EVAL, FULL, TRAIN, Group, Unfilled
from gazebench.reports.figures._sheet import Row, face, sheet
from gazebench.reports.writers.wording import names

NUMBER = "11"
_FACES = 4
_PARTS = {
    "A": "the content code (PAM)",
    "B": "Synthesis-As-Training",
    "C": "the latent reconstruction loss",
    "D": "the coarse-to-fine module (CFM)",
}


def draw(group: Group) -> Iterator[Drawing]:
    """The source, a row for each ablation that was evaluated, the full method."""
    ablated = {part: run for part in "DABC" if (run := group.without(part))}  # the paper's order
    full = group.full(beside=ablated.values())
    if full is None:
        raise Unfilled(f"a trained {FULL}", TRAIN.format(FULL), EVAL)
    if not ablated:
        raise Unfilled("a GazeGANV2 without one of its parts", train_without("D"), EVAL)
    runs = [*ablated.values(), full]
    portraits = group.faces(runs, _FACES)
    rows = [Row(label="Source", cells=[face(group.source(p), p) for p in portraits])]
    rows += [
        Row(
            label=group.titles[run.result.run],
            cells=[face(group.corrected(run, p), p) for p in portraits],
        )
        for run in runs
    ]
    figure = sheet(rows)
    meant = names([f"{part} is {_PARTS[part]}" for part in sorted(ablated)])
    yield Drawing(
        figure=figure,
        runs=[run.result.run for run in runs],
        title="Ablations",
        caption="The source, GazeGANV2 without one of its parts, and the full method last. "
        f"{meant}. Left eye above right eye, enlarged.",
        alt=f"{len(portraits)} portraits with enlarged eyes: the source, then "
        f"{names([row.label for row in rows[1:]])}.",
    )


def train_without(part: str) -> str:
    """The command that trains a GazeGANV2 without a part."""
    key, value = TAKEN_AWAY[part]
    setting = f"methods.{FULL}.{key}={str(value).lower()}"
    return f"gazebench train --method {FULL} DATASET RUNS/without_{part.lower()} --set {setting}"
