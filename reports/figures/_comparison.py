"""Qualitative comparison (figures 6 and 7): the same portraits in the row of every method."""

from collections.abc import Iterator

from gazebench.reports.figures._drawing import Drawing
from gazebench.reports.figures._group import EVAL, FULL_SIZE, Group, Unfilled
from gazebench.reports.figures._sheet import Row, face, sheet
from gazebench.reports.writers.wording import names

_FACES = 4


def compare(group: Group) -> Iterator[Drawing]:
    """The source above, then a row for each method that was compared."""
    runs = group.compared()
    if not runs:
        raise group.nothing_compared("prgan")
    portraits = group.faces(runs, _FACES)
    rows = [Row(label="Source", cells=[face(group.source(p), p) for p in portraits])]
    rows += [
        Row(
            label=group.titles[run.result.run],
            cells=[face(group.corrected(run, p), p) for p in portraits],
        )
        for run in runs
    ]
    labels = [row.label for row in rows[1:]]
    figure = sheet(rows)
    yield Drawing(
        figure=figure,
        runs=[run.result.run for run in runs],
        title="Gaze correction",
        caption="The first row shows the source, the others what each method made of it, in the "
        f"order of Table I. {len(portraits)} test portraits, chosen by a hash that knows no "
        "score; left eye above right eye, enlarged, with the border of the eye box inside.",
        alt=f"{len(portraits)} portraits with enlarged eyes: the source, then {names(labels)}.",
    )


def require_size(group: Group, *, full: bool) -> None:
    """That the portraits are of the size of CelebHQGaze (``full``) or smaller, as of CelebGaze.

    Raises:
        Unfilled: they are not.
    """
    if (group.resolution >= FULL_SIZE) != full:
        wanted = f"portraits of {FULL_SIZE} pixels" if full else "portraits of 256 pixels"
        size = FULL_SIZE if full else 256
        raise Unfilled(wanted, f"gazebench build-dataset PICTURES DATASET --res {size}", EVAL)
