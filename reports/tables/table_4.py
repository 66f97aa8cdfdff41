"""Table IV: GazeGANV2 without C, the loss that keeps the code of the eyes' appearance.

Paper: Zhang et al. 2022, section IV-F: domain-Y test portraits y against G_y's reconstruction.
"""

from collections.abc import Iterator

from gazebench.reports.ablations import beside
from gazebench.reports.grid import Grid
from gazebench.reports.measured import Measured
from gazebench.reports.tables._runs import SomeScores, table_of

_WHAT = SomeScores(
    number="IV",
    title="Without C, the loss of the code of the appearance",
    paper="table_4",
    caption="Eyes of domain-Y test portraits against what G_y makes of them for the gaze that they "
    "have (alpha 0 of an animation). Both eye boxes, resized to 256x256; the mean over a "
    "portrait's eyes counts.",
    titles={"reconstruction_ms_ssim": "MS-SSIM, eyes", "reconstruction_lpips": "LPIPS, eyes"},
)


def grids(measured: Measured) -> Iterator[Grid]:
    """A table for each dataset and benchmark version with a run without C."""
    for results in beside(measured, "C", _WHAT.titles):
        yield table_of(results, _WHAT)
