"""Angle between the estimated gaze of a corrected portrait and the direction to the camera.

Estimator: ``gaze-estimation-adas-0002`` of Intel's Open Model Zoo, Apache-2.0, on both eyes and
the pose of the source's head; see ``_gaze``. No published protocol of portrait correction has this
number; that of redirection has it (He et al. 2019, section 5.2), with another estimator.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.metrics._estimate import REGION, WEIGHTS, ByEstimator
from gazebench.metrics._eye_contact import TURNED


class GazeError(ByEstimator):
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

    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """Degrees."""
        return self.errors(source, corrected)

    def note(self) -> str:
        """What real portraits have that look at the camera."""
        real = self.scale.real_x["error"] if self.scale else None
        if not self.scale or real is None:
            return ""
        turned = self.scale.error_x_turned
        more = f", {TURNED} {turned:.1f}°" if turned is not None else ""
        return f"{self.card.title}: real test X {real:.1f}° (floor){more}."
