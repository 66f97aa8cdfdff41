"""Figure 12: animation by interpolation and by extrapolation of the gaze."""

from collections.abc import Iterator

from gazebench.reports.figures._animation import ALPHA, frames, shared_portraits
from gazebench.reports.figures._drawing import Drawing
from gazebench.reports.figures._group import EVAL, Group, Unfilled
from gazebench.reports.figures._sheet import Row, sheet, tall_face

NUMBER = "12"
_FACES = 4
_SIDE = 168


def draw(group: Group) -> Iterator[Drawing]:
    """A row per portrait; alphas below 0 and above 1 are extrapolated."""
    shown = group.animators()[0]
    alphas = list(shown.facts.alphas)
    if not (min(alphas) < 0 and max(alphas) > 1):
        raise Unfilled("animations with alphas below 0 and above 1", EVAL + " --overwrite")
    rows = []
    for portrait in shared_portraits(group, [shown])[:_FACES]:
        found = frames(shown, portrait.id)
        cells = [tall_face(found[alpha], portrait, _SIDE) for alpha in alphas]
        rows.append(Row(label=portrait.id, cells=cells))
    heads = [
        f"{_kind(alpha)}\n{ALPHA} = {alpha:g}".replace("-", "\N{MINUS SIGN}") for alpha in alphas
    ]
    figure = sheet(rows, heads=heads)
    title = group.title_of(shown)
    yield Drawing(
        figure=figure,
        runs=[shown.run],
        title="Extrapolation",
        caption=f"Animations by {title}. Intra: between the source ({ALPHA} = 0) and its "
        f"correction ({ALPHA} = 1). Extra: beyond them on the same line. Both eyes are enlarged.",
        alt=f"{len(rows)} portraits, each with the gaze moved from beyond the source to beyond its "
        f"correction by {title}.",
    )


def _kind(alpha: float) -> str:
    return "intra" if 0 <= alpha <= 1 else "extra"
