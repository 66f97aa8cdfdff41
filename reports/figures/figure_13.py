"""Figure 13: what PAM makes of an eye and of the mirrored other eye."""

from collections.abc import Iterator

from PIL import Image

from gazebench.reports.figures._drawing import Drawing
from gazebench.reports.figures._group import EVAL, TRAIN, Group, Unfilled
from gazebench.reports.figures._sheet import Row, sheet

NUMBER = "13"
_SIDE = 128
_HEADS = ("left eye", "output", "right eye, mirrored", "output")
_HEADS += ("right eye", "output", "left eye, mirrored", "output")


def draw(group: Group) -> Iterator[Drawing]:
    """The four inputs of equation 7, each before its output."""
    group.dataset()  # eyes are portraits too: not where those may not be shown
    parts = [s for s in group.shown if s.facts.method == "pam" and s.facts.pictures == len(_HEADS)]
    if not parts:
        raise Unfilled("a trained pam", TRAIN.format("pam"), EVAL)
    rows = []
    for id_ in parts[0].facts.ids:
        if pictures := parts[0].strip("pictures", id_, len(_HEADS)):
            rows.append(Row(label=id_, cells=[_large(picture) for picture in pictures]))
    if not rows:
        raise Unfilled("the pictures of pam, which are not in its run", EVAL + " --overwrite")
    figure = sheet(rows, heads=_HEADS)
    yield Drawing(
        figure=figure,
        runs=[parts[0].run],
        title="Outputs of PAM",
        caption="Each eye and the mirrored other eye, before what the pretrained auto-encoder "
        f"makes of them (run {parts[0].run}). The first two outputs of a row should be one eye, "
        "and the last two.",
        alt=f"Eyes of {len(rows)} portraits, each before its reconstruction: left eye, mirrored "
        "right eye, right eye, mirrored left eye.",
    )


def _large(picture: Image.Image) -> Image.Image:
    return picture.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
