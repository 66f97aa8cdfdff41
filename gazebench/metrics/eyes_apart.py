"""Whether the two eyes look at one place (vergence), by where their irises stand.

For each eye the iris's place between its corners, in iris radii; the difference of the two eyes
against its mean over real domain-X portraits of the training half, which it is not zero for.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset import Domain, Split
from gazebench.dataset.batches import Batch, Pixels
from gazebench.errors import InputError
from gazebench.metrics import Instruments
from gazebench.metrics._found_irises import REGION, WEIGHTS, irises, offset
from gazebench.results import Score

_MOST = 200  # real portraits that are looked at, of each half
_CHUNK = 16


class EyesApart:
    """Mean over corrected portraits, in iris radii."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Eyes apart",
        higher_is_better=False,
        digits=2,
        help="How far the two irises stand from pointing at one place, in iris radii, against the "
        "mean of real portraits that look at the camera. Those differ from their mean too, above "
        "all where the head is turned: the footnote says by how much. Portraits in which irises "
        "cannot be found are left out.",
        region=REGION,
        weights=WEIGHTS,
        bounds=(0.0, None),
        group="gaze",
        order=50,
        optional=True,
        noise_hurts=False,
    )

    def __init__(self, instruments: Instruments) -> None:
        for name in WEIGHTS:
            instruments.require(name)
        self._instruments = instruments
        self._real: tuple[NDArray[np.float64], float] | None = None  # mean difference, floor
        self._values: dict[str, NDArray[np.float64]] = {}

    def prepare(self, pixels: Pixels) -> None:
        """Look at real portraits of domain X.

        Raises:
            InputError: there is none whose irises can be found, in one of the halves.
        """
        key = ("eyes apart", pixels.manifest.fingerprint)
        self._real = self._instruments.kept(key, lambda: self._measured(pixels))

    def update_reference(self, real: Batch) -> None:
        """Not used."""

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Take in a batch."""
        self._values.update(self._differences(source, corrected))

    def compute(self) -> Score:
        """The mean with its interval over portraits, and what real X has.

        Raises:
            InputError: nobody gave it a dataset, or no irises were found.
        """
        if self._real is None:
            raise InputError("needs real portraits of domain X")
        mean, floor = self._real
        values = {id_: float(np.linalg.norm(row - mean)) for id_, row in self._values.items()}
        note = f"{self.card.title}: real test X {floor:.2f} (floor)."
        return Score.of(values, bounds=self.card.bounds, note=note)

    def _measured(self, pixels: Pixels) -> tuple[NDArray[np.float64], float]:
        halves = []
        for split in (Split.TRAIN, Split.TEST):
            portraits = pixels.manifest.select(split=split, domain=Domain.CAMERA)
            rows: dict[str, NDArray[np.float64]] = {}
            for batch in pixels.batches(portraits[:: max(1, -(-len(portraits) // _MOST))], _CHUNK):
                rows |= self._differences(batch, batch.image)
            if not rows:
                raise InputError(f"no irises were found in the {split} half's domain X")
            halves.append(np.array(list(rows.values())))
        mean = halves[0].mean(axis=0)
        return mean, float(np.linalg.norm(halves[1] - mean, axis=1).mean())

    def _differences(self, batch: Batch, image: Tensor) -> dict[str, NDArray[np.float64]]:
        found = zip(batch.ids, irises(self._instruments, batch, image), strict=True)
        return {id_: offset(pair.right) - offset(pair.left) for id_, pair in found if pair}
