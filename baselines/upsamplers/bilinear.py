"""Bilinear: every pixel interpolated between its neighbours."""

import torch
from torch import Tensor

from gazebench.baselines._gazegan_shared import doubled
from gazebench.dataset.batches import Batch
from gazebench.evaluation.upsampling import Upsampler
from gazebench.methods import TrainableMethod


class Bilinear(Upsampler):
    """Without weights."""

    title = "Bilinear"
    parameters = 0

    def __init__(self, method: TrainableMethod, device: torch.device) -> None:
        """Nothing to load."""

    def double(self, coarse: Tensor, batch: Batch) -> Tensor:
        """The interpolated image, (N, 3, H, W)."""
        return doubled(coarse)
