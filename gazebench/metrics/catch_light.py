"""Whether the light in the eyes is kept: without it they look dead.

A catch-light is what is brighter than the rest of the iris: the brightest pixel within three
quarters of its radius against the median there. Irises: see ``gazebench.irises``.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.irises import Eye
from gazebench.metrics import Instruments
from gazebench.metrics._found_irises import REGION, WEIGHTS, irises, pictures
from gazebench.results import Score

_INSIDE = 0.75  # of the radius: further out lies the white of the eye
_BRIGHT = 40.0  # grey values (0-255) over the median that make a catch-light
_GREY = (0.299, 0.587, 0.114)


class CatchLight:
    """Mean over eyes with a catch-light of the share of its contrast that is left."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Catch-light",
        higher_is_better=True,
        digits=2,
        help="How much of the light in the eyes is left: contrast of the brightest spot in the "
        "iris after the correction over that before, at most 1. Eyes without one before are left "
        "out; one whose iris cannot be found any more counts as 0. A white spot anywhere in the "
        "iris passes for a catch-light.",
        region=REGION,
        weights=WEIGHTS,
        bounds=(0.0, 1.0),
        group="harm",
        order=60,
        optional=True,
        noise_hurts=False,
    )

    def __init__(self, instruments: Instruments) -> None:
        for name in WEIGHTS:
            instruments.require(name)
        self._instruments = instruments
        self._values: dict[str, float] = {}

    def update_reference(self, real: Batch) -> None:
        """Not used."""

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Take in a batch."""
        looks = [
            zip(irises(self._instruments, source, image), pictures(image), strict=True)
            for image in (source.image, corrected)
        ]
        for id_, (before, old), (after, new) in zip(source.ids, *looks, strict=True):
            if before is None:
                continue
            lights = [_light(old, eye) for eye in before.eyes]
            left = [_light(new, eye) for eye in after.eyes] if after else [0.0] * len(lights)
            kept = [min(b / a, 1.0) for a, b in zip(lights, left, strict=True) if a >= _BRIGHT]
            if kept:
                self._values[id_] = float(np.mean(kept))

    def compute(self) -> Score:
        """The mean with its interval over portraits.

        Raises:
            InputError: no source has a catch-light.
        """
        return Score.of(self._values, bounds=self.card.bounds)


def _light(picture: NDArray[np.uint8], eye: Eye) -> float:
    """Contrast of the brightest pixel in an iris of (H, W, 3), in grey values."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    near = (columns - eye.iris.x) ** 2 + (rows - eye.iris.y) ** 2 <= (_INSIDE * eye.radius) ** 2
    grey = picture[near] @ np.array(_GREY)
    return float(grey.max() - np.median(grey)) if len(grey) else 0.0
