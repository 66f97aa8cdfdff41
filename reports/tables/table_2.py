"""Table II: how real the eyes look while a gaze is moved.

Paper: Zhang et al. 2022, section IV-E. It states no points; ours are the five of its Fig. 16.
"""

from collections.abc import Iterator

from gazebench.reports import ablations
from gazebench.reports.grid import Grid
from gazebench.reports.measured import Measured, groups
from gazebench.reports.tables._runs import SomeScores, table_of

ANIMATION = (
    "FID of both eyes at five uniform points of an animation, from alpha 0, the source's own gaze, "
    "over 0.25, 0.5 and 0.75 to alpha 1, its correction, against real training portraits of both "
    "domains. A method that hardly moves the eyes scores well."
)
_WHAT = SomeScores(
    number="II",
    title="Gaze animation",
    paper="table_2",
    caption=ANIMATION,
    titles={"animation_fid": "Animation FID"},
)


def grids(measured: Measured) -> Iterator[Grid]:
    """A table for each dataset and benchmark version on which gazes were moved."""
    for group in groups(measured.runs):
        results = [run.result for run in group if "animation_fid" in run.result.scores]
        whole = [result for result in results if not ablations.without(result)]
        if whole:
            yield table_of(whole, _WHAT)
