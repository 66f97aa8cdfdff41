"""LPIPS of the eyes of a portrait that was taken apart and put together again (Zhang et al. 2018).

The number of Table IV of Zhang et al. 2022 (section IV-F): domain-Y test portraits y against what a
method that animates gives for the gaze that they have, eye patches only; AlexNet, version 0.1 of
the linear layers.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.metrics import Instruments
from gazebench.metrics._eyes import ENLARGED, eyes_lpips
from gazebench.metrics._per_portrait import OfReconstruction


class ReconstructionLpips(OfReconstruction):
    """Mean over domain-Y test portraits; 0 where their eyes come out as they went in."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Reconstruction, LPIPS",
        higher_is_better=False,
        digits=4,
        help="How different the eyes look when a portrait is animated to the gaze that it has: "
        "distance of AlexNet features (LPIPS v0.1); 0 is unchanged. A method that copies its "
        "source there has 0 too.",
        region=f"domain-Y test portraits at alpha 0: {ENLARGED}",
        weights=("lpips_alexnet",),
        bounds=(0.0, None),
        group="animation",
        order=30,
        optional=True,
    )

    def __init__(self, instruments: Instruments) -> None:
        super().__init__(instruments)
        instruments.require("lpips_alexnet")

    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """Distances."""
        return eyes_lpips(self.instruments, source, corrected)
