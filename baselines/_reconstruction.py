"""GazeGANV2's reconstruction of a portrait from its own codes, before CFM."""

from typing import Any

import torch
from torch import Tensor

from gazebench.baselines._eyes import seen
from gazebench.baselines._inpainting import View, code_of
from gazebench.dataset.batches import Batch
from gazebench.methods import TrainableMethod

LETTERS = ("G_x", "G_y", "E_r", "E_c")  # the networks that Table VI counts besides the up-sampler


def reconstruct(method: TrainableMethod, batch: Batch) -> Tensor:
    """What G_y makes of masked portraits of Y and their own codes r and c, (N, 3, H/2, W/2).

    ``method`` is a trained GazeGANV2 with CFM.
    """
    model: Any = method
    view = View.of(*seen(batch, 2), model.side)
    codes = [code_of(model.networks["E_r"], view.patches, joint=model.config.joint_angle)]
    if model.config.content_code:
        codes.append(code_of(model.networks["E_c"], view.patches))
    return model.networks["G_y"](view.masked, view.mask, torch.cat(codes, 1))
