"""MS-SSIM of the eyes of portraits that looked at the camera already (Wang et al. 2003).

The same number as MS-SSIM in Table III of Zhang et al. 2022 (section IV-F): domain-X test portraits
against what the method makes of them, eye patches only. Code: pytorch-msssim, MIT; in float64.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.metrics._eyes import ENLARGED, eyes_ms_ssim
from gazebench.metrics._per_portrait import OfCamera


class HarmMsSsim(OfCamera):
    """Mean over domain-X test portraits; 1 where their eyes have not changed."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Harm, MS-SSIM",
        higher_is_better=True,
        digits=4,
        help="How much of the eyes is kept in a correction of portraits that looked at the camera "
        "already: structural similarity at five scales (11x11 window); 1 is unchanged.",
        region=f"domain-X test portraits: {ENLARGED}",
        bounds=(0.0, 1.0),
        group="harm",
        order=20,
        optional=True,
    )

    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """Similarities."""
        return eyes_ms_ssim(self.instruments, source, corrected)
