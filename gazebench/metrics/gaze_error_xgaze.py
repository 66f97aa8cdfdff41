"""The gaze error by a second estimator, which looks at the whole face.

Estimator: a ResNet-18 trained on ETH-XGaze, see ``_eth_xgaze``. It has another input, another
network and other training data than that of ``gaze_error``. On 200 generated portraits of 256
pixels the two agree with r = 0.88 in yaw and 0.78 in pitch; where they differ, look at the faces.
"""

from typing import ClassVar

from gazebench.cards import MetricCard
from gazebench.metrics._eth_xgaze import REGION, WEIGHTS, EthXGaze
from gazebench.metrics.gaze_error import GazeError


class GazeErrorXGaze(GazeError):  # noqa: N818 - no exception
    """Mean over corrected portraits, in degrees."""

    kind = EthXGaze
    card: ClassVar[MetricCard] = MetricCard(
        title="Gaze error, XGaze",
        higher_is_better=False,
        unit="°",
        digits=1,
        help="The gaze error by a second frozen estimator, which sees the whole face. It says that "
        "real portraits look about 12° below the camera, so the angle is counted from their mean "
        "in the training half; the footnote says how far real ones of the test half are from it. "
        "On synthetic faces of known gaze it follows yaw well (r = 0.92) and pitch poorly "
        "(r = 0.61, 0.7° for each degree), and the turn of the head counts for it too. A method "
        "can please an estimator and no person.",
        region=REGION,
        weights=WEIGHTS,
        bounds=(0.0, 180.0),
        group="gaze",
        order=32,
        optional=True,
        on_request=True,
        noise_hurts=False,
    )
