"""Figure 14: one coarse portrait brought to full size by several up-samplers."""

from collections.abc import Iterator

from gazebench.reports.figures._drawing import Drawing
from gazebench.reports.figures._group import FULL, TRAIN, Group, Unfilled
from gazebench.reports.figures._sheet import Row, sheet, tall_face
from gazebench.reports.writers.wording import names

NUMBER = "14"
_FACES = 4
_MEASURE = f"gazebench eval-upsampling RUNS/{FULL} DATASET"


def draw(group: Group) -> Iterator[Drawing]:
    """A row per portrait; source, half size, and a column per up-sampler."""
    manifest = group.dataset()
    if not group.upsampled:
        raise Unfilled("up-samplers that were measured", TRAIN.format(FULL), _MEASURE)
    measured = group.upsampled[0]
    found = {
        id_: strip
        for id_ in measured.ids
        if id_ in manifest.by_id and (strip := measured.strip(id_))
    }
    if not found:
        raise Unfilled("the pictures of the up-samplers, which are not in their run", _MEASURE)
    rows = [
        Row(label=id_, cells=[tall_face(cell, manifest.by_id[id_]) for cell in strip.values()])
        for id_, strip in list(found.items())[:_FACES]
    ]
    titles = list(measured.columns[2:])
    yield Drawing(
        figure=sheet(rows, heads=list(measured.columns)),
        runs=[measured.run],
        title="Up-samplers",
        caption="The source, its reconstruction at half size (every pixel drawn as four) by the "
        f"run {measured.run}, and that brought to full size by {names(titles)}. Both eyes are "
        "enlarged.",
        alt=f"{len(rows)} portraits with enlarged eyes: the source, a coarse reconstruction, and "
        f"what {names(titles)} make of it.",
    )
