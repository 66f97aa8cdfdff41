"""Whether the irises have kept their size: one that grows or shrinks makes a stare or a squint.

Irises by MediaPipe's networks and a search for circles; see ``gazebench.irises``.
"""

from typing import ClassVar

from torch import Tensor

from gazebench.cards import MetricCard
from gazebench.dataset.batches import Batch
from gazebench.errors import counted
from gazebench.metrics import Instruments
from gazebench.metrics._found_irises import REGION, WEIGHTS, irises
from gazebench.results import Score


class IrisSize:
    """Mean over corrected portraits of the change of the iris's radius, in per cent."""

    card: ClassVar[MetricCard] = MetricCard(
        title="Iris size",
        higher_is_better=False,
        unit="%",
        digits=1,
        help="By how much the radius of the irises has changed, larger or smaller; 0 is unchanged. "
        "Portraits in which irises cannot be found, before or after, are left out: the footnote "
        "says in how many they were lost.",
        region=REGION,
        weights=WEIGHTS,
        bounds=(0.0, None),
        group="harm",
        order=70,
        optional=True,
        noise_hurts=False,
    )

    def __init__(self, instruments: Instruments) -> None:
        for name in WEIGHTS:
            instruments.require(name)
        self._instruments = instruments
        self._values: dict[str, float] = {}
        self._lost: set[str] = set()

    def update_reference(self, real: Batch) -> None:
        """Not used."""

    def update(self, source: Batch, corrected: Tensor) -> None:
        """Take in a batch."""
        pairs = (irises(self._instruments, source, image) for image in (source.image, corrected))
        for id_, before, after in zip(source.ids, *pairs, strict=True):
            if before and after:
                change = after.left.radius / before.left.radius - 1
                self._values[id_] = 100 * abs(change)
            elif before:
                self._lost.add(id_)

    def compute(self) -> Score:
        """The mean with its interval over portraits."""
        lost = len(self._lost)
        note = f"{self.card.title}: irises lost in {counted(lost, 'portrait')}." if lost else ""
        return Score.of(self._values, bounds=self.card.bounds, note=note)
