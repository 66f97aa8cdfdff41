"""The control that changes nothing: perfect preservation, and the eye contact of the sources."""

from typing import ClassVar

from torch import Tensor

from gazebench.cards import MethodCard
from gazebench.config import Settings
from gazebench.dataset.batches import Batch
from gazebench.methods import Method, Task


class Identity(Method):
    """Gives every portrait back as it is."""

    card: ClassVar[MethodCard] = MethodCard(
        title="Identity", kind="control", supervision="none", keeps_outside=True
    )

    class Config(Settings):
        """Nothing to set."""

    def __init__(self, config: Config, task: Task) -> None:
        pass

    def correct(self, batch: Batch) -> Tensor:
        """A copy of the sources, (N, 3, H, W)."""
        return batch.image.clone()
