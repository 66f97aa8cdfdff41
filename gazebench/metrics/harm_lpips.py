"""LPIPS of the eyes of portraits that looked at the camera already (Zhang et al. 2018).

The same number as LPIPS in Table III of Zhang et al. 2022 (section IV-F): domain-X test portraits
against what the method makes of them, eye patches only; AlexNet, version 0.1 of the linear layers.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.metrics import Instruments
from gazebench.metrics._eyes import ENLARGED, eyes_lpips
from gazebench.metrics._per_portrait import OfCamera


class HarmLpips(OfCamera):
    """Mean over domain-X test portraits; 0 where their eyes have not changed."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Harm, LPIPS",
        higher_is_better=False,
        digits=4,
        help="How different the eyes look after a correction of portraits that looked at the "
        "camera already: distance of AlexNet features (LPIPS v0.1); 0 is unchanged.",
        region=f"domain-X test portraits: {ENLARGED}",
        weights=("lpips_alexnet",),
        bounds=(0.0, None),
        group="harm",
        order=10,
        optional=True,
    )

    def __init__(self, instruments: Instruments) -> None:
        super().__init__(instruments)
        instruments.require("lpips_alexnet")

    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """Distances."""
        return eyes_lpips(self.instruments, source, corrected)
