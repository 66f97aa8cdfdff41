"""Whether a method turns eyes away that looked at the camera already.

The estimator is that of ``gaze_error``.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.metrics import Instruments
from gazebench.metrics._estimate import REGION, WEIGHTS, angles_of, estimator
from gazebench.metrics._per_portrait import OfCamera


class HarmGaze(OfCamera):
    """Mean over domain-X test portraits of the gaze error after less that before, in degrees."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Harm to gaze",
        higher_is_better=False,
        unit="°",
        digits=1,
        help="How much larger the estimated gaze error is after a correction of portraits that "
        "looked at the camera already; 0 is unchanged. Below 0 the estimator likes the corrected "
        "eyes better than real ones, which is a sign that the method pleases estimators.",
        region=f"domain-X test portraits: {REGION}",
        weights=WEIGHTS,
        bounds=(-180.0, 180.0),
        group="harm",
        order=30,
        optional=True,
        noise_hurts=False,
    )

    def __init__(self, instruments: Instruments) -> None:
        super().__init__(instruments)
        estimator(instruments)

    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """Degrees."""
        before, after = (
            angles_of(self.instruments, source, image)["error"]
            for image in (source.image, corrected)
        )
        return [b - a for a, b in zip(before, after, strict=True)]
