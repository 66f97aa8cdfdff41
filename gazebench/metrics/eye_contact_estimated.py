"""Share of corrected portraits that an outside gaze estimator takes to look at the camera.

The second opinion beside ``eye_contact``: the estimator of ``gaze_error`` knows nothing of the
dataset, which only sets the largest angle that counts, on the training half's labels.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.errors import InputError
from gazebench.metrics._estimate import REGION, WEIGHTS, ByEstimator


class EyeContactEstimated(ByEstimator):
    """Mean over corrected portraits of 1 (at the camera) and 0."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Eye contact, estimated",
        higher_is_better=True,
        help="Share of corrected portraits whose estimated gaze is near enough to the camera; the "
        "largest angle that counts is where real training X and Y are told apart with as many "
        "errors of either kind. Beside it: the shares of real X, of training X with heads turned "
        "as those of test Y (what a perfect correction can expect) and of real Y, and the AUC. A "
        "method can please an estimator and no person.",
        region=REGION,
        weights=WEIGHTS,
        bounds=(0.0, 1.0),
        share=True,
        group="gaze",
        order=20,
        optional=True,
        noise_hurts=False,
    )

    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """1 or 0.

        Raises:
            InputError: the training half has no labels of both domains.
        """
        most = self.scale.threshold_deg if self.scale else None
        if most is None:
            raise InputError("needs labelled training portraits of both domains")
        return [float(error <= most) for error in self.errors(source, corrected)]

    def note(self) -> str:
        """The largest angle, and how good that is."""
        if not self.scale or self.scale.threshold_deg is None:
            return ""
        title = f"{self.card.title} (within {self.scale.threshold_deg:.1f}°)"
        return self.scale.standing.sentence(title)
