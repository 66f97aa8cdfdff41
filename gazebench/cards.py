"""What a table says of a method and of a metric.

Kept with every result, so that a report is made without importing either.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class MethodCard:
    """What a reader of the leaderboard wants to know about a method."""

    title: str
    # a control bounds the scale; a part is trained for other methods and corrects nothing itself
    kind: Literal["method", "control", "part"] = "method"
    paper: str = ""  # citation, "" for a control
    year: int | None = None
    url: str = ""  # arXiv or DOI address
    code: str = ""  # address of the authors' own code
    license: str = ""  # of that code, as an SPDX id
    supervision: str = ""  # what it learns from: "none", "unpaired X/Y"
    differs: str = ""  # what differs here from the paper or its code
    keeps_outside: bool = False  # every pixel outside the eye boxes is the source's, bit by bit


@dataclass(frozen=True, kw_only=True)
class MetricCard:
    """How a metric is written in a table, and exactly what it measures."""

    title: str  # "MS-SSIM outside"
    higher_is_better: bool
    unit: str = ""  # "°", "M", "1/s"
    digits: int = 3  # after the decimal point
    help: str = ""  # one sentence for the reader of the leaderboard
    region: str = ""  # "portrait without eye boxes", "eye patches"
    weights: tuple[str, ...] = ()  # names in `gazebench weights list`
    bounds: tuple[float | None, float | None] = (None, None)  # possible values
