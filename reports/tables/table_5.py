"""Table V: GazeGANV2 without D, the coarse-to-fine module.

Paper: Zhang et al. 2022, section IV-F; the number is that of Table II.
"""

from collections.abc import Iterator

from gazebench.reports.ablations import beside
from gazebench.reports.grid import Grid
from gazebench.reports.measured import Measured
from gazebench.reports.tables._runs import SomeScores, table_of
from gazebench.reports.tables.table_2 import ANIMATION

_WHAT = SomeScores(
    number="V",
    title="Without D, the coarse-to-fine module",
    paper="table_5",
    caption=ANIMATION,
    titles={"animation_fid": "Animation FID"},
)


def grids(measured: Measured) -> Iterator[Grid]:
    """A table for each dataset and benchmark version with a run without D."""
    for results in beside(measured, "D", _WHAT.titles):
        yield table_of(results, _WHAT)
