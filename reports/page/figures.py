"""The figures on the page: pictures in few bytes, and plots of points as SVG that can be asked."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

from gazebench.reports.figures._drawing import Panel
from gazebench.reports.illustrations import Illustration
from gazebench.reports.page.offline import within

WIDTH = 1200  # pixels, at most
BUDGET = 750_000  # bytes of all pictures of a page
_PLOT = 400  # units of a plot's side
_DIGITS = 1


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point of a plot."""

    x: float
    y: float
    series: int
    title: str


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A panel in units of the page's SVG."""

    title: str
    note: str
    series: Sequence[str]
    points: Sequence[Point]
    path: str  # of the lines between points that belong together
    side: int = _PLOT


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A figure as the page has it: a picture, or plots."""

    name: str
    heading: str  # "Figure 6. Gaze correction"
    caption: str
    alt: str
    uri: str = ""
    size: tuple[int, int] = (0, 0)  # of the picture, pixels
    plots: Sequence[Plot] = ()
    of: str = ""  # the run, where it shows one


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of one part of the page."""

    shown: Sequence[Shown] = ()
    curves: Sequence[Shown] = ()  # without a number: behind a fold
    unfilled: Sequence[str] = field(default_factory=tuple)  # why others are missing

    @classmethod
    def of(
        cls, made: Sequence[Illustration], unfilled: Sequence[str], share: float = 1.0
    ) -> "Figures":
        """All of them within ``share`` of the page's budget, in the best quality that fits."""
        pictures = {i.name: _picture(i) for i in made if not i.panels}
        uris = within(pictures, share * BUDGET)
        shown = [_shown(one, uris.get(one.name, ""), pictures.get(one.name)) for one in made]
        pairs = list(zip(made, shown, strict=True))
        return cls(
            shown=[s for i, s in pairs if i.number],
            curves=[s for i, s in pairs if not i.number],
            unfilled=tuple(unfilled),
        )


def _picture(made: Illustration) -> Image.Image:
    data = made.files["png"]
    assert isinstance(data, bytes)
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    if picture.width <= WIDTH:
        return picture
    size = WIDTH, round(picture.height * WIDTH / picture.width)
    return picture.resize(size, Image.Resampling.LANCZOS)


def _shown(made: Illustration, uri: str, picture: Image.Image | None) -> Shown:
    return Shown(
        name=made.name,
        heading=f"Figure {made.number}. {made.title}" if made.number else made.title,
        caption=made.caption,
        alt=made.alt,
        uri=uri,
        size=picture.size if picture else (0, 0),
        of=made.of,
        plots=[_plot(panel) for panel in made.panels],
    )


def _plot(panel: Panel) -> Plot:
    margin = 0.04 * _PLOT
    span = _PLOT - 2 * margin
    points = [
        Point(
            x=round(margin + x * span, _DIGITS),
            y=round(margin + (1 - y) * span, _DIGITS),
            series=series,
            title=title,
        )
        for x, y, series, title in panel.points
    ]
    path = "".join(
        f"M{points[a].x:g} {points[a].y:g}L{points[b].x:g} {points[b].y:g}" for a, b in panel.links
    )
    return Plot(title=panel.title, note=panel.note, series=panel.series, points=points, path=path)
