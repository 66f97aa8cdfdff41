"""Figure 8: corrections of portraits with diverse head poses."""

from collections.abc import Iterator, Sequence

import numpy as np

from gazebench.dataset import Portrait
from gazebench.reports.figures._drawing import Drawing
from gazebench.reports.figures._group import Group, Unfilled
from gazebench.reports.figures._sheet import Row, sheet, tall_face

NUMBER = "8"
_FACES = 7


def draw(group: Group) -> Iterator[Drawing]:
    """Source above, correction below, from heads turned to one side to those to the other."""
    run = group.leading()
    portraits = _spread(group.faces([run], 10**6))
    title = group.titles[run.result.run]
    rows = [
        Row(label="Source", cells=[tall_face(group.source(p), p) for p in portraits]),
        Row(
            label=title,
            cells=[tall_face(group.corrected(run, p), p) for p in portraits],
            notes=[_pose(p) for p in portraits],
        ),
    ]
    figure = sheet(rows)
    yaws = [f"{p.measures.yaw_deg:.0f}" for p in portraits]
    yield Drawing(
        figure=figure,
        runs=[run.result.run],
        title="Head poses",
        caption=f"Test portraits over the range of head yaw, corrected by {title}. Below each: yaw "
        "and pitch of the head in degrees, as the manifest of the dataset has them.",
        alt=f"{len(portraits)} portraits with enlarged eyes, heads turned by {yaws[0]} to "
        f"{yaws[-1]} degrees: the source above, the correction by {title} below.",
    )


def _spread(portraits: Sequence[Portrait]) -> list[Portrait]:
    """Portraits whose yaws lie evenly between the smallest and the largest."""
    measured = [p for p in portraits if p.measures.yaw_deg is not None]
    if len(measured) < 2:
        raise Unfilled(
            "test portraits with a measured head pose", "gazebench build-dataset PICTURES DATASET"
        )
    yaws = np.array([p.measures.yaw_deg for p in measured], np.float64)
    chosen: list[int] = []
    for wanted in np.linspace(yaws.min(), yaws.max(), min(_FACES, len(measured))):
        left = [n for n in range(len(yaws)) if n not in chosen]
        chosen.append(min(left, key=lambda n: abs(yaws[n] - wanted)))
    return [measured[n] for n in sorted(chosen, key=lambda n: yaws[n])]


def _pose(portrait: Portrait) -> str:
    yaw, pitch = portrait.measures.yaw_deg, portrait.measures.pitch_deg
    text = f"yaw {yaw:+.0f}°" + (f", pitch {pitch:+.0f}°" if pitch is not None else "")
    return text.replace("-", "\N{MINUS SIGN}")
