"""Corrected eyes against as many real ones of the test half, which no method has seen."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset import Domain, Portrait, Split
from gazebench.dataset.batches import Batch, Pixels
from gazebench.errors import InputError
from gazebench.metrics._eyes import REGION, WEIGHTS, EyeFeatures
from gazebench.metrics._networks import Instruments
from gazebench.results import Score

OF_TESTS = f"{REGION}; as many of real domain-X test portraits"
_BATCH = 8


class EyesOfTests(ABC):
    """A metric between two sets of equal size; what is computed of them is the subclass's."""

    card: ClassVar[MetricCard]

    def __init__(self, instruments: Instruments) -> None:
        for name in WEIGHTS:
            instruments.require(name)
        self._instruments = instruments
        self._corrected = EyeFeatures(instruments)
        self._real: EyeFeatures | None = None

    def prepare(self, pixels: Pixels) -> None:
        """Look at the domain-X test portraits, which are the reference, once for all methods."""
        portraits = pixels.manifest.select(split=Split.TEST, domain=Domain.CAMERA)
        key = ("eyes of tests", tuple(portrait.sha256 for portrait in portraits))
        self._real = self._instruments.kept(key, lambda: self._features(pixels, portraits))

    def update_reference(self, real: Batch) -> None:  # noqa: B027 - another reference
        """Not used: these are training portraits."""

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Take in a batch."""
        self._corrected.add(source.ids, corrected, source.eyes)

    def sets(self) -> tuple[EyeFeatures, EyeFeatures]:
        """Corrected and real portraits, as many of each as the smaller set has.

        Raises:
            InputError: no corrected portraits, no domain-X test portraits, or no dataset.
        """
        real = self._real
        if real is None:
            raise InputError("needs the dataset, see `prepare`")
        count = min(len(real.by_id), len(self._corrected.by_id))
        if not count:
            raise InputError("needs corrected portraits, and domain-X portraits in the test half")
        return _evenly(self._corrected, count), _evenly(real, count)

    @abstractmethod
    def compute(self) -> Score:
        """The distance; ``n`` counts the corrected patches that went into it."""

    def _features(self, pixels: Pixels, portraits: tuple[Portrait, ...]) -> EyeFeatures:
        found = EyeFeatures(self._instruments)
        for batch in pixels.batches(portraits, _BATCH):
            found.add_real(batch)
        return found


def _evenly(features: EyeFeatures, count: int) -> EyeFeatures:
    """``count`` of the portraits, evenly chosen."""
    ids = sorted(features.by_id)
    some = [ids[place * len(ids) // count] for place in range(count)]
    return EyeFeatures(features.instruments, {id_: features.by_id[id_] for id_ in some})
