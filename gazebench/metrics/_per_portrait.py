"""What metrics share whose score is a mean over portraits."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.metrics._networks import Instruments
from gazebench.results import Score


class PerPortrait(ABC):
    """A mean over corrected portraits of a number that each has; what number is the subclass's."""

    card: ClassVar[MetricCard]

    def __init__(self, instruments: Instruments) -> None:
        self.instruments = instruments
        self._values: dict[str, float] = {}

    @abstractmethod
    def measure(self, source: Batch, corrected: Tensor) -> Sequence[float]:
        """The numbers of N portraits, from their sources and (N, 3, H, W) in [-1, 1]."""

    def note(self) -> str:
        """What a reader needs beside the score."""
        return ""

    def judge(self) -> str:
        """Sha256 of what was trained to measure this dataset; "" where nothing was."""
        return ""

    def update_reference(self, real: Batch) -> None:  # noqa: B027 - few metrics need one
        """Not used."""

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Take in a batch."""
        self._values.update(zip(source.ids, self.measure(source, corrected), strict=True))

    def compute(self) -> Score:
        """The mean with its interval over portraits."""
        card = self.card
        return Score.of(
            self._values,
            bounds=card.bounds,
            share=card.share,
            note=self.note(),
            judge=self.judge(),
        )


class OfCamera(PerPortrait):
    """The same over portraits that looked at the camera already: what harm a method does."""

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Not used: these portraits need a correction."""

    def update_camera(self, source: Batch, corrected: Tensor) -> None:
        """Take in a batch of domain X."""
        super().update(source, corrected)


class OfReconstruction(PerPortrait):
    """The same over what a method that animates makes of a portrait whose gaze stays: alpha 0."""

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Not used: these are corrections."""

    def update_animation(self, source: Batch, animated: Tensor) -> None:
        """Take in a batch, (N, A, 3, H, W)."""
        super().update(source, animated[:, 0])
