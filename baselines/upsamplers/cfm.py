"""CFM: GazeGANV2's own coarse-to-fine module, with what the source has outside the eyes."""

from typing import Any

import torch
from torch import Tensor

from gazebench.baselines._cfm import Fine
from gazebench.dataset.batches import Batch
from gazebench.errors import MethodError
from gazebench.evaluation.upsampling import Upsampler
from gazebench.methods import TrainableMethod, count_parameters


class Cfm(Upsampler):
    """The refiner G_h of a trained run."""

    title = "CFM"

    def __init__(self, method: TrainableMethod, device: torch.device) -> None:
        """Take G_h.

        Raises:
            MethodError: the run was trained without CFM.
        """
        if "G_h" not in method.networks:
            raise MethodError("this run has no CFM (ablation D)")
        self._method: Any = method
        self._refiner = method.networks["G_h"]
        self.parameters = count_parameters([self._refiner])

    def double(self, coarse: Tensor, batch: Batch) -> Tensor:
        """The source's portraits with refined eyes, (N, 3, H, W)."""
        fine = Fine.of(batch, self._method.task, self._method.config.upsampling)
        return fine.pasted(fine.refined(self._refiner, coarse))
