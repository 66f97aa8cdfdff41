"""Share of corrected portraits that a second outside estimator takes to look at the camera.

What ``eye_contact_estimated`` is of ``gaze_error``, this is of ``gaze_error_xgaze``.
"""

from typing import ClassVar

from gazebench.cards import MetricCard
from gazebench.metrics._eth_xgaze import REGION, WEIGHTS, EthXGaze
from gazebench.metrics.eye_contact_estimated import EyeContactEstimated


class EyeContactXGaze(EyeContactEstimated):
    """Mean over corrected portraits of 1 (at the camera) and 0."""

    kind = EthXGaze
    card: ClassVar[MetricCard] = MetricCard(
        title="Eye contact, XGaze",
        higher_is_better=True,
        help="Share of corrected portraits whose gaze, by a second frozen estimator that sees the "
        "whole face, is near enough to the mean of real training X; the largest angle that counts "
        "is set as in the first estimate. Beside it: the shares of real X, of training X with "
        "heads turned as those of test Y, and of real Y, and the AUC, which is lower than the "
        "first one's (0.84 to 0.92 on generated portraits of 256 pixels): a second opinion, not a "
        "better one.",
        region=REGION,
        weights=WEIGHTS,
        bounds=(0.0, 1.0),
        share=True,
        group="gaze",
        order=22,
        optional=True,
        on_request=True,
        noise_hurts=False,
    )
