"""MS-SSIM of the portrait without its eye boxes (Wang et al. 2003), source against corrected.

Paper: Zhang et al. 2022, section IV-D, Table I.
"""

from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.metrics import Instruments, Metric
from gazebench.metrics._outside import REGION, outside
from gazebench.metrics._similarity import structural_similarity
from gazebench.results import Score


class MsSsimOutside(Metric):
    """Mean over portraits; 1 where nothing outside the eye boxes has changed."""

    card: ClassVar[MetricCard] = MetricCard(
        title="MS-SSIM outside",
        higher_is_better=True,
        digits=4,
        help="How much of the portrait around the eyes is kept: structural similarity with the "
        "source at five scales (11x11 window), eye boxes left out; 1 is unchanged.",
        region=REGION,
        bounds=(0.0, 1.0),
        group="preservation",
        order=10,
        sees_eyes=False,
    )

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._values: dict[str, float] = {}

    def update_reference(self, real: Batch) -> None:
        """Not used."""

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Take in a batch.

        Raises:
            InputError: the portraits have a side of 160 pixels or less.
        """
        pair = (outside(source, image) for image in (source.image, corrected))
        values = structural_similarity(self._instruments, *pair)
        self._values.update(zip(source.ids, values, strict=True))

    def compute(self) -> Score:
        """The mean with its interval over portraits."""
        return Score.of(self._values, bounds=self.card.bounds)
