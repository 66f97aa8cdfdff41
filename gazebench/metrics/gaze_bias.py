"""Where a method's corrected eyes look on the whole, when single errors cancel out.

The estimator is that of ``gaze_error``. Its own bias is taken off: what counts is the difference
from real domain-X portraits of the test half.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri
from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch, Pixels
from gazebench.errors import InputError
from gazebench.metrics import Instruments
from gazebench.metrics._estimate import REGION, WEIGHTS, Scale, angles_of, estimator, mean_spread
from gazebench.results import Score


class GazeBias:
    """Length of the mean deviation (yaw, pitch) from that of real X, in degrees."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Gaze bias",
        higher_is_better=False,
        unit="°",
        digits=1,
        help="How far the mean gaze of all corrected portraits is from that of real portraits "
        "that look at the camera; the footnote says to which side. Errors in all directions "
        "cancel out here and count in the gaze error.",
        region=REGION,
        weights=WEIGHTS,
        bounds=(0.0, 180.0),
        group="gaze",
        order=40,
        optional=True,
        noise_hurts=False,
    )

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._scale: Scale | None = None
        self._angles: dict[str, tuple[float, float]] = {}
        estimator(instruments)

    def prepare(self, pixels: Pixels) -> None:
        """Measure the dataset's real portraits."""
        self._scale = Scale.of(pixels, self._instruments)

    def update_reference(self, real: Batch) -> None:
        """Not used."""

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Take in a batch."""
        found = angles_of(self._instruments, source, corrected)
        pairs = zip(found["yaw"], found["pitch"], strict=True)
        self._angles.update(zip(source.ids, pairs, strict=True))

    def features(self) -> dict[str, NDArray[Any]]:
        """``gaze_ids`` (P,), and ``gaze_deg`` (P, 2): estimated yaw and pitch."""
        return {"gaze_ids": np.array(sorted(self._angles)), "gaze_deg": self._rows()}

    def compute(self) -> Score:
        """The bias, with a 95 % interval over portraits, real ones included.

        Raises:
            InputError: no real portraits of domain X in the test half, or no corrected ones.
        """
        real = self._scale.real_x if self._scale else {}
        yaw, pitch = real.get("yaw"), real.get("pitch")
        if yaw is None or pitch is None or not self._angles:
            raise InputError("needs corrected portraits and real ones of the test half's domain X")
        rows = self._rows()
        side = rows.mean(axis=0) - (yaw, pitch)
        value = float(np.hypot(*side))
        radius = self._radius(rows)
        return Score(
            value=value,
            n=len(rows),
            interval=None if radius is None else (max(0.0, value - radius), value + radius),
            note=f"{self.card.title}: yaw {side[0]:+.1f}° (positive: to the image's right), "
            f"pitch {side[1]:+.1f}° (positive: up).",
        )

    def _radius(self, rows: NDArray[np.float64]) -> float | None:
        """Of a circle around the mean deviation that holds the true one 95 times of 100.

        It goes around Hotelling's ellipse of two means, of rows (N, 2) and of the real portraits,
        with the degrees of freedom of the fewer portraits: no direction is taken from the data.
        """
        spread, real = mean_spread(rows), self._scale
        if spread is None or real is None or real.real_x_spread is None:
            return None
        free = min(len(rows), real.real_x_n) - 1
        if free < 2:
            return None
        both = np.array(spread) + np.array(real.real_x_spread)
        most = 2 * free / (free - 1) * float(fdtri(2, free - 1, 0.95))
        return float(np.sqrt(most * np.linalg.eigvalsh(both)[-1]))

    def _rows(self) -> NDArray[np.float64]:
        return np.array([self._angles[key] for key in sorted(self._angles)], np.float64)
