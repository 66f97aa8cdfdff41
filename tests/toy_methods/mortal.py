"""GazeGANV2 that can be made to crash, tiny."""

from typing import ClassVar

from torch import Tensor

from gazebench.baselines import gazegan_v2
from gazebench.dataset.batches import Draw
from toy_methods.small import accident


class Mortal(gazegan_v2.GazeGANV2):
    small_settings: ClassVar = gazegan_v2.GazeGANV2.small_settings

    def training_step(self, draw: Draw) -> dict[str, Tensor]:
        accident(draw.step)
        return super().training_step(draw)
