"""Angle between the estimated gaze of a corrected portrait and the direction to the camera.

Estimator: ``gaze-estimation-adas-0002`` of Intel's Open Model Zoo, Apache-2.0, on both eyes and
the pose of the source's head; see ``_gaze``. No published protocol of portrait correction has this
number; that of redirection has it (He et al. 2019, section 5.2), with another estimator.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch, Pixels
from gazebench.metrics import Instruments
from gazebench.metrics._estimate import REGION, WEIGHTS, Scale, angles_of, estimator
from gazebench.metrics._per_portrait import PerPortrait


class GazeError(PerPortrait):
    """Mean over corrected portraits, in degrees."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Gaze error",
        higher_is_better=False,
        unit="°",
        digits=1,
        help="How far from the camera a frozen estimator says that the corrected eyes look. "
        "Real portraits that look at the camera have several degrees too: the footnote says how "
        "many. On synthetic faces of known gaze it follows yaw well (r = 0.96) and pitch less "
        "(r = 0.77, 0.6° for each degree), and a method can please an estimator and no person.",
        region=REGION,
        weights=WEIGHTS,
        bounds=(0.0, 180.0),
        group="gaze",
        order=30,
        optional=True,
        noise_hurts=False,
    )

    def __init__(self, instruments: Instruments) -> None:
        super().__init__(instruments)
        self._scale: Scale | None = None
        estimator(instruments)

    def prepare(self, pixels: Pixels) -> None:
        """Measure the dataset's real portraits, for the footnote."""
        self._scale = Scale.of(pixels, self.instruments)

    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """Degrees."""
        return angles_of(self.instruments, source, corrected)["error"]

    def note(self) -> str:
        """What real portraits have that look at the camera."""
        real = self._scale.real_x["error"] if self._scale else None
        return f"{self.card.title}: real test X {real:.1f}° (floor)." if real is not None else ""
