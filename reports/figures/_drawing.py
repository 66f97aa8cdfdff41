"""A figure, and how it becomes the same bytes every time."""

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

DPI = 200
TEXT = 8  # points
# Okabe and Ito, "Color universal design", 2008: told apart by colour-blind people, and in print
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#B8A500")
_STYLE: Any = {  # of any kind: the types of keys are matplotlib's own
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": TEXT,
    "axes.titlesize": TEXT + 0.5,
    "axes.labelsize": TEXT,
    "legend.fontsize": TEXT - 0.5,
    "xtick.labelsize": TEXT - 1,
    "ytick.labelsize": TEXT - 1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",  # so that it reads on a dark page too
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "svg.hashsalt": "gazebench",
    "svg.fonttype": "path",
}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Points of a plot that the page draws itself, each with its own title."""

    title: str
    note: str
    points: Sequence[tuple[float, float, int, str]]  # x and y in [0, 1], y up; series; title
    links: Sequence[tuple[int, int]]  # pairs of points that belong together
    series: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One picture of a report."""

    figure: Figure
    title: str  # "Gaze correction"
    caption: str  # sentences: what is shown and how it is to be read
    alt: str  # what a person who does not see it needs
    runs: Sequence[str] = ()  # what is shown comes from these
    faces: bool = True  # portraits are among it
    of: str = ""  # which of several pictures of one module: the run
    panels: Sequence[Panel] = ()  # where the page draws the points
    data: Mapping[str, Any] | None = None  # numbers behind the picture, for a JSON file


@contextmanager
def style() -> Iterator[None]:
    """The settings of every figure, whatever the user's own are; for making and for writing it."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # in somebody's title
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def png(figure: Figure) -> bytes:
    """The picture's pixels."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """The picture as SVG; letters are outlines."""
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator"))
    FigureCanvasSVG(figure).print_svg(buffer, metadata=nothing)
    return buffer.getvalue()
