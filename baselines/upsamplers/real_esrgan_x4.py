"""Real-ESRGAN x4plus, then halved: the other way that its authors name to get x2."""

import torch
from torch import Tensor

from gazebench.baselines._gazegan_shared import halved
from gazebench.baselines.upsamplers._rrdbnet import released, through
from gazebench.dataset.batches import Batch
from gazebench.evaluation.upsampling import Upsampler
from gazebench.methods import TrainableMethod, count_parameters


class RealEsrganX4(Upsampler):
    """Four times the size, and back to twice by the mean of 2x2 pixels."""

    title = "Real-ESRGAN x4, halved"

    def __init__(self, method: TrainableMethod, device: torch.device) -> None:
        """Load the released weights.

        Raises:
            MissingPartError: they cannot be had.
        """
        self._network = released("real_esrgan_x4plus", 4, device)
        self.parameters = count_parameters([self._network])

    def double(self, coarse: Tensor, batch: Batch) -> Tensor:
        """The halved output, (N, 3, H, W)."""
        return halved(through(self._network, coarse))
