"""Real-ESRGAN x2plus: RRDBNet on a pixel-unshuffled input, with the released weights.

The paper's ESRGAN has public weights for x4 alone; this is its authors' later network for x2.
"""

import torch
from torch import Tensor

from gazebench.baselines.upsamplers._rrdbnet import released, through
from gazebench.dataset.batches import Batch
from gazebench.evaluation.upsampling import Upsampler
from gazebench.methods import TrainableMethod, count_parameters


class RealEsrganX2(Upsampler):
    """Twice the size in one go."""

    title = "Real-ESRGAN x2"

    def __init__(self, method: TrainableMethod, device: torch.device) -> None:
        """Load the released weights.

        Raises:
            MissingPartError: they cannot be had.
        """
        self._network = released("real_esrgan_x2plus", 2, device)
        self.parameters = count_parameters([self._network])

    def double(self, coarse: Tensor, batch: Batch) -> Tensor:
        """The network's output, (N, 3, H, W)."""
        return through(self._network, coarse)
