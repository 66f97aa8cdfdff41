"""Animation strips (figures 9 and 10): from the source to its correction, one row a portrait."""

from collections.abc import Iterator, Sequence

from PIL import Image

from gazebench.dataset import Portrait
from gazebench.reports.figures._drawing import Drawing
from gazebench.reports.figures._group import EVAL, Group, Shown, Unfilled
from gazebench.reports.figures._sheet import Row, sheet, tall_face
from gazebench.reports.measured import Run
from gazebench.reports.writers.wording import names

ALPHA = "\N{GREEK SMALL LETTER ALPHA}"
_MOST_METHODS, _MOST_MORE = 4, 3
_SIDE = 176


def strips(group: Group) -> Iterator[Drawing]:
    """One portrait by every method that animates, then more portraits by the first of them."""
    animators = group.animators()[:_MOST_METHODS]
    portraits = shared_portraits(group, animators)
    titles = [group.title_of(shown) for shown in animators]
    pairs = [(shown, portraits[0]) for shown in animators]
    pairs += [(animators[0], portrait) for portrait in portraits[1 : 1 + _MOST_MORE]]
    runs = {run.result.run: run for run in group.runs if group.has_corrected(run, portraits)}
    with_end = all(shown.run in runs for shown in animators)
    rows = [
        _row(group, shown, portrait, runs[shown.run] if with_end else None)
        for shown, portrait in pairs
    ]
    alphas = _inside(animators[0])
    heads = ["source", *[f"{ALPHA} = {alpha:g}" for alpha in alphas]]
    heads += ["corrected"] if with_end else []
    figure = sheet(rows, heads=heads)
    more = len(rows) - len(animators)
    yield Drawing(
        figure=figure,
        runs=[shown.run for shown in animators],
        title="Gaze animation",
        caption=f"The source, then the gaze animated from it ({ALPHA} = 0) to its correction "
        f"({ALPHA} = 1) by interpolation. The first {_rows(len(animators))} one portrait by "
        + names(titles)
        + (f", the other {_rows(more)} more portraits by {titles[0]}." if more else ".")
        + " Both eyes are enlarged.",
        alt=f"Rows of portraits whose gaze moves to the camera, by {names(titles)}.",
    )


def shared_portraits(group: Group, animators: Sequence[Shown]) -> list[Portrait]:
    """Portraits that all of them animated.

    Raises:
        Unfilled: there are none, or the dataset is not here.
    """
    manifest = group.dataset()
    ids = [
        id_
        for id_ in animators[0].facts.ids
        if id_ in manifest.by_id and all(frames(shown, id_) for shown in animators)
    ]
    if not ids:
        raise Unfilled("animations of the same portraits by every method", EVAL + " --overwrite")
    return [manifest.by_id[id_] for id_ in ids]


def frames(shown: Shown, id_: str) -> dict[float, Image.Image]:
    """The portrait by alpha; {} where it was not animated."""
    alphas = shown.facts.alphas
    return dict(zip(alphas, shown.strip("animation", id_, len(alphas)), strict=False))


def _inside(shown: Shown) -> list[float]:
    return [alpha for alpha in shown.facts.alphas if 0 <= alpha <= 1]


def _row(group: Group, shown: Shown, portrait: Portrait, end: Run | None) -> Row:
    found = frames(shown, portrait.id)
    cells = [group.source(portrait), *[found[alpha] for alpha in _inside(shown)]]
    cells += [group.corrected(end, portrait)] if end else []
    return Row(
        label=group.title_of(shown), cells=[tall_face(cell, portrait, _SIDE) for cell in cells]
    )


def _rows(count: int) -> str:
    return "row shows" if count == 1 else f"{count} rows show"
