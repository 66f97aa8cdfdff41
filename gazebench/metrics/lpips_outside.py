"""LPIPS of the portrait without its eye boxes (Zhang et al. 2018), source against corrected.

Paper: Zhang et al. 2022, section IV-D, Table I. AlexNet, version 0.1 of the linear layers.
"""

from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.metrics import Instruments, Metric
from gazebench.metrics._outside import REGION, outside
from gazebench.metrics._similarity import perceptual_distance
from gazebench.results import Score


class LpipsOutside(Metric):
    """Mean over portraits; exactly 0 where nothing outside the eye boxes has changed."""

    card: ClassVar[MetricCard] = MetricCard(
        title="LPIPS outside",
        higher_is_better=False,
        digits=4,
        help="How different the portrait around the eyes looks from the source: distance of "
        "AlexNet features (LPIPS v0.1), eye boxes left out; 0 is unchanged.",
        region=REGION,
        weights=("lpips_alexnet",),
        bounds=(0.0, None),
        group="preservation",
        order=20,
        sees_eyes=False,
    )

    def __init__(self, instruments: Instruments) -> None:
        _ = instruments.lpips  # its weights are had now
        self._instruments = instruments
        self._values: dict[str, float] = {}

    def update_reference(self, real: Batch) -> None:
        """Not used."""

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Take in a batch."""
        pair = (outside(source, image) for image in (source.image, corrected))
        values = perceptual_distance(self._instruments, *pair)
        self._values.update(zip(source.ids, values, strict=True))

    def compute(self) -> Score:
        """The mean with its interval over portraits."""
        return Score.of(self._values, bounds=self.card.bounds)
