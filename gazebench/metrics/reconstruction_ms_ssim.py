"""MS-SSIM of the eyes of a portrait that was taken apart and put together again (Wang et al. 2003).

The number of Table IV of Zhang et al. 2022 (section IV-F): domain-Y test portraits y against what a
method that animates gives for the gaze that they have, eye patches only. Code: pytorch-msssim, MIT;
in float64.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.metrics._eyes import ENLARGED, eyes_ms_ssim
from gazebench.metrics._per_portrait import OfReconstruction


class ReconstructionMsSsim(OfReconstruction):
    """Mean over domain-Y test portraits; 1 where their eyes come out as they went in."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Reconstruction, MS-SSIM",
        higher_is_better=True,
        digits=4,
        help="How much of the eyes is kept when a portrait is animated to the gaze that it has: "
        "structural similarity at five scales (11x11 window); 1 is unchanged. A method that "
        "copies its source there has 1 too.",
        region=f"domain-Y test portraits at alpha 0: {ENLARGED}",
        bounds=(0.0, 1.0),
        group="animation",
        order=20,
        optional=True,
    )

    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """Similarities."""
        return eyes_ms_ssim(self.instruments, source, corrected)
