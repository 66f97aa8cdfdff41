"""Table III: GazeGANV2 without A, the code of the eyes' appearance that PAM gives.

Paper: Zhang et al. 2022, section IV-F: domain-X test portraits x against G_x's reconstruction.
"""

from collections.abc import Iterator

from gazebench.reports.ablations import beside
from gazebench.reports.grid import Grid
from gazebench.reports.measured import Measured
from gazebench.reports.tables._runs import SomeScores, table_of

_WHAT = SomeScores(
    number="III",
    title="Without A, the code of the appearance",
    paper="table_3",
    caption="Eyes of domain-X test portraits against what G_x makes of them: these portraits look "
    "at the camera already, so a perfect correction changes nothing. Both eye boxes, resized to "
    "256x256; the mean over a portrait's eyes counts.",
    titles={"harm_ms_ssim": "MS-SSIM, eyes", "harm_lpips": "LPIPS, eyes"},
)


def grids(measured: Measured) -> Iterator[Grid]:
    """A table for each dataset and benchmark version with a run without A."""
    for results in beside(measured, "A", _WHAT.titles):
        yield table_of(results, _WHAT)
